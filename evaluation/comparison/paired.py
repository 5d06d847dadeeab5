"""Differences between two models on the same posts, with intervals that know how little the posts may say.

A bootstrap resamples what is at hand: where no post differs, its interval is a point, however few the posts. That of
shares is never narrower here than an interval that counts posts, and both know that the posts of a group are alike.
That of macro F1 is a bootstrap alone.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.sparse import csr_array
from scipy.stats import binomtest, norm

from data.posts import Example

CHANCE = 0.95
"""Of every interval, two-sided."""

RESAMPLES = 2_000

_SEED = 13
_DRAWN_AT_A_TIME = 20_000_000  # numbers
_TINY = 1e-12
_FEW = 5  # differing posts, from which no more can be said of whether they come in groups


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure of two models on the same posts, and how far the challenger's is from the champion's.

    Attributes:
        posts: over which it is.
        low, high: of `challenger - champion`, with the chance `CHANCE`.
        p: two-sided, of no difference.
    """

    posts: int
    champion: float
    challenger: float
    low: float
    high: float
    p: float

    @property
    def value(self) -> float:
        return self.challenger - self.champion


def units_of(examples: Sequence[Example]) -> NDArray[np.int64]:
    """`(n_examples,)`: what is drawn as one: the group of each, or itself where it has none."""
    numbers: dict[str | int, int] = {}
    return np.array(
        [
            numbers.setdefault(place if example.group is None else example.group, len(numbers))
            for place, example in enumerate(examples)
        ],
        np.int64,
    )


def resampled(cells: NDArray[np.int64], units: NDArray[np.int64], n_cells: int) -> NDArray[np.int64]:
    """`(RESAMPLES, n_cells)`: how many posts of each cell stand in each bootstrap sample.

    Whole units are drawn with replacement (the cluster bootstrap). A figure that counts posts needs to know of a post
    only its cell, such as "the right label is a, one model says a, the other b": units of the same cells are one kind,
    and to count the kinds drawn is one multinomial draw.

    Args:
        cells: `(n_posts,)`, below `n_cells`.
        units: `(n_posts,)`, as `units_of` gives them.
    """
    order = np.lexsort((cells, units))
    ends = np.flatnonzero(np.diff(units[order], append=-1)) + 1
    kinds = Counter(tuple(unit.tolist()) for unit in np.split(cells[order], ends[:-1]))
    lengths = [len(kind) for kind in kinds]
    content = csr_array(
        (
            np.ones(sum(lengths), np.int64),
            np.array([cell for kind in kinds for cell in kind], np.int64),
            np.concatenate([[0], np.cumsum(lengths)]),
        ),
        shape=(len(kinds), n_cells),
    )
    n_units = kinds.total()
    shares = np.array(list(kinds.values())) / n_units
    generator = np.random.default_rng(_SEED)
    samples = np.empty((RESAMPLES, n_cells), np.int64)
    step = max(1, _DRAWN_AT_A_TIME // len(kinds))
    for first in range(0, RESAMPLES, step):
        part = samples[first : first + step]
        part[:] = generator.multinomial(n_units, shares, size=len(part)) @ content
    return samples


def share_difference(
    champion: NDArray[np.bool_],
    challenger: NDArray[np.bool_],
    units: NDArray[np.int64],
    drawn: NDArray[np.float64],
) -> Difference:
    """The difference between the shares of posts for which something holds, such as that the answer is right.

    Its interval is the wider, on each side, of the bootstrap's and of the score interval. `p` is of McNemar's exact
    test, or where posts come in groups that of its normal form with the design effect, if that is greater.

    Args:
        champion, challenger, units: `(n_posts,)`; at least one post.
        drawn: the difference in each bootstrap sample; not a number where a sample held no such post.
    """
    posts = len(champion)
    gained, lost = int((challenger & ~champion).sum()), int((champion & ~challenger).sum())
    effect = _design_effect(challenger.astype(np.float64) - champion, units)
    low, high = score_interval(gained / effect, lost / effect, posts / effect)
    bootstrap_low, bootstrap_high = bootstrap_interval(drawn)
    grouped_p = 2 * norm.sf(abs(gained - lost) / sqrt((gained + lost) * effect)) if gained + lost else 1.0
    return Difference(
        posts,
        float(champion.mean()),
        float(challenger.mean()),
        min(low, bootstrap_low),
        max(high, bootstrap_high),
        max(mcnemar_p(gained, lost), float(grouped_p)) if effect > 1 else mcnemar_p(gained, lost),
    )


def bootstrap_interval(drawn: NDArray[np.float64]) -> tuple[float, float]:
    """The quantiles of a figure over bootstrap samples (Efron 1979); without bounds, (-1, 1), if no sample had one."""
    finite = drawn[np.isfinite(drawn)]
    if not len(finite):
        return -1.0, 1.0
    low, high = np.quantile(finite, [(1 - CHANCE) / 2, (1 + CHANCE) / 2])
    return float(low), float(high)


def bootstrap_p(drawn: NDArray[np.float64]) -> float:
    """Two-sided: twice the share of bootstrap samples in which a difference is not on its usual side of 0."""
    finite = drawn[np.isfinite(drawn)]
    if not len(finite):
        return 1.0
    least = min(int((finite <= 0).sum()), int((finite >= 0).sum()))
    return min(1.0, 2 * (least + 1) / (len(finite) + 1))


def mcnemar_p(gained: int, lost: int) -> float:
    """McNemar's test (1947) in its exact form: of the posts that only one model gets right, each gets half.

    Args:
        gained, lost: posts that only the challenger, only the champion gets right.
    """
    return float(binomtest(gained, gained + lost, 0.5).pvalue) if gained + lost else 1.0


def score_interval(gained: float, lost: float, posts: float) -> tuple[float, float]:
    """The interval of a difference of paired shares from its score test (Tango 1998, Statistics in Medicine 17:891).

    Where no post differs it still is as wide as so few posts ask for.

    Args:
        gained, lost: posts for which it holds with one model only; fractions where posts count for less than one.
        posts: all of them, above 0.
    """
    z = float(norm.ppf((1 + CHANCE) / 2))
    value = (gained - lost) / posts

    def score(true: float) -> float:
        # The greatest likelihood of the share "lost", were the difference `true`.
        b = (2 * posts - gained + lost) * true - gained - lost
        c = -lost * true * (1 - true)
        share_lost = (sqrt(max(b * b - 8 * posts * c, 0.0)) - b) / (4 * posts)
        deviation = sqrt(max(posts * (2 * share_lost + true * (1 - true)), 0.0))
        return posts * (value - true) / max(deviation, _TINY)

    def bound(end: float, wanted: float) -> float:
        # From 0 at the value seen, the score grows in size to either end.
        if abs(score(end)) <= abs(wanted):
            return end
        found: float = brentq(lambda true: score(true) - wanted, value, end)
        return found

    return bound(-1.0, z), bound(1.0, -z)


def rate_interval(champion: tuple[int, int], challenger: tuple[int, int], correlation: float) -> tuple[float, float]:
    """The interval of a difference of rates over posts that overlap in part (MOVER, Zou & Donner 2008).

    It is put together from Wilson's intervals (1927) of the two, so that no error among a few posts proves little.

    Args:
        champion, challenger: the errors, and the posts among which they are, at least one.
        correlation: of the two rates, from 0 to 1.
    """
    rates, lows, highs = [], [], []
    for errors, posts in (champion, challenger):
        interval = binomtest(errors, posts).proportion_ci(CHANCE, method="wilson")
        rates.append(errors / posts)
        lows.append(float(interval.low))
        highs.append(float(interval.high))

    def reach(first: float, second: float) -> float:
        return sqrt(max(first**2 - 2 * correlation * first * second + second**2, 0.0))

    value = rates[1] - rates[0]
    return (
        value - reach(rates[1] - lows[1], highs[0] - rates[0]),
        value + reach(highs[1] - rates[1], rates[0] - lows[0]),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Each p adjusted so that, of all that are rejected at a level, even one is falsely so with no greater chance.

    Holm 1979, Scandinavian Journal of Statistics 6:65. In the order given.
    """
    order = np.argsort(p_values, kind="stable")
    left = np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(np.asarray(p_values)[order] * left), 1.0)
    return [float(p) for p in adjusted]


def _design_effect(gains: NDArray[np.float64], units: NDArray[np.int64]) -> float:
    """How many posts in groups say as much as one by itself would: at least 1 (Kish 1965).

    Where too few posts differ to tell, posts of a group are taken to be wholly alike.
    """
    sizes = np.bincount(units)
    if np.count_nonzero(gains) < _FEW:
        return float((sizes**2).sum() / len(units))
    residuals = gains - gains.mean()
    alone = (residuals**2).sum()
    return max(1.0, float((np.bincount(units, residuals) ** 2).sum() / alone)) if alone else 1.0
