"""`python -m tests.load`."""

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from api.commands.shared import load_bundle, note, print_json, stdout
from data.errors import Interrupted, TriageError
from tests.load.scenarios import BARS, SCENARIOS, measure
from tests.load.wrk import find_wrk


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    options = _options(arguments)
    try:
        find_wrk()
        bundle = load_bundle(options.model, None)
        names = options.scenarios or list(SCENARIOS)
        note(f"{options.rounds} rounds; anything else that runs now spoils the figures")
        scenarios = measure(bundle, names, options.rounds, options.seconds, options.workers, note)
    except TriageError as error:
        note(f"error: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        note("interrupted")
        return Interrupted.exit_code
    result = {
        "bundle": bundle.manifest.reference,
        "precision": bundle.manifest.precision,
        "processor": platform.processor() or platform.machine(),
        "cpus": len(os.sched_getaffinity(0)),
        "rounds": options.rounds,
        "seconds": options.seconds,
        "workers": options.workers,
        "scenarios": with_bars(scenarios),
    }
    if options.json:
        print_json(result)
    else:
        stdout.print(table(result))
    return 0


def with_bars(scenarios: dict[str, dict[str, dict[str, Any]]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Each figure with the bar that stands for it, if one does, and whether its median reaches it."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for scenario, figures in scenarios.items():
        found[scenario] = {}
        for name, figure in figures.items():
            bar = BARS.get(scenario, {}).get(name)
            judged = {"bar": str(bar), "met": bar.met(figure["median"])} if bar else {}
            found[scenario][name] = {**figure, **judged}
    return found


def table(result: dict[str, Any]) -> Table:
    """For a person to read."""
    workers = f", --workers {result['workers']}" if result["workers"] else ""
    title = f"{result['bundle']} ({result['precision']}) on {result['cpus']} CPUs{workers}: "
    table = Table(title=f"{title}median (least to greatest) of {result['rounds']} rounds of {result['seconds']} s")
    for column in ("", ""):
        table.add_column(column, no_wrap=True)
    for column in ("", "bar", ""):
        table.add_column(column, justify="right", no_wrap=True)
    for scenario, figures in result["scenarios"].items():
        shown = scenario
        for name, figure in figures.items():
            verdict = {True: "met", False: "[bold]missed[/bold]", None: ""}[figure.get("met")]
            table.add_row(shown, name.replace("_", " "), _shown(figure), figure.get("bar", ""), verdict)
            shown = ""
        table.add_section()
    return table


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.load", description="Measure the service under load, against the engine alone."
    )
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"{', '.join(SCENARIOS)}; by default all")
    parser.add_argument("--model", metavar="BUNDLE", help="path, NAME or NAME@VERSION; by default the promoted one")
    parser.add_argument("--rounds", type=_positive, default=5, help="of interleaved measuring (default: 5)")
    parser.add_argument("--seconds", type=_positive, default=10, help="that each load lasts (default: 10)")
    parser.add_argument("--workers", type=_positive, help="processes of the service; by default the flag is not given")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.scenarios if name not in SCENARIOS]
    if unknown:
        parser.error(f"no scenario {unknown[0]!r}; there are {', '.join(SCENARIOS)}")
    return options


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("expected 1 or more")
    return number


def _shown(figure: dict[str, Any]) -> str:
    median, least, greatest = (_number(figure[name]) for name in ("median", "min", "max"))
    return median if least == greatest else f"{median} ({least} to {greatest})"


def _number(value: float) -> str:
    """Three significant digits, or all before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:#.3g}"


if __name__ == "__main__":
    sys.exit(main())
