"""How far apart two samples of posts are: sizes of effects, with intervals that know how many posts there were."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import ncx2, norm

PRACTICAL_DISTANCE = 0.1
"""Distance of two distributions that is worth a person's time: one post in ten is of another kind than before."""

TAIL = 0.025
"""Chance of each end of an interval, 95 % in all."""

_RESAMPLES = 1_000
_SEED = 13
_CELLS = 256
_PRIOR_POSTS = 0.5  # added to each label's count where a logarithm is taken

_Distance = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Effect:
    """A difference between two samples.

    Attributes:
        low, high: its 95 % interval.
        practical: the size from which it matters; `None` where the figure is only told.
    """

    size: float
    low: float
    high: float
    practical: float | None = None

    @property
    def alarm(self) -> bool:
        """Surely of a size that matters. However many posts there are, a small effect is none."""
        return self.practical is not None and self.low > self.practical

    @property
    def negligible(self) -> bool:
        """Surely below that size."""
        return self.practical is not None and self.high <= self.practical

    def to_dict(self) -> dict[str, float | bool]:
        """As `--json` prints it."""
        plain: dict[str, float | bool] = {"size": self.size, "low": self.low, "high": self.high}
        return plain if self.practical is None else {**plain, "practical": self.practical, "alarm": self.alarm}


def share_distance(reference: NDArray[np.int64], recent: NDArray[np.int64]) -> Effect:
    """Total variation distance between two distributions over the same labels: the share that moved to other labels.

    Args:
        reference, recent: `(n_labels,)`, counts.
    """
    return _distance(reference, recent, lambda differences: np.abs(differences).sum(axis=-1) / 2)


def value_distance(reference: NDArray[np.float64], recent: NDArray[np.float64]) -> Effect:
    """Kolmogorov's distance: the greatest difference between two cumulative distributions, at 256 quantiles of both.

    Args:
        reference, recent: `(n_posts,)` each of its own length.
    """
    edges = np.unique(np.quantile(np.concatenate([reference, recent]), np.arange(1, _CELLS) / _CELLS))
    counts = [np.bincount(np.searchsorted(edges, sample), minlength=len(edges) + 1) for sample in (reference, recent)]
    return _distance(counts[0], counts[1], lambda differences: np.abs(differences.cumsum(axis=-1)).max(axis=-1))


def mean_difference(reference: NDArray[np.float64], recent: NDArray[np.float64]) -> Effect:
    """Recent mean less the reference's, with Welch's standard error. No alarm: its unit is that of the values."""
    size = float(recent.mean() - reference.mean())
    error = np.sqrt(reference.var(ddof=1) / len(reference) + recent.var(ddof=1) / len(recent))
    width = float(norm.isf(TAIL) * error)
    return Effect(size, size - width, size + width)


def stability_index(reference: NDArray[np.int64], recent: NDArray[np.int64]) -> Effect:
    """Population stability index, sum of (q - p) ln(q / p), half a post being added to each label. No alarm.

    Divided by 1/n + 1/m it follows a noncentral chi-square distribution with `n_labels - 1` degrees of freedom where
    the change is small (Yurdakul 2018, "Statistical Properties of the Population Stability Index"); the interval is
    what that leaves of the noncentrality.

    Args:
        reference, recent: `(n_labels,)`, counts; labels that neither has are passed over.
    """
    present = (reference + recent) > 0
    before, after = (counts[present] + _PRIOR_POSTS for counts in (reference, recent))
    p, q = before / before.sum(), after / after.sum()
    index = float(((q - p) * np.log(q / p)).sum())
    freedom = int(present.sum()) - 1
    if not freedom:
        return Effect(0.0, 0.0, 0.0)
    scale = 1 / reference.sum() + 1 / recent.sum()
    low, high = (_noncentrality(index / scale, freedom, chance) * scale for chance in (1 - TAIL, TAIL))
    return Effect(index, low, high)


def _distance(reference: NDArray[np.int64], recent: NDArray[np.int64], distance: _Distance) -> Effect:
    """A norm of the difference between two vectors of shares.

    The found distance is too large by chance alone, the more so the more labels and the fewer posts, and resampling
    adds that bias a second time. So the lower end takes the noise itself away: by the triangle inequality the true
    distance is at least the found one less the norm of (errors of recent - errors of reference), whose distribution is
    resampled about zero. Upwards a norm is convex, so that its mean is no less than the truth; its own spread is added.
    """
    n, m = int(reference.sum()), int(recent.sum())
    p, q = reference / n, recent / m
    random = np.random.default_rng(_SEED)
    after, before = random.multinomial(m, q, _RESAMPLES) / m, random.multinomial(n, p, _RESAMPLES) / n
    size = float(distance((q - p)[None])[0])
    noise = float(np.quantile(distance((after - q) - (before - p)), 1 - TAIL))
    error = float(norm.isf(TAIL) * distance(after - before).std())
    return Effect(size, max(0.0, size - noise), min(1.0, size + error), PRACTICAL_DISTANCE)


def _noncentrality(statistic: float, freedom: int, chance: float) -> float:
    """The noncentrality under which the statistic stays below what was found with the given chance; 0 if none."""

    def excess(noncentrality: float) -> float:
        return float(ncx2.cdf(statistic, freedom, noncentrality)) - chance

    # No noncentrality is exactly 0 for scipy; that of a hair is.
    least, most = 1e-9, 2 * statistic + 100.0
    return float(brentq(excess, least, most)) if excess(least) > 0 > excess(most) else 0.0
