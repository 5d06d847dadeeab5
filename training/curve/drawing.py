"""A learning curve as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from data.files import whole_file
from training.curve.learning_curve import Point
from training.curve.outlook import Outlook


def draw(points: Sequence[Point], outlooks: Mapping[str, Outlook], path: Path) -> None:
    """Draw macro F1 of each head, and quadratic kappa of ordinal ones, over the number of posts, as SVG.

    What twice the posts would give, where that is known, stands at the right, dotted, with its interval.
    """
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.add_subplot()
    posts = [point.posts for point in points]
    twice = 2 * posts[-1]
    foreseen = False
    for name, last in points[-1].heads.items():
        known = [point for point in points if name in point.heads]
        sizes = [point.posts for point in known]
        scores = [point.heads[name]["macro_f1"] for point in known]
        lows, highs = zip(*(point.heads[name]["macro_f1_ci95"] for point in known), strict=True)
        [line] = axes.plot(sizes, scores, marker="o", label=f"{name}, macro F1")
        colour = line.get_color()
        axes.fill_between(sizes, lows, highs, color=colour, alpha=0.12)
        if "qwk" in last:
            kappas = [point.heads[name]["qwk"] for point in known]
            axes.plot(sizes, kappas, marker="s", linestyle="--", color=colour, label=f"{name}, quadratic kappa")
        if gain := outlooks[name].gain:
            foreseen = True
            now = scores[-1]
            axes.plot([posts[-1], twice], [now, now + gain.likely], linestyle=":", color=colour)
            axes.plot([twice, twice], [now + gain.low, now + gain.high], linestyle="-", color=colour, alpha=0.5)
    axes.set_xscale("log")
    ticks = [*posts, *([twice] if foreseen else [])]
    axes.set_xticks(ticks, [f"{count:,}" for count in posts] + (["twice"] if foreseen else []))
    axes.minorticks_off()
    axes.set_xlabel("posts that teach")
    axes.set_ylabel("on the test part")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    FigureCanvasSVG(figure)
    # Without a salt of its own the ids in the file would differ from run to run.
    with mpl.rc_context({"svg.hashsalt": "triage"}), whole_file(path) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None})
