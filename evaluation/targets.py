"""Gold labels as arrays of indices."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from data.posts import Example
from data.taxonomy import Head
from model.scores import UNLABELLED


def targets_of(examples: Sequence[Example], head: Head) -> NDArray[np.int64]:
    """`(n_examples,)`: the index of each gold label, or `UNLABELLED`."""
    index = {label: position for position, label in enumerate(head.labels)}
    return np.array([index.get(example.labels.get(head.name) or "", UNLABELLED) for example in examples], np.int64)
