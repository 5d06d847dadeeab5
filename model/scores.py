"""What the engine gives for a batch of posts, before any policy."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EMBEDDING = "embedding"
"""Name of the graph's output that is no head."""

UNLABELLED = -100
"""What stands for the index of a label that is unknown, or null: it adds nothing to a loss or a figure."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Raw answers of the network, in the order of the posts.

    Attributes:
        logits: by head, `(n_posts, n_labels)`, float32, uncalibrated.
        embedding: `(n_posts, hidden_size)`, float32, the mean of the encoder's last layer.
    """

    logits: dict[str, NDArray[np.float32]]
    embedding: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.embedding)
