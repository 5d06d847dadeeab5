"""`python -m tests.benchmark`."""

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from api.commands.shared import note, print_json, quiet_libraries, registry, stdout
from data.errors import Interrupted, TriageError
from tests.benchmark import banking77, cleaning, clinc150, label_errors, x_fincorp
from tests.benchmark.measuring import DEV, TEST, Measured, Wanted
from tests.benchmark.results import over_seeds, table
from training.pipeline import RUNS

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "benchmarks"

_BENCHMARKS: dict[str, tuple[Path, Callable[[Wanted], Measured]]] = {
    module.NAME: (module.FILE, module.run) for module in (banking77, cleaning, clinc150, label_errors, x_fincorp)
}
"""The file of each, in the folder of the benchmarks, and what measures it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Train where that is not done yet, score, print, and return the exit status: 0 where there is nothing to read."""
    options = _options(arguments)
    file, measure = _BENCHMARKS[options.benchmark]
    path = options.data / file
    if not path.is_file():
        note(f"{path}: not there, so there is nothing to measure; name the folder of the benchmarks with --data")
        return 0
    try:
        quiet_libraries()
        measured = measure(
            Wanted(
                path=path,
                seeds=options.seeds,
                work=options.work or registry(None).root / RUNS / options.benchmark,
                encoder=options.encoder,
                epochs=options.epochs,
                settings=options.settings,
                shots=options.shots,
                on=options.on,
            )
        )
    except TriageError as error:
        note(f"error: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        note("interrupted")
        return Interrupted.exit_code
    result = {
        "benchmark": measured.name if options.on == TEST else f"{measured.name}, {options.on} part",
        "date": datetime.now(UTC).date().isoformat(),
        "recipe": {**measured.recipe, "seed": options.seeds},
        "figures": over_seeds(measured.runs, measured.figures, measured.aims),
        "runs": measured.runs,
    }
    if options.json:
        print_json(result)
    else:
        stdout.print(table(result))
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmark", description="Train on a public benchmark, and score what comes of it."
    )
    parser.add_argument("benchmark", choices=tuple(_BENCHMARKS))
    parser.add_argument(
        "--data", type=Path, default=DATA, metavar="DIR", help="of the benchmarks (default: %(default)s)"
    )
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[13], metavar="N", help="a training, or a draw of labels, each"
    )
    parser.add_argument("--encoder", metavar="NAME|PATH", help="instead of the recipe's")
    parser.add_argument("--epochs", type=int, metavar="N", help="instead of the recipe's")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="settings",
        metavar="NAME=VALUE",
        help="any other field of the recipe, such as class_weights=0.5",
    )
    parser.add_argument(
        "--shots", type=int, choices=banking77.SHOTS, help=f"{banking77.NAME}: examples a label that teach"
    )
    parser.add_argument(
        "--on",
        choices=(TEST, DEV),
        default=TEST,
        help=f"what is scored; {DEV} to choose a recipe ({banking77.NAME}, {x_fincorp.NAME})",
    )
    parser.add_argument("--work", type=Path, metavar="DIR", help="bundles are kept here, and are not trained twice")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    options = parser.parse_args(arguments)
    if options.shots and options.benchmark != banking77.NAME:
        parser.error(f"--shots goes with {banking77.NAME}")
    if options.on == DEV and options.benchmark not in (banking77.NAME, x_fincorp.NAME):
        parser.error(f"--on {DEV} goes with {banking77.NAME} and {x_fincorp.NAME}")
    return options


if __name__ == "__main__":
    sys.exit(main())
