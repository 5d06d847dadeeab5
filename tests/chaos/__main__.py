"""`python -m tests.chaos`."""

import argparse
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from api.commands.shared import load_bundle, note, print_json, stderr, stdout
from data.errors import Interrupted, TriageError
from model.bundle import Bundle
from tests.chaos.scenarios import SCENARIOS, Advance, Result, play


def main(arguments: Sequence[str] | None = None) -> int:
    """Play, print what came of it, and return the exit status: 1 where something was wrong or lost."""
    names, rounds, reference, as_json = _options(arguments)
    try:
        bundle = load_bundle(reference, None)
        results = _play(bundle, dict(zip(names, rounds, strict=True)))
    except TriageError as error:
        note(f"error: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        note("interrupted")
        return Interrupted.exit_code
    if as_json:
        print_json(
            {"bundle": bundle.manifest.reference, "scenarios": {name: plain(found) for name, found in results.items()}}
        )
    else:
        stdout.print(table(bundle.manifest.reference, results))
        for name, found in results.items():
            stdout.print(figures(name, found), highlight=False, soft_wrap=True)
    for name, found in results.items():
        for fault in found.tally.faults:
            note(f"{name}: {fault}")
        if found.tally.more:
            note(f"{name}: and {found.tally.more} more")
    return int(any(found.tally.faults for found in results.values()))


def plain(result: Result) -> dict[str, Any]:
    """For machines."""
    tally = result.tally
    return {
        "rounds": result.rounds,
        "seconds": round(result.seconds, 1),
        "requests": tally.requests,
        "answered": tally.answered,
        "refused": dict(tally.refused),
        "unconnected": tally.unconnected,
        "broken": tally.broken,
        "wrong": tally.wrong,
        "lost": tally.lost,
        "faults": tally.faults,
        "more_faults": tally.more,
        "figures": result.figures,
    }


def table(reference: str, results: Mapping[str, Result]) -> Table:
    """For a person to read."""
    table = Table(title=f"{reference}, disturbed", box=SIMPLE, padding=(0, 1, 0, 0))
    table.add_column("")
    for column in ("requests", "answered"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("refused", no_wrap=True)
    for column in ("broken", "wrong", "lost"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for name, result in results.items():
        tally = result.tally
        refused = {**tally.refused, **({"connection": tally.unconnected} if tally.unconnected else {})}
        table.add_row(
            name.replace("_", " "),
            f"{tally.requests:,}",
            f"{tally.answered:,}",
            "\n".join(f"{code} {count:,}" for code, count in sorted(refused.items())),
            *(f"{count:,}" for count in (tally.broken, tally.wrong, tally.lost)),
            "[bold]failed[/bold]" if tally.faults else "held",
        )
    return table


def figures(name: str, result: Result) -> str:
    """A line of a scenario's own figures."""
    shown = [f"{figure.replace('_', ' ')} {_shown(value)}" for figure, value in result.figures.items()]
    return f"{name}: " + ", ".join([f"{result.rounds} rounds in {result.seconds:,.0f} s", *shown])


def _play(bundle: Bundle, rounds: Mapping[str, int]) -> dict[str, Result]:
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("rounds"),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
        console=stderr,
    )

    def show(name: str) -> Advance:
        task = bar.add_task(name, total=rounds[name])
        return lambda: bar.advance(task)

    with bar:
        return play(bundle, rounds, show=show)


def _options(arguments: Sequence[str] | None) -> tuple[list[str], list[int], str | None, bool]:
    """Scenarios, the rounds of each, the bundle, and whether JSON is wished for."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos", description="Disturb the service, and hold its answers against the engine alone."
    )
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"{', '.join(SCENARIOS)}; by default all")
    parser.add_argument("--model", metavar="BUNDLE", help="path, NAME or NAME@VERSION; by default the promoted one")
    parser.add_argument(
        "--rounds", nargs="+", type=_positive, metavar="N", help="of each scenario named, or one number for all of them"
    )
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    options = parser.parse_args(arguments)
    names = list(dict.fromkeys(options.scenarios)) or list(SCENARIOS)
    unknown = [name for name in names if name not in SCENARIOS]
    if unknown:
        parser.error(f"no scenario {unknown[0]!r}; there are {', '.join(SCENARIOS)}")
    rounds = options.rounds or [SCENARIOS[name].rounds for name in names]
    if len(rounds) == 1:
        rounds *= len(names)
    if len(rounds) != len(names):
        parser.error(f"{len(rounds)} numbers of rounds for {len(names)} scenarios")
    return names, rounds, options.model, options.json


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("expected 1 or more")
    return number


def _shown(value: Any) -> str:
    return f"{value:,.3g}" if isinstance(value, float) else f"{value}"


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as by Ctrl-C, no service is left behind
    sys.exit(main())
