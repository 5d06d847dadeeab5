"""`python -m tests.benchmark`."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from api.commands.shared import note, print_json, quiet_libraries, registry, stdout
from data.errors import Interrupted, TriageError
from tests.benchmark import clinc150, label_errors
from tests.load.scenarios import Bar
from training.pipeline import RUNS

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "benchmarks"


_Measured = tuple[dict[str, Any], list[dict[str, Any]]]
"""The recipe, and the figures of each seed."""


@dataclass(frozen=True, slots=True)
class _Benchmark:
    """Its file, in the folder of the benchmarks, its figures, and what is aimed at."""

    file: Path
    figures: tuple[str, ...]
    aims: Mapping[str, Bar]
    measure: Callable[[Path, argparse.Namespace], _Measured]


def main(arguments: Sequence[str] | None = None) -> int:
    """Train where that is not done yet, score, print, and return the exit status: 0 where there is nothing to read."""
    options = _options(arguments)
    benchmark = _BENCHMARKS[options.benchmark]
    path = options.data / benchmark.file
    if not path.is_file():
        note(f"{path}: not there, so there is nothing to measure; name the folder of the benchmarks with --data")
        return 0
    try:
        quiet_libraries()
        recipe, runs = benchmark.measure(path, options)
    except TriageError as error:
        note(f"error: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        note("interrupted")
        return Interrupted.exit_code
    result = {
        "benchmark": options.benchmark,
        "date": datetime.now(UTC).date().isoformat(),
        "recipe": recipe | {"seed": options.seeds},
        "figures": over_seeds(runs, benchmark.figures, benchmark.aims),
        "runs": runs,
    }
    if options.json:
        print_json(result)
    else:
        stdout.print(table(result))
    return 0


def over_seeds(
    runs: Sequence[Mapping[str, Any]],
    figures: Sequence[str] = clinc150.FIGURES,
    aims: Mapping[str, Bar] = clinc150.AIMS,
) -> dict[str, dict[str, Any]]:
    """Each figure over the seeds, with the aim that stands for it, if one does, and whether its mean reaches it."""
    found: dict[str, dict[str, Any]] = {}
    for name in figures:
        values = [run[name] for run in runs]
        mean, aim = float(np.mean(values)), aims.get(name)
        judged = {"aim": str(aim), "met": aim.met(mean)} if aim else {}
        found[name] = {"mean": mean, "min": min(values), "max": max(values), **judged}
    return found


def table(result: Mapping[str, Any]) -> Table:
    """For a person to read."""
    recipe, runs = result["recipe"], result["runs"]
    settings = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in recipe.items() if name != "seed")
    seeds = ", ".join(
        f"seed {run['seed']}" + (f": {run['precision']}, epoch {run['best_epoch']:.0f}" if "best_epoch" in run else "")
        for run in runs
    )
    table = Table(
        title=f"{result['benchmark']}, {result['date']}: mean (least to greatest) of {len(runs)} seeds",
        caption=f"{settings}\n{seeds}",
        caption_justify="left",
    )
    table.add_column("", no_wrap=True)
    for column in ("", "aim", ""):
        table.add_column(column, justify="right", no_wrap=True)
    for name, figure in result["figures"].items():
        verdict = {True: "met", False: "[bold]missed[/bold]", None: ""}[figure.get("met")]
        table.add_row(name.replace("_", " "), _shown(figure), figure.get("aim", ""), verdict)
    return table


def _clinc150(path: Path, options: argparse.Namespace) -> _Measured:
    data = clinc150.read(path)
    work = options.work or registry(None).root / RUNS / options.benchmark
    recipe = replace(clinc150.RECIPE, encoder=options.encoder, epochs=options.epochs)
    runs = [clinc150.measure(data, replace(recipe, seed=seed), work) for seed in options.seeds]
    return asdict(recipe), runs


def _label_errors(path: Path, options: argparse.Namespace) -> _Measured:
    runs = label_errors.measure(label_errors.read(path), options.encoder, options.seeds)
    return {"encoder": options.encoder}, runs


def _shown(figure: Mapping[str, Any]) -> str:
    mean, least, greatest = (f"{figure[name]:.4f}" for name in ("mean", "min", "max"))
    return mean if least == greatest else f"{mean} ({least} to {greatest})"


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmark", description="Train on a public benchmark, and score what comes of it."
    )
    parser.add_argument("benchmark", choices=tuple(_BENCHMARKS))
    parser.add_argument(
        "--data", type=Path, default=DATA, metavar="DIR", help="of the benchmarks (default: %(default)s)"
    )
    parser.add_argument(
        "--seeds",
        type=int,
        nargs="+",
        default=[clinc150.RECIPE.seed],
        metavar="N",
        help="a training, or a draw of labels, each",
    )
    parser.add_argument(
        "--encoder", default=clinc150.RECIPE.encoder, metavar="NAME|PATH", help="(default: %(default)s)"
    )
    parser.add_argument(
        "--epochs", type=int, default=clinc150.RECIPE.epochs, metavar="N", help="(default: %(default)s)"
    )
    parser.add_argument("--work", type=Path, metavar="DIR", help="bundles are kept here, and are not trained twice")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    return parser.parse_args(arguments)


_BENCHMARKS = {
    clinc150.NAME: _Benchmark(clinc150.FILE, clinc150.FIGURES, clinc150.AIMS, _clinc150),
    label_errors.NAME: _Benchmark(label_errors.FILE, label_errors.FIGURES, label_errors.AIMS, _label_errors),
}


if __name__ == "__main__":
    sys.exit(main())
