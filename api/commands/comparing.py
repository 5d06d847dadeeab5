"""What the verbs that compare two models share."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from api.commands.shared import stdout

if TYPE_CHECKING:
    from evaluation.comparison.compare import Comparison
    from evaluation.comparison.verdict import Measure


def show(comparison: "Comparison", texts: Sequence[str] | None = None) -> None:
    """Print its tables and the verdict.

    Args:
        texts: of its surest flips, in their order; without them only their places are shown.
    """
    from evaluation.comparison import tables

    found = [tables.figures(comparison), tables.right_and_wrong(comparison)]
    found += [tables.recalls(name, head) for name, head in comparison.heads.items()]
    if comparison.flips:
        found.append(tables.flips(comparison))
    if comparison.surest_flips:
        found.append(tables.flipped_posts(comparison.surest_flips, texts))
    for table in found:
        stdout.print(table, "")
    stdout.print(tables.verdict(comparison))


def plain(comparison: "Comparison", texts: Sequence[str] | None = None) -> dict[str, Any]:
    """A comparison as JSON; `texts` as in `show`."""
    from evaluation.comparison.verdict import RULE

    routing = comparison.routing
    flipped = [asdict(post) for post in comparison.surest_flips]
    if texts is not None:
        flipped = [{**post, "text": text} for post, text in zip(flipped, texts, strict=True)]
    return {
        "n": comparison.posts,
        "verdict": {**asdict(comparison.verdict), "rule": RULE},
        "heads": {
            name: {
                "accuracy": _measure(head.accuracy),
                "macro_f1": _measure(head.macro_f1),
                "only_champion_right": head.lost,
                "only_challenger_right": head.gained,
                "mcnemar_p": head.mcnemar_p,
                "recall": {label: _measure(recall) for label, recall in head.recalls.items()},
            }
            for name, head in comparison.heads.items()
        },
        "routing": routing
        and {
            "auto_rate": _measure(routing.handled),
            "auto_error": routing.error and _measure(routing.error),
        },
        "flips": [asdict(flip) for flip in comparison.flips],
        "examples": flipped,
    }


def _measure(measure: "Measure") -> dict[str, Any]:
    found = measure.difference
    return {
        "n": found.posts,
        "champion": found.champion,
        "challenger": found.challenger,
        "difference": found.value,
        "ci95": [found.low, found.high],
        "p": found.p,
        "holm_p": measure.adjusted_p,
        "margin": measure.margin,
        "standing": measure.standing,
        "times_needed": measure.times_needed,
    }
