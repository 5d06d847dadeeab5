"""The label shares of posts whose right labels nobody has told, and posts weighted to such shares."""

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 1_000
_SETTLED = 1e-6  # of a share, from round to round


def estimated_shares(probabilities: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """`(n_labels,)`: the shares that make recent posts likeliest, if only the mix of labels changed.

    Expectation maximisation (Saerens, Latinne & Decaestecker 2002); with calibrated probabilities it errs less than
    other estimates (Alexandari, Kundaje & Shrikumar 2020), and less than counting what the model says, which keeps the
    old shares' pull.

    Args:
        probabilities: `(n_posts, n_labels)`, calibrated, of the recent posts.
        shares: `(n_labels,)`, all above 0, of the posts that the probabilities were calibrated on.
    """
    found = shares
    for _ in range(_ROUNDS):
        joint = probabilities * (found / shares)
        before, found = found, (joint / joint.sum(axis=1, keepdims=True)).mean(axis=0)
        if np.abs(found - before).max() < _SETTLED:
            break
    return found


def weights_to(
    probabilities: NDArray[np.float64], shares: NDArray[np.float64], wanted: NDArray[np.float64]
) -> NDArray[np.float64]:
    """`(n_posts,)`: with these weights posts of `shares` stand for posts of the `wanted` ones.

    If nothing but the mix changes, p'(x) / p(x) is the sum over labels of p(label | x) p'(label) / p(label): no right
    label is needed.

    Args:
        probabilities: `(n_posts, n_labels)`, calibrated, of the posts to be weighted.
    """
    weights: NDArray[np.float64] = probabilities @ (wanted / shares)
    return weights
