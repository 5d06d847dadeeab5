"""How unlike a post is what the labels were made for."""

import numpy as np
from numpy.typing import NDArray


def energy(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """`(n_posts,)`: minus the log of the sum of exponentials of a head's logits (Liu et al. 2020, arXiv:2010.03759).

    A softmax forgets how large all logits are together; where no label fits, all of them are small, and this is large.

    Args:
        logits: `(n_posts, n_labels)`, uncalibrated.
    """
    scores = logits.astype(np.float64)
    highest = scores.max(axis=1)
    energies: NDArray[np.float64] = -(highest + np.log(np.exp(scores - highest[:, None]).sum(axis=1)))
    return energies
