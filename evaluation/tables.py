"""Figures as tables for a terminal."""

from typing import Any

from rich.table import Table
from rich.text import Text


def overview(figures: dict[str, Any]) -> Table:
    """One line a head, within the 80 columns of a terminal."""
    table = Table(title=f"{figures['n']} posts; most probable label")
    for column in ("head", "n", "accuracy", "macro F1", "95 %", "ECE", "MAE", "kappa"):
        table.add_column(column, justify="left" if column == "head" else "right")
    for name, head in figures["heads"].items():
        low, high = head["macro_f1_ci95"]
        table.add_row(
            name,
            str(head["n"]),
            *(_number(head[key]) for key in ("accuracy", "macro_f1")),
            f"{low:.3f}-{high:.3f}",
            *(_number(head.get(key)) for key in ("ece", "mae", "qwk")),
        )
    return table


def per_label(name: str, head: dict[str, Any]) -> Table:
    """One line a label of a head."""
    table = Table(title=Text(name))
    for column in ("label", "precision", "recall", "F1", "support"):
        table.add_column(column, justify="left" if column == "label" else "right")
    for label, row in head["per_label"].items():
        table.add_row(Text(label), *(_number(row[key]) for key in ("precision", "recall", "f1")), str(row["support"]))
    return table


def routing(figures: dict[str, Any]) -> Table:
    """What would be done with the posts, and how well."""
    table = Table(title="routing under the policy", show_header=False)
    rows = figures["routing"]
    interval = rows["auto_error_ci95"]
    table.add_row("automatic", _number(rows["auto_rate"]))
    table.add_row("ignored (nobody owns it)", _number(rows["ignored_rate"]))
    table.add_row("wrong owner among these", _number(rows["auto_error"]))
    table.add_row("  95 % interval", f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else "-")
    table.add_row("nobody: precision", _number(rows["none_precision"]))
    table.add_row("nobody: recall", _number(rows["none_recall"]))
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
