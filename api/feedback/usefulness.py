"""What a person's judgement of a post would teach: most where the model hesitates, and where it knows little alike."""

import numpy as np
from numpy.typing import NDArray

from model.decision import Decision


def usefulness(decision: Decision, energy: float, energies: NDArray[np.float64] | None) -> float:
    """From 0 to 1: the mean of how little the two likeliest labels differ, in the head where they differ least, and of
    the share of the calibration posts that are less unlike the others; the first alone where these are not known.

    Args:
        energies: of the calibration posts, ascending.
    """
    hesitation = max(1.0 - margin(head.probabilities) for head in decision.heads.values())
    if energies is None or not len(energies):
        return hesitation
    novelty = float(np.searchsorted(energies, energy) / len(energies))
    return (hesitation + novelty) / 2


def margin(probabilities: NDArray[np.float64]) -> float:
    """The likeliest label's probability less the next one's."""
    if len(probabilities) < 2:
        return 1.0
    second, first = np.partition(probabilities, -2)[-2:]
    return float(first - second)
