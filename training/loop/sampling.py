"""Which posts make up each batch."""

import math
from collections.abc import Iterator, Sequence
from random import Random

import numpy as np
import torch
from torch.utils.data import Sampler
from transformers.trainer_pt_utils import get_length_grouped_indices

from model.scores import UNLABELLED
from training.loop import processes


class Batches(Sampler[list[int]]):
    """The batches of an epoch, of posts that are about as long as one another.

    The order depends on the seed and the epoch alone, so that a run that was stopped within an epoch meets the rest of
    the very same batches. Where several processes train, each is given its share of every batch.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        """
        Args:
            lengths: of the posts, in tokens; looked at anew for each epoch.
            batch_size: in posts, of all processes together.
        """
        self._lengths = lengths
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Draw the order of this epoch from now on."""
        self._epoch = epoch

    def posts_in(self, step: int) -> int:
        """How many posts the batch of a step of the run holds, in all processes together."""
        before = step % len(self) * self._batch_size
        return min(self._batch_size, self._posts() - before)

    def __len__(self) -> int:
        return math.ceil(self._posts() / self._batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        order = self._order()
        for start in range(0, len(order), self._batch_size):
            yield _share_of(order[start : start + self._batch_size], processes.rank(), processes.process_count())

    def _posts(self) -> int:
        """How many an epoch has."""
        return len(self._lengths)

    def _order(self) -> list[int]:
        seed = Random(f"order {self._seed} {self._epoch}").getrandbits(63)  # noqa: S311  # nothing secret
        generator = torch.Generator().manual_seed(seed)
        order: list[int] = get_length_grouped_indices(self._lengths, self._batch_size, generator=generator)
        return order


class PairedBatches(Batches):
    """Each post of an epoch, in random order, and behind it another one with its label in one of the heads.

    The heads take turns. Behind a post that shares its label with none stands any other.
    """

    def __init__(self, labels: Sequence[Sequence[int]], batch_size: int, seed: int) -> None:
        """
        Args:
            labels: `(n_posts, n_heads)`, the index of each gold label or `UNLABELLED`.
            batch_size: in posts, of all processes together; even, or pairs are torn.
        """
        super().__init__([1] * len(labels), batch_size, seed)
        self._labels = np.array(labels)

    def _posts(self) -> int:
        return 2 * len(self._labels)

    def _order(self) -> list[int]:
        random = np.random.default_rng([self._seed, self._epoch])
        everyone = np.arange(len(self._labels))
        order = []
        for turn, post in enumerate(random.permutation(everyone).tolist()):
            column = self._labels[:, turn % self._labels.shape[1]]
            like = np.flatnonzero((column == column[post]) & (column != UNLABELLED) & (everyone != post))
            order += [post, int(random.choice(like if len(like) else everyone[everyone != post]))]
        return order


def _share_of(batch: list[int], rank: int, processes: int) -> list[int]:
    """One process's posts. All have as many; where the batch has not, its first post fills the last places up."""
    each = math.ceil(len(batch) / processes)
    filled = batch + batch[:1] * (each * processes - len(batch))
    return filled[rank * each : (rank + 1) * each]
