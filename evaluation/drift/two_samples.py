"""Whether a classifier can tell two samples of posts apart, and how well."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.linear_model import Ridge
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

from evaluation.drift.effects import TAIL, Effect

PRACTICAL_AUC = 0.6
"""No classifier has an area above 1/2 + d - d²/2 between distributions at a total variation distance d: 0.6 takes
a distance of 0.106, the practical one of labels, and 20 % to 25 % of the posts being of another kind as measured."""

LEAST_POSTS = 50
"""Of either sample: ten in each of the folds."""

_FOLDS = 5
_SEED = 13
_PENALTY = 0.3  # per post, on standardised columns


def separability(
    reference: NDArray[np.floating[Any]],
    recent: NDArray[np.floating[Any]],
    weights: NDArray[np.float64] | None = None,
) -> Effect:
    """Area under the ROC curve of a linear classifier between two samples, cross-validated: 0.5 if they are alike.

    The classifier two-sample test (Lopez-Paz & Oquab 2017) with the area instead of the accuracy, so that samples of
    different sizes do no harm. Least squares with a penalty has the area of logistic regression here, in a tenth of
    the time. The interval is DeLong's (1988), with weights; what another classifier could tell is above it.

    Args:
        reference, recent: `(n_posts, size)`, embeddings.
        weights: `(n_reference,)`, of the reference; by default all alike.
    """
    given = np.ones(len(reference)) if weights is None else weights
    features = np.concatenate([reference, recent]).astype(np.float64)
    is_recent = np.repeat([0, 1], [len(reference), len(recent)])
    all_weights = np.concatenate([given, np.ones(len(recent))])
    areas, variances = [], []
    for learned, held_out in StratifiedKFold(_FOLDS, shuffle=True, random_state=_SEED).split(features, is_recent):
        scaler = StandardScaler().fit(features[learned])
        classifier = Ridge(alpha=_PENALTY * len(learned)).fit(
            scaler.transform(features[learned]),
            2 * is_recent[learned] - 1,
            _balanced(all_weights[learned], is_recent[learned]),
        )
        scores = classifier.predict(scaler.transform(features[held_out]))
        first = is_recent[held_out] == 0
        area, variance = weighted_area(scores[first], scores[~first], all_weights[held_out][first])
        areas.append(area)
        variances.append(variance)
    size = float(np.mean(areas))
    width = float(norm.isf(TAIL) * np.sqrt(np.sum(variances)) / _FOLDS)
    return Effect(size, max(0.0, size - width), min(1.0, size + width), PRACTICAL_AUC)


def weighted_area(
    below: NDArray[np.float64], above: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[float, float]:
    """The chance that a score of `above` is greater than one of `below` (a tie is half of it), and its variance.

    Args:
        weights: `(n_below,)`.
    """
    weights = weights / weights.sum()
    order = np.argsort(below)
    cumulative = np.concatenate([[0.0], weights[order].cumsum()])
    ranks = [np.searchsorted(below[order], above, side) for side in ("left", "right")]
    of_above = (cumulative[ranks[0]] + cumulative[ranks[1]]) / 2
    ascending = np.sort(above)
    of_below = 1 - (np.searchsorted(ascending, below) + np.searchsorted(ascending, below, "right")) / 2 / len(above)
    area = float(of_above.mean())
    variance = of_above.var(ddof=1) / len(above) + (weights**2 * (of_below - area) ** 2).sum()
    return area, float(variance)


def _balanced(weights: NDArray[np.float64], is_recent: NDArray[np.int64]) -> NDArray[np.float64]:
    """Both samples weigh the same, the mean being 1."""
    totals = np.bincount(is_recent, weights)
    balanced: NDArray[np.float64] = weights / totals[is_recent] * len(weights) / 2
    return balanced
