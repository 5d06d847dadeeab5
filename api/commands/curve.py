"""What `triage train --curve` does besides: train on parts of the posts, draw, and say whether more would help."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from api.commands.shared import note, stdout
from data.errors import ConfigurationError
from evaluation.held_out import MOST_SEEN, seen_rows
from model.registry import Registry
from training.curve.drawing import draw
from training.curve.learning_curve import Point, curve_folder, point_of, smaller_parts, train_on_part
from training.curve.outlook import outlooks_of, plain
from training.loop.processes import process_count
from training.pipeline import Job


def check_output(path: Path) -> None:
    """Refuse what could not be drawn, before hours of training.

    Raises:
        ConfigurationError: the file is no SVG; or several processes train together, of which one alone is left after
            the first part.
    """
    if path.suffix.lower() != ".svg":
        raise ConfigurationError(f"--curve is {str(path)!r}; expected the name of an SVG file, such as curve.svg")
    if process_count() > 1:
        raise ConfigurationError("--curve trains several times, one after another; start it in a single process")


def check_start(job: Job) -> None:
    """Refuse a curve of posts that the first weights have learned: its first point would know what its last one does.

    Raises:
        ConfigurationError: more than a few posts of the train part taught the bundle that the job goes on from.
    """
    if job.start is None:
        return
    seen = seen_rows(job.parts.train, job.start.training_rows())
    if seen.mean() > MOST_SEEN:
        raise ConfigurationError(
            f"--curve: {seen.sum()} of the {len(seen)} posts that teach have taught {job.start.manifest.reference} "
            "already, so some of them would score as all do; leave out --from, or give posts that it has not seen"
        )


def train_on_parts(job: Job, models: Registry) -> list[Point]:
    """The points below all posts; what an interrupted command left of them is taken up again.

    Raises:
        EncoderError, ExportError, Interrupted: as `train_bundle`.
    """
    work = Registry(curve_folder(job, models.root))
    points = []
    for part in smaller_parts(job):
        note(f"learning curve: {len(part.parts.train):,} of {len(job.parts.train):,} posts")
        points.append(train_on_part(part, work))
    note(f"learning curve: all {len(job.parts.train):,} posts")
    return points


def tell(job: Job, models: Registry, points: Sequence[Point], bundle: Path, output: Path) -> dict[str, Any]:
    """Add the point of all posts, draw the curve and forget the work behind it.

    Args:
        bundle: folder of the one that learned from all posts.

    Returns:
        The curve, JSON-ready.
    """
    points = [*points, point_of(job, bundle)]
    outlooks = outlooks_of(points, job.parts.test, job.parts.train, job.taxonomy)
    draw(points, outlooks, output)
    shutil.rmtree(curve_folder(job, models.root), ignore_errors=True)
    note(f"wrote {output}")
    return {**plain(points, outlooks), "picture": str(output)}


def show(curve: Mapping[str, Any]) -> None:
    """A table of the points, and the sentence of each head."""
    heads = list(curve["twice_the_posts"])
    table = Table(title="macro F1 on the test part (quadratic kappa)")
    table.add_column("posts", justify="right")
    for head in heads:
        table.add_column(Text(head), justify="right")
    for point in curve["points"]:
        table.add_row(f"{point['posts']:,}", *(_cell(point["heads"].get(head)) for head in heads))
    stdout.print(table)
    for head in heads:
        stdout.print(curve["twice_the_posts"][head]["sentence"], markup=False, highlight=False, soft_wrap=True)


def _cell(figures: Mapping[str, Any] | None) -> str:
    if figures is None:
        return "-"
    return f"{figures['macro_f1']:.3f}" + (f" ({figures['qwk']:.3f})" if "qwk" in figures else "")
