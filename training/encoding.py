"""Examples as the Trainer takes them."""

from collections.abc import Sequence
from random import Random
from typing import Any

import datasets
import torch
from torch import Tensor
from torch.utils.data import Dataset

from data.examples import posts_of
from data.posts import Example
from data.taxonomy import Taxonomy
from evaluation.targets import targets_of
from model.tokenizer import PostTokenizer
from training.noise import add_noise


def to_dataset(examples: Sequence[Example], taxonomy: Taxonomy, tokenizer: PostTokenizer) -> datasets.Dataset:
    """Columns `input_ids` and `labels` (a list with one index a head, -100 where unknown)."""
    encoded = tokenizer.encode(posts_of(examples))
    return datasets.Dataset.from_dict(
        {
            "input_ids": [post.ids for post in encoded],
            "labels": _targets(examples, taxonomy),
        }
    )


class NoisyDataset(Dataset[dict[str, Any]]):
    """The same rows, some of them altered, in another way in each epoch.

    What an epoch sees depends on the seed and its number alone, so that a resumed run sees the same.

    Attributes:
        labels: `(n_posts, n_heads)`, the index of each gold label or `UNLABELLED`.
        lengths: in tokens, of the rows as they are now; the list stays the same object.
    """

    def __init__(
        self, examples: Sequence[Example], taxonomy: Taxonomy, tokenizer: PostTokenizer, share: float, seed: int
    ) -> None:
        """
        Args:
            share: of the posts that are altered in an epoch.
        """
        self._texts = posts_of(examples)
        self.labels = _targets(examples, taxonomy)
        self._tokenizer = tokenizer
        self._share = share
        self._seed = seed
        self._rows: list[list[int]] = []
        self.lengths: list[int] = []
        self.draw(epoch=0)

    def draw(self, epoch: int) -> None:
        """Alter the posts anew, for this epoch."""
        texts = [self._drawn(text, Random(f"{self._seed} {epoch} {row}")) for row, text in enumerate(self._texts)]  # noqa: S311  # nothing secret
        self._rows = [post.ids for post in self._tokenizer.encode(texts)]
        self.lengths[:] = map(len, self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"input_ids": self._rows[index], "labels": self.labels[index]}

    def _drawn(self, text: str, random: Random) -> str:
        return add_noise(text, random) if random.random() < self._share else text


class Collator:
    """Pads a batch to its longest post."""

    def __init__(self, pad_id: int) -> None:
        self._pad_id = pad_id

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """`input_ids` and `attention_mask` `(n_posts, length)`, `labels` `(n_posts, n_heads)`, all int64."""
        length = max(len(row["input_ids"]) for row in rows)
        input_ids = torch.full((len(rows), length), self._pad_id)
        attention_mask = torch.zeros_like(input_ids)
        for index, row in enumerate(rows):
            ids = torch.tensor(row["input_ids"])
            input_ids[index, : len(ids)] = ids
            attention_mask[index, : len(ids)] = 1
        labels = torch.tensor([row["labels"] for row in rows])
        return {"input_ids": input_ids, "attention_mask": attention_mask, "labels": labels}


def _targets(examples: Sequence[Example], taxonomy: Taxonomy) -> list[list[int]]:
    """A row an example, a column a head."""
    by_head = [targets_of(examples, head).tolist() for head in taxonomy]
    return [list(row) for row in zip(*by_head, strict=True)]
