"""Pictures of figures."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from data.files import whole_file


def draw_speed(benchmark: dict[str, Any], path: Path) -> None:
    """Draw the work that engines do by length of the posts, as a share of what matrix products alone could do.

    Args:
        benchmark: as `evaluation.speed.benchmark` returns it.
        path: its suffix says the form: `.svg`, `.png`, `.pdf`.
    """
    mixes = benchmark["mixes"]
    lengths = [name for name in mixes if name.isdigit()]
    with mpl.rc_context({"axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(7, 4), layout="constrained")
        axes = figure.add_subplot()
        for precision in mixes[lengths[0]]["engines"]:
            rates = [mixes[name]["engines"][precision]["times_the_matrix_rate"] for name in lengths]
            middle = [rate["median"] for rate in rates]
            off = [[rate["median"] - rate["min"] for rate in rates], [rate["max"] - rate["median"] for rate in rates]]
            axes.errorbar([int(name) for name in lengths], middle, yerr=off, marker="o", capsize=3, label=precision)
        axes.axhline(1, color="grey", linewidth=0.8, linestyle="--", label="float32 matrix products alone")
        axes.set(xscale="log", xlabel="tokens of a post", ylabel="work done, in float32 matrix rates", ylim=(0, None))
        axes.set_xticks([int(name) for name in lengths], lengths, minor=False)
        axes.set_xticks([], minor=True)
        axes.legend(frameon=False)
        with whole_file(path) as temporary:
            figure.savefig(temporary, format=path.suffix.lstrip(".") or "svg")
