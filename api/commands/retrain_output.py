"""What `triage retrain` prints."""

from dataclasses import asdict
from typing import Any

from rich.table import Table
from rich.text import Text

from api.commands.comparing import plain as plain_comparison
from api.commands.shared import stdout
from evaluation import tables as figures
from evaluation.comparison import tables
from training.retraining.changes import shown
from training.retraining.report import Judged, Retraining, labels, users


def show(found: Retraining) -> None:
    """Tables, what changes, and the verdict."""
    stdout.print(_mixes(found), "")
    for title, lines in (("labels", labels(found)), ("for users", users(found.judged) if found.judged else [])):
        if lines:
            stdout.print(Text(f"{title}:"))
            for line in lines:
                stdout.print(Text(f"  {line}"))
            stdout.print("")
    if found.judged:
        stdout.print(Text(f"before: {found.judged.champion}; after: {found.challenger}"))
        stdout.print(tables.figures(found.judged.comparison), "", tables.verdict(found.judged.comparison))
    else:
        stdout.print(*figures.summary(dict(found.figures)))


def plain(found: Retraining, promoted: str | None) -> dict[str, Any]:
    """The same as JSON.

    Args:
        promoted: the bundle that is promoted now.
    """
    changes, judged = found.changes, found.judged
    return {
        "challenger": found.challenger,
        "champion": judged.champion if judged else None,
        "verdict": found.verdict,
        "passed": found.passed,
        "promoted": promoted,
        "posts": dict(found.parts),
        "mix": found.chosen,
        "mixes": [
            {
                "mix": each.mix.name,
                "taught": dict(each.mix.taught),
                "dev_macro_f1": each.dev_score,
                "best_epoch": each.best_epoch,
            }
            for each in found.trained
        ],
        "labels": {
            "new": [shown(place) for place in found.new],
            "renamed": {shown(place): new for place, new in changes.renamed.items()},
            "dropped": sorted(map(shown, changes.dropped)),
            "kept": sorted(map(shown, changes.kept)),
            "without_a_post": [shown(place) for place in found.unseen],
            "in_the_posts": dict(found.changed),
        },
        "comparison": _compared(judged) if judged else None,
        "figures": dict(found.figures),
    }


def _compared(judged: Judged) -> dict[str, Any]:
    return {
        **plain_comparison(judged.comparison),
        "set_aside": judged.set_aside,
        "left_out": list(judged.left_out),
        "thresholds_were_tuned": judged.tuned,
        "users": {**asdict(judged.users), "more_reviewed_per_1000": judged.users.more_reviewed},
    }


def _mixes(found: Retraining) -> Table:
    table = Table(title="what teaches; macro F1 on the dev part of the history")
    table.add_column("mix")
    table.add_column("posts", justify="right")
    table.add_column("macro F1", justify="right")
    table.add_column("best epoch", justify="right")
    for each in found.trained:
        name = Text(each.mix.name, style="bold" if each.mix.name == found.chosen else "")
        posts, score = sum(each.mix.taught.values()), f"{each.dev_score:.3f}"
        table.add_row(name, f"{posts:,}", score, str(each.best_epoch))
    return table
