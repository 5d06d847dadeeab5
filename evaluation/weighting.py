"""Rows weighted so that labels stand in the shares of a stream, where a data set over-represents what is rare."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError
from data.posts import Example

Shares = Mapping[str, Mapping[str | None, float]]
"""Share of each label by head; `None` is "no label applies". A head's shares are taken relative to their sum."""

_ROUNDS = 1000
_SETTLED = 1e-9  # of a weight, from round to round
_TOLERANCE = 1e-4  # of a share


def weights_for(examples: Sequence[Example], shares: Shares) -> NDArray[np.float64]:
    """`(n_examples,)`, of mean 1: with them the labels of each named head stand in the given shares.

    Iterative proportional fitting (Deming & Stephan 1940): the rows of a label keep their ratios to each other but
    for what the other heads ask. A label that no example carries is passed over.

    Raises:
        DataError: an example lacks a named head, or carries a label without a share; or no weights give all heads
            their shares at once.
    """
    columns = {}
    for head, wanted in shares.items():
        lacking = [example.origin for example in examples if head not in example.labels]
        if lacking:
            raise DataError(f"{lacking[0]}: no label of {head}; to weight rows, each needs one")
        labels = [example.labels[head] for example in examples]
        unknown = sorted({str(label) for label in labels if not wanted.get(label, 0) > 0})
        if unknown:
            raise DataError(f"{head}: no share above 0 is given for {unknown}; to weight rows, each label needs one")
        present = [label for label in wanted if label in labels]
        total = sum(wanted[label] for label in present)
        columns[head] = (
            np.array([present.index(label) for label in labels]),
            np.array([wanted[label] / total for label in present]),
        )
    weights = np.ones(len(examples))
    for _ in range(_ROUNDS):
        before = weights.copy()
        for rows, wanted_shares in columns.values():
            found = np.bincount(rows, weights, minlength=len(wanted_shares)) / weights.sum()
            weights *= (wanted_shares / found)[rows]
        if np.abs(weights - before).max() < _SETTLED:
            break
    for rows, wanted_shares in columns.values():
        found = np.bincount(rows, weights, minlength=len(wanted_shares)) / weights.sum()
        if np.abs(found - wanted_shares).max() > _TOLERANCE:
            raise DataError(f"no weights give {sorted(shares)} their shares at once; name fewer heads, or other shares")
    return np.asarray(weights / weights.mean())
