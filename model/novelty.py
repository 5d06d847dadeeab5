"""How unlike a post is what the labels were made for."""

import numpy as np
from numpy.typing import NDArray

_ROUNDING = 1e-12  # 0.29 of 100 posts are 29, though 0.29 * 100 is a little less


def energy(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """`(n_posts,)`: minus the log of the sum of exponentials of a head's logits (Liu et al. 2020, arXiv:2010.03759).

    A softmax forgets how large all logits are together; where no label fits, all of them are small, and this is large.
    What other scores gave stands in training/BENCHMARKS.md.

    Args:
        logits: `(n_posts, n_labels)`, uncalibrated.
    """
    scores = logits.astype(np.float64)
    highest = scores.max(axis=1)
    energies: NDArray[np.float64] = -(highest + np.log(np.exp(scores - highest[:, None]).sum(axis=1)))
    return energies


def threshold_refusing(novelties: NDArray[np.float64], share: float) -> float:
    """The least threshold above which at most this share of the posts lies.

    Args:
        novelties: `(n_posts,)`, of posts in scope that taught the model nothing; at least one.
        share: from 0, where no such post is refused, to 1.

    Raises:
        ValueError: there is no post, or the share is no share.
    """
    if len(novelties) == 0 or not 0 <= share <= 1:
        raise ValueError(f"expected posts and a share from 0 to 1, found {len(novelties)} posts and {share}")
    refused = int(share * len(novelties) * (1 + _ROUNDING))
    return float(np.sort(novelties)[max(len(novelties) - 1 - refused, 0)])
