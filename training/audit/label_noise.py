"""Which label is the right one, by what a classifier says and by how labels are mistaken for one another."""

import numpy as np
from cleanlab.count import compute_confident_joint
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import softmax

_SHARPEST = 8.0
_LEAST = 1e-12


def true_labels(given: NDArray[np.intp], probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """`(posts, labels)`: the probability of each label to be the right one, given the label that stands there.

    By Bayes' rule, `P(true = k | x, given = g)` is proportional to `P(true = k | x) P(given = g | true = k)`. The
    second factor is the confident joint (Northcutt et al. 2021, arXiv:1911.00068, section 3.1), which tells labels
    that are often taken for each other from labels that a slip of the hand puts anywhere. The first are the
    probabilities, sharpened: a classifier that was taught wrong labels too is less sure than it should be. The power
    to which they are raised is the one under which the given labels are likeliest.

    Args:
        given: `(posts,)`, each of the labels at least once.
        probabilities: `(posts, labels)`, out of fold.
    """
    slips = _chance_of(given, probabilities)
    logs = np.log(np.maximum(probabilities, _LEAST))

    def weights(log_power: float) -> NDArray[np.float64]:
        joint: NDArray[np.float64] = softmax(np.exp(log_power) * logs, axis=1) * slips
        return joint

    def surprise(log_power: float) -> float:
        return -float(np.log(np.maximum(weights(log_power).sum(axis=1), _LEAST)).mean())

    best = minimize_scalar(surprise, bounds=(-np.log(_SHARPEST), np.log(_SHARPEST)), method="bounded")
    found = weights(best.x)
    total = found.sum(axis=1, keepdims=True)
    likely: NDArray[np.float64] = np.where(total > 0, found / np.maximum(total, _LEAST), probabilities)
    return likely


def _chance_of(given: NDArray[np.intp], probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """`(posts, labels)`: the probability of the given label, by the label that is right.

    The mistakes that the confident joint counts are added once more, evenly over all pairs of labels: a pair that has
    not been mistaken yet is not one that cannot be.
    """
    joint = compute_confident_joint(given, probabilities, calibrate=True).astype(np.float64)
    labels = len(joint)
    mistaken = joint.sum() - np.trace(joint)
    joint += mistaken / (labels * (labels - 1)) * (1 - np.eye(labels))
    chance: NDArray[np.float64] = (joint / joint.sum(axis=0))[given]
    return chance
