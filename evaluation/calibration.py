"""Making confidences mean what they say."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.metrics import log_loss

from data.errors import DataError

_BOUNDS = (-3.0, 3.0)  # of log temperature: from 0.05 to 20


def fit_temperature(
    logits: NDArray[np.float32], targets: NDArray[np.int64], weights: NDArray[np.float64] | None = None
) -> float:
    """The temperature that minimises the log loss of a held-out set (Guo et al. 2017, arXiv:1706.04599).

    Targets are smoothed by what their number allows to claim (Platt 1999): were all n answers right, the next one would
    still be wrong with a chance of 1 / (n + 2). Without this a small set that is answered perfectly would ask for a
    temperature of zero, and every confidence would be 1.

    Args:
        logits: `(n_examples, n_labels)`, of the very model and precision that will be served.
        targets: `(n_examples,)`, all known.
        weights: `(n_examples,)`; by default all alike.

    Raises:
        DataError: there is no example.
    """
    if len(targets) == 0:
        raise DataError("no labelled example to fit a temperature on; give calibration data that carries this head")
    scores = logits.astype(np.float64)
    n_examples, n_labels = scores.shape
    doubt = 1 / (n_examples + 2)
    smoothed = np.full_like(scores, doubt / (n_labels - 1))
    smoothed[np.arange(n_examples), targets] = 1 - doubt

    def smoothed_loss(log_temperature: float) -> float:
        losses = -(smoothed * log_softmax(scores / np.exp(log_temperature), axis=1)).sum(axis=1)
        return float(np.average(losses, weights=weights))

    return float(np.exp(minimize_scalar(smoothed_loss, bounds=_BOUNDS, method="bounded").x))


def confidence_figures(probabilities: NDArray[np.float64], targets: NDArray[np.int64]) -> dict[str, float]:
    """How much probabilities can be believed, JSON-ready.

    Args:
        probabilities: `(n_examples, n_labels)`.
        targets: `(n_examples,)`, all known; at least one.

    Returns:
        `ece`: `expected_calibration_error`; `brier`: squared error summed over all labels, 0 to 2 (Brier 1950);
        `log_loss`: in nats.
    """
    labels = np.arange(probabilities.shape[1])
    return {
        "ece": expected_calibration_error(probabilities, targets),
        "brier": float(((probabilities - (targets[:, None] == labels)) ** 2).sum(axis=1).mean()),
        "log_loss": float(log_loss(targets, probabilities, labels=labels)),
    }


def expected_calibration_error(
    probabilities: NDArray[np.float64],
    targets: NDArray[np.int64],
    weights: NDArray[np.float64] | None = None,
    bins: int = 15,
) -> float:
    """Mean gap between confidence and accuracy of the most probable label, over bins of equal mass.

    Equal-mass bins (Nguyen & O'Connor 2015, arXiv:1508.05154) hold the same number of examples each, so that no bin is
    empty. Ties in confidence are ordered as they come.

    Args:
        probabilities: `(n_examples, n_labels)`.
        targets: `(n_examples,)`, all known; at least one.
        weights: `(n_examples,)`; by default all alike. The bins still hold the same number of examples.
    """
    mass = np.ones(len(targets)) if weights is None else weights
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == targets
    order = np.argsort(confidence, kind="stable")
    gaps = [
        abs(float(np.sum(mass[part] * (confidence[part] - correct[part]))))
        for part in np.array_split(order, min(bins, len(order)))
    ]
    return sum(gaps) / float(mass.sum())
