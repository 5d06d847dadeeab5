"""The figures of several seeds in one, and a table of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich.table import Table

from tests.load.scenarios import Bar


def over_seeds(
    runs: Sequence[Mapping[str, Any]], figures: Sequence[str], aims: Mapping[str, Bar]
) -> dict[str, dict[str, Any]]:
    """Each figure over the seeds.

    Returns:
        By figure `median`, `mean`, `min` and `max`; `ci95`: the 95 % interval of the run in the middle, where the runs
        have it (of an even number, the lower of the two); `aim`, if there is one, and whether the median has `met` it.
    """
    found: dict[str, dict[str, Any]] = {}
    for name in figures:
        values = [run[name] for run in runs]
        median, aim = float(np.median(values)), aims.get(name)
        judged = {"aim": str(aim), "met": aim.met(median)} if aim else {}
        middle = sorted(runs, key=lambda run: run[name])[(len(runs) - 1) // 2]
        interval = {"ci95": middle[f"{name}_ci95"]} if f"{name}_ci95" in middle else {}
        spread = {"median": median, "mean": float(np.mean(values)), "min": min(values), "max": max(values)}
        found[name] = {**spread, **interval, **judged}
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
        title=f"{result['benchmark']}, {result['date']}, {len(runs)} {'seed' if len(runs) == 1 else 'seeds'}",
        caption=f"{settings}\n{seeds}",
        caption_justify="left",
    )
    table.add_column("", no_wrap=True)
    for column in ("median (least to greatest)", "mean", "95 % (middle seed)", "aim", ""):
        table.add_column(column, justify="right")
    for name, figure in result["figures"].items():
        verdict = {True: "met", False: "[bold]missed[/bold]", None: ""}[figure.get("met")]
        interval = "{:.4f} to {:.4f}".format(*figure["ci95"]) if "ci95" in figure else ""
        row = (
            name.replace("_", " "),
            _shown(figure),
            f"{figure['mean']:.4f}",
            interval,
            figure.get("aim", ""),
            verdict,
        )
        table.add_row(*row)
    return table


def _shown(figure: Mapping[str, Any]) -> str:
    median, least, greatest = (f"{figure[name]:.4f}" for name in ("median", "min", "max"))
    return median if least == greatest else f"{median} ({least} to {greatest})"
