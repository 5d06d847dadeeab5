"""Would more labels help: what twice the posts would add to each head, by the form of its learning curve so far.

Errors of learned models fall with the number of examples as an inverse power law towards a floor (Hestness et al. 2017,
arXiv:1712.00409; Rosenfeld et al. 2020, arXiv:1909.12673). It is fitted by weighted least squares, later points
counting more (Figueroa et al. 2012, BMC Medical Informatics and Decision Making 12:8, for annotated texts).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from data.posts import Example
from data.taxonomy import Head, Taxonomy
from evaluation.comparison.paired import bootstrap_interval, resampled, units_of
from evaluation.targets import targets_of
from model.scores import UNLABELLED
from training.curve.learning_curve import Point
from training.curve.sentences import sentence_of, weakest_labels

WORTH = 0.01
"""Macro F1 that twice the posts must add to be worth their labelling."""

LEAST_POINTS = 3
"""From which a floor can be told from a slope."""

_LEAST_TEST = 30
"""Posts of the test part that carry a head's label."""

_EXPONENTS = np.linspace(0.05, 1.0, 39)
"""Of the power law. Those found lie between 0.07 and 0.5 (Hestness et al.); above 1 no learner was seen to go."""

Trend = Literal["rising", "unclear", "flat", "falling", "unknown"]


@dataclass(frozen=True, slots=True)
class Gain:
    """What twice the posts would add to macro F1, and the 95 % interval of that over test posts drawn anew."""

    likely: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """Whether more posts would help one head.

    Attributes:
        gain: `None` where there are too few points or test posts.
        last_step: of macro F1 from the point before to the last, as an interval of 95 %.
        weakest: labels of least F1, with the number of posts that teach each.
        sentence: for a person.
    """

    trend: Trend
    macro_f1: float | None
    gain: Gain | None
    last_step: tuple[float, float] | None
    weakest: Mapping[str, int]
    sentence: str


def outlooks_of(
    points: Sequence[Point], test: Sequence[Example], train: Sequence[Example], taxonomy: Taxonomy
) -> dict[str, Outlook]:
    """The outlook of each head.

    Args:
        points: from few posts to all of `train`, scored on `test`.
    """
    return {head.name: _outlook(head, points, test, train) for head in taxonomy}


def twice_the_posts(posts: Sequence[int], errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """`(n_curves,)`: by how much an error would fall further with twice as many posts as the last point has.

    Fits `a * n**-b + c` with `a, c >= 0` to each curve, for every `b` of a grid, and takes the `b` of least squares. A
    curve that does not fall has `a = 0`.

    Args:
        posts: of each point, ascending.
        errors: `(n_curves, n_points)`.
    """
    sizes = np.asarray(posts, np.float64) / posts[-1]
    weights = sizes / sizes.sum()
    best = np.full(len(errors), np.inf)
    falls = np.zeros(len(errors))
    for exponent in _EXPONENTS:
        slope, floor = _fitted(sizes**-exponent, errors, weights)
        squares = ((slope[:, None] * sizes**-exponent + floor[:, None] - errors) ** 2) @ weights
        better = squares < best - 1e-15
        best[better] = squares[better]
        falls[better] = (slope * (1 - 2**-exponent))[better]
    return np.minimum(falls, errors[:, -1])  # where the curve has another form, it may yet have no error left


def plain(points: Sequence[Point], outlooks: Mapping[str, Outlook]) -> dict[str, Any]:
    """JSON-ready."""
    figures = ("n", "accuracy", "accuracy_ci95", "macro_f1", "macro_f1_ci95", "qwk", "qwk_ci95")
    return {
        "points": [
            {
                "posts": point.posts,
                "heads": {
                    name: {key: head[key] for key in figures if key in head} for name, head in point.heads.items()
                },
            }
            for point in points
        ],
        "twice_the_posts": {
            name: {
                "trend": outlook.trend,
                "macro_f1": outlook.macro_f1,
                "gain": outlook.gain and outlook.gain.likely,
                "gain_ci95": outlook.gain and [outlook.gain.low, outlook.gain.high],
                "last_step_ci95": outlook.last_step and list(outlook.last_step),
                "weakest": dict(outlook.weakest),
                "sentence": outlook.sentence,
            }
            for name, outlook in outlooks.items()
        },
    }


def _outlook(head: Head, points: Sequence[Point], test: Sequence[Example], train: Sequence[Example]) -> Outlook:
    gold = targets_of(test, head)
    rows = np.flatnonzero(gold != UNLABELLED)
    figures = points[-1].heads.get(head.name)
    now = None if figures is None else float(figures["macro_f1"])
    weakest = {} if figures is None else weakest_labels(figures, head.name, train)
    trend: Trend = "unknown"
    gain, last_step = None, None
    if len(points) >= LEAST_POINTS and len(rows) >= _LEAST_TEST:
        said = np.stack([point.said[head.name][rows] for point in points])
        units = units_of([test[row] for row in rows.tolist()])
        seen, drawn = _errors(gold[rows], said, units, len(head.labels))
        posts = [point.posts for point in points]
        low, high = bootstrap_interval(twice_the_posts(posts, drawn))
        last_step = bootstrap_interval(drawn[:, -2] - drawn[:, -1])
        if seen[0, -3] - seen[0, -2] < seen[0, -2] - seen[0, -1]:
            # With few posts errors fall faster and faster before they follow the law, which then promises too little.
            high = max(high, last_step[1])
        gain = Gain(float(twice_the_posts(posts, seen)[0]), low, high)
        trend = trend_of(gain, last_step)
    told = sentence_of(trend, now, (gain.low, gain.high) if gain else None, (len(points), len(rows)), weakest)
    return Outlook(trend, now, gain, last_step, weakest, f"{head.name}: {told}")


def trend_of(gain: Gain, last_step: tuple[float, float]) -> Trend:
    """What the intervals say; `unclear` where they say neither."""
    if last_step[1] < 0:
        return "falling"
    if gain.low >= WORTH:
        return "rising"
    return "flat" if gain.high < WORTH else "unclear"


def _errors(
    gold: NDArray[np.int64], said: NDArray[np.int64], units: NDArray[np.int64], n_labels: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """1 - macro F1 at each point, `(1, n_points)` as seen and `(n_samples, n_points)` over test posts drawn anew.

    The same draw serves all points, so that what is hard in it is hard for each of them.

    Args:
        gold: `(n_posts,)`.
        said: `(n_points, n_posts)`.
    """
    kinds, cells = np.unique(np.vstack([gold, said]), axis=1, return_inverse=True)
    cells = cells.reshape(-1)
    samples = resampled(cells, units, kinds.shape[1]).astype(np.float64)
    whole = np.bincount(cells, minlength=kinds.shape[1])[None].astype(np.float64)
    gold_of_kind, said_of_kind = kinds[0], kinds[1:]
    seen, drawn = (
        np.stack([1 - _macro_f1(counts, gold_of_kind, each, n_labels) for each in said_of_kind], axis=1)
        for counts in (whole, samples)
    )
    return seen, drawn


def _macro_f1(
    counts: NDArray[np.float64], gold: NDArray[np.int64], said: NDArray[np.int64], n_labels: int
) -> NDArray[np.float64]:
    """`(n_samples,)`: the mean of F1 over the labels that stand in each sample's gold.

    Args:
        counts: `(n_samples, n_kinds)`, posts of each kind.
        gold, said: `(n_kinds,)`.
    """
    labels = np.arange(n_labels)
    golden, claimed = gold[:, None] == labels, said[:, None] == labels
    support, claims = counts @ golden, counts @ claimed
    hits = counts @ (golden & claimed)
    f1 = 2 * hits / np.maximum(support + claims, 1)
    means: NDArray[np.float64] = np.average(f1, axis=1, weights=support > 0)
    return means


def _fitted(
    slopes: NDArray[np.float64], errors: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`(n_curves,)` each: the non-negative `a` and `c` of least squares in `a * slopes + c`."""
    centre, mean = slopes @ weights, errors @ weights
    spread = ((slopes - centre) ** 2) @ weights
    slope = np.maximum(((errors - mean[:, None]) * (slopes - centre)) @ weights / spread, 0.0)
    floor = mean - slope * centre
    through_zero = (errors * slopes) @ weights / ((slopes**2) @ weights)
    return np.where(floor < 0, through_zero, slope), np.maximum(floor, 0.0)
