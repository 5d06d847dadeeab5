"""Figures as tables for a terminal, within its 80 columns."""

from collections.abc import Iterator
from typing import Any

from rich.table import Table
from rich.text import Text

from evaluation.slices import WIDEST, named


def summary(figures: dict[str, Any]) -> list[Table]:
    """All but single labels and slices."""
    tables = [overview(figures), confidence(figures)]
    if any("mae" in head for head in figures["heads"].values()):
        tables.append(levels(figures))
    if "routing" in figures:
        tables.append(routing(figures))
    return tables


def overview(figures: dict[str, Any]) -> Table:
    """How often each head is right, one line each; a second one where the policy chooses other labels."""
    table = _table(f"{figures['n']} posts; most probable label", "head", "n", "accuracy", "95 %", "macro F1", "95 %")
    for name, head in _lines(figures):
        table.add_row(
            Text(name),
            str(head["n"]),
            _number(head["accuracy"]),
            _interval(head["accuracy_ci95"]),
            _number(head["macro_f1"]),
            _interval(head["macro_f1_ci95"]),
        )
    return table


def confidence(figures: dict[str, Any]) -> Table:
    """How far each head's confidence can be believed, and what calibration has done for it."""
    table = _table(
        "confidence, and before calibration",
        *("head", "ECE", "before", "log loss", "before", "Brier", "AURC"),
    )
    for name, head in figures["heads"].items():
        before = head["uncalibrated"]
        table.add_row(
            Text(name),
            *(_number(figure) for key in ("ece", "log_loss") for figure in (head[key], before[key])),
            _number(head["brier"]),
            f"{head['risk_coverage']['aurc']:.4f}",
        )
    return table


def levels(figures: dict[str, Any]) -> Table:
    """How far ordinal heads are off."""
    table = _table("levels", "head", "MAE", "kappa", "two off", "95 %", "top missed", "95 %")
    for name, head in _lines(figures):
        if "mae" not in head:
            continue
        table.add_row(
            Text(name),
            _number(head["mae"]),
            _number(head["qwk"]),
            *(
                cell
                for key in ("two_levels_off", "top_missed")
                for cell in (_number(head[key]), _interval(head[f"{key}_ci95"]))
            ),
        )
    return table


def per_label(name: str, head: dict[str, Any]) -> Table:
    """One line a label of a head."""
    table = _table(name, "label", "precision, 95 %", "recall, 95 %", "F1", "n")
    for label, row in head["per_label"].items():
        table.add_row(
            Text(label),
            *(f"{row[key]:.2f} {_interval(row[f'{key}_ci95'], 2):>9}" for key in ("precision", "recall")),
            _number(row["f1"], 2),
            str(row["support"]),
        )
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


def slices(column: str, figures: dict[str, Any]) -> list[Table]:
    """One line a slice of a column, a table for each head; a slice too small to say anything has a `?`."""
    heads = dict.fromkeys(name for found in figures.values() for name in found["heads"])
    tables = []
    for name in heads:
        table = _table(f"{name} by {column}", column, "posts", "accuracy", "95 %", "")
        for value, found in figures.items():
            if head := found["heads"].get(name):
                table.add_row(
                    Text(value),
                    str(head["n"]),
                    _number(head["accuracy"]),
                    _interval(head["accuracy_ci95"]),
                    "?" if head["too_small"] else "",
                )
        tables.append(table)
    return tables


def too_rare(figures: dict[str, Any]) -> list[str]:
    """A line for each head some of whose labels are too rare for their recall to say anything."""
    lines = []
    for name, head in figures["heads"].items():
        intervals = {label: row["recall_ci95"] for label, row in head["per_label"].items()}
        rare = [label for label, found in intervals.items() if not found or found[1] - found[0] > 2 * WIDEST]
        if rare:
            lines.append(
                f"{name}: {len(rare)} of {len(intervals)} labels are too rare to say how many of theirs are found "
                f"(recall is known to no better than {WIDEST:g} up or down): {named(rare)}"
            )
    return lines


def _lines(figures: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each head, and again as decided where costs let the policy choose other labels than the most probable ones."""
    for name, head in figures["heads"].items():
        yield name, head
        decided = figures.get("decided", {}).get(name, head)
        if decided["confusion"] != head["confusion"]:
            yield f"{name}, decided", decided


def _table(title: str, first: str, *columns: str) -> Table:
    """Its first column is text, the others are numbers."""
    table = Table(title=Text(title))
    table.add_column(Text(first), overflow="fold")
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _interval(bounds: list[float] | None, digits: int = 3) -> str:
    return "-" if bounds is None else f"{bounds[0]:.{digits}f}-{bounds[1]:.{digits}f}"
