"""Sets of labels that hold the right one with a stated chance."""

from math import floor

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError
from model.policy import LabelSets


def fit_label_sets(probabilities: NDArray[np.float64], gold: NDArray[np.int64], coverage: float) -> LabelSets:
    """The probability from which a label belongs to the set, such that the right one does with the chance `coverage`.

    Split conformal prediction with the probability as score (Sadinle, Lei & Wasserman 2019, arXiv:1609.00451): the
    chance is over posts drawn like these and over the draw of these, on average over labels, and holds for any model.

    Args:
        probabilities: `(n, n_labels)`, calibrated, of posts that fitted neither the model nor the calibration.
        gold: `(n,)`, indices of the right labels.

    Raises:
        DataError: too few posts for that chance.
    """
    of_gold = np.sort(probabilities[np.arange(len(gold)), gold])
    rank = floor((len(gold) + 1) * (1 - coverage) + 1e-9)
    if rank < 1:
        least = int(np.ceil(1 / (1 - coverage) - 1 - 1e-9))
        raise DataError(
            f"sets that hold the right label with a chance of {coverage:g} take {least} labelled posts; "
            f"found {len(gold)}"
        )
    return LabelSets(coverage=coverage, least_probability=float(of_gold[rank - 1]))
