"""Drift as tables for a terminal."""

import numpy as np
from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from evaluation.drift.effects import Effect
from evaluation.drift.measure import Drift, HeadDrift
from evaluation.drift.verdict import head_verdict

_MOST_LABELS = 5


def effects(drift: Drift) -> Table:
    """One line an effect, within the 80 columns of a terminal."""
    table = Table(title=f"{drift.posts[1]} recent posts against {drift.posts[0]} of the reference", box=SIMPLE)
    for column in ("", "distance", "size", "95 %", "alarm above"):
        table.add_column(column, justify="left" if column in ("", "distance") else "right", no_wrap=True)
    _add(table, "posts", "told apart (AUC)", drift.inputs)
    _add(table, "", "length", drift.tokens.distance)
    _add(table, "", "  mean, tokens", drift.tokens.mean, end=True)
    for name, head in drift.heads.items():
        _add(table, name, "mix of labels", head.mix)
        _add(table, "", "  PSI", head.stability)
        _add(table, "", "confidence", head.confidence.distance)
        _add(table, "", "  mean", head.confidence.mean)
        _add(table, "", "entropy", head.entropy.distance)
        _add(table, "", "  mean", head.entropy.mean)
        _add(table, "", "AUC beyond the mix", head.left, end=True)
    return table


def moved_labels(head: HeadDrift) -> Table:
    """The labels whose shares moved most."""
    table = Table(title=Text(head.head.name))
    for column in ("label", "reference", "recent", "estimated truth"):
        table.add_column(column, justify="left" if column == "label" else "right")
    for place in np.argsort(-np.abs(head.recent - head.reference), kind="stable")[:_MOST_LABELS]:
        shares = (head.reference[place], head.recent[place], head.estimated[place])
        table.add_row(Text(head.head.labels[place]), *(f"{share:.1%}" for share in shares))
    return table


def verdicts(drift: Drift) -> Table:
    """One line a head."""
    table = Table(show_header=False, box=None)
    for name in drift.heads:
        table.add_row(Text(name), head_verdict(drift, name))
    return table


def _add(table: Table, part: str, name: str, effect: Effect, *, end: bool = False) -> None:
    above = "-" if effect.practical is None else str(effect.practical)
    table.add_row(
        Text(part),
        name,
        f"{effect.size:.3f}",
        f"{effect.low:.3f} to {effect.high:.3f}",
        Text(f"ALARM {above}", style="bold red") if effect.alarm else above,
        end_section=end,
    )
