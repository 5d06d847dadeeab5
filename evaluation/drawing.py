"""Pictures of figures."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from data.files import whole_file

_NOW = "#2a6f97"
_ALARM = "#c1121f"


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


def draw_drift(drift: dict[str, Any], path: Path) -> None:
    """Draw the effects with their intervals and the sizes that matter, and the shares of labels before and now.

    Args:
        drift: as `triage drift --json` prints it.
        path: its suffix says the form: `.svg`, `.png`, `.pdf`.
    """
    heads = drift["heads"]
    labels = [len(head["labels"]["shares"]) for head in heads.values()]
    with mpl.rc_context({"axes.spines.top": False, "axes.spines.right": False, "font.size": 9}):
        figure = Figure(figsize=(8, 3 + 0.32 * sum(labels) + 0.5 * len(heads)), layout="constrained")
        figure.suptitle(f"{drift['bundle']['reference']}: {drift['verdict']}", wrap=True)
        rows = figure.subplots(1 + len(heads), gridspec_kw={"height_ratios": [3 * len(heads) + 3, *labels]})
        _draw_effects(rows[0], drift)
        for axes, (name, head) in zip(rows[1:], heads.items(), strict=True):
            _draw_shares(axes, name, head["labels"]["shares"])
        rows[1].legend(frameon=False)
        with whole_file(path) as temporary:
            figure.savefig(temporary, format=path.suffix.lstrip(".") or "svg", dpi=150)


def _draw_effects(axes: Axes, drift: dict[str, Any]) -> None:
    """All distances on one scale; the area under the curve by what it is above one half."""
    auc = drift["inputs"]["auc"]
    effects = {
        "posts: AUC less 0.5": {**auc, **{key: auc[key] - 0.5 for key in ("size", "low", "high", "practical")}},
        "posts: length": drift["inputs"]["tokens"]["distance"],
    }
    for name, head in drift["heads"].items():
        effects[f"{name}: mix of labels"] = head["labels"]["distance"]
        effects[f"{name}: confidence"] = head["confidence"]["distance"]
        effects[f"{name}: entropy"] = head["entropy"]["distance"]
    for place, effect in enumerate(effects.values()):
        axes.plot([max(0, effect["low"]), max(0, effect["high"])], [place, place], color=_NOW, linewidth=2)
        axes.plot(max(0, effect["size"]), place, "o", color=_ALARM if effect["alarm"] else _NOW)
    axes.axvline(effects["posts: length"]["practical"], color="grey", linewidth=0.8, linestyle="--")
    axes.set_yticks(range(len(effects)), list(effects))
    axes.invert_yaxis()
    axes.set(xlabel="distance with its 95 % interval; dashed: what matters; red: alarm", xlim=(0, None))


def _draw_shares(axes: Axes, name: str, shares: dict[str, dict[str, float]]) -> None:
    for place, row in enumerate(shares.values()):
        axes.plot([row["reference"], row["recent"]], [place, place], color="lightgrey", zorder=0)
    for key, colour, marker in (("reference", "grey", "o"), ("recent", _NOW, "o"), ("estimated", _NOW, "|")):
        found = [row[key] for row in shares.values()]
        axes.scatter(found, range(len(found)), c=colour, marker=marker, s=25, label=key)
    axes.set_yticks(range(len(shares)), list(shares))
    axes.set(title=name, xlim=(0, None), ylim=(len(shares) - 0.5, -0.5))
    axes.xaxis.set_major_formatter(PercentFormatter(1))
