"""Does more data help: the same recipe on growing parts of the train part, scored on the same test part."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from data.files import whole_file
from data.splitting.parts import subset
from model.bundle import Bundle
from model.registry import Registry
from training.pipeline import RUNS, Job, is_begun, train_bundle


@dataclass(frozen=True, slots=True)
class Point:
    """One training.

    Attributes:
        posts: that taught it.
        heads: figures of the test part by head, as `evaluate` gives them.
    """

    posts: int
    heads: dict[str, dict[str, Any]]


def learning_curve(job: Job, sizes: Sequence[int], work: Registry) -> list[Point]:
    """Train on parts of about `sizes` posts and on the whole train part, each part within the next.

    Each training is a bundle in `work`: a folder of `curve_folder`, where an interrupted run is taken up again.

    Raises:
        EncoderError, ExportError, Interrupted: as `train_bundle`.
    """
    points = []
    for size in (*sorted(size for size in sizes if size < len(job.parts.train)), len(job.parts.train)):
        some = replace(job, parts=replace(job.parts, train=subset(job.parts.train, size)))
        some = replace(some, name=f"curve-{size}")
        done = f"{some.name}@1" in work.references()
        folder = work.resolve(f"{some.name}@1") if done else train_bundle(some, work, resume=is_begun(some, work))
        points.append(Point(len(some.parts.train), Bundle.load(folder).metrics()["heads"]))
    return points


def curve_folder(job: Job, models: Path) -> Path:
    """The work folder of just this job: other data of any part, or another recipe, have another one."""
    return models / RUNS / f"curve-{job.identity(whole=True)}"


def draw(points: Sequence[Point], path: Path) -> None:
    """Draw macro F1 of each head, and quadratic kappa of ordinal ones, over the number of posts, as SVG."""
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.add_subplot()
    posts = [point.posts for point in points]
    for name, last in points[-1].heads.items():
        scores = [point.heads[name]["macro_f1"] for point in points]
        lows, highs = zip(*(point.heads[name]["macro_f1_ci95"] for point in points), strict=True)
        [line] = axes.plot(posts, scores, marker="o", label=f"{name}, macro F1")
        axes.fill_between(posts, lows, highs, color=line.get_color(), alpha=0.12)
        if "qwk" in last:
            kappas = [point.heads[name]["qwk"] for point in points]
            axes.plot(
                posts, kappas, marker="s", linestyle="--", color=line.get_color(), label=f"{name}, quadratic kappa"
            )
    axes.set_xscale("log")
    axes.set_xticks(posts, [f"{count:,}" for count in posts])
    axes.minorticks_off()
    axes.set_xlabel("posts that teach")
    axes.set_ylabel("on the test part")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    FigureCanvasSVG(figure)
    # Without a salt of its own the ids in the file would differ from run to run.
    with mpl.rc_context({"svg.hashsalt": "triage"}), whole_file(path) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None})
