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
    """Columns `input_ids`, `length` and `labels` (a list with one index a head, -100 where unknown)."""
    encoded = tokenizer.encode(posts_of(examples))
    return datasets.Dataset.from_dict(
        {
            "input_ids": [post.ids for post in encoded],
            "length": [len(post.ids) for post in encoded],
            "labels": _targets(examples, taxonomy),
        }
    )


class NoisyDataset(Dataset[dict[str, Any]]):
    """The same rows, some of them altered each time that they are read.

    Noise is drawn from torch's generator, as dropout is: seeded, and taken up again with a checkpoint.
    """

    def __init__(self, examples: Sequence[Example], taxonomy: Taxonomy, tokenizer: PostTokenizer, share: float) -> None:
        """
        Args:
            share: of the reads that give an altered post.
        """
        self._texts = posts_of(examples)
        self._labels = _targets(examples, taxonomy)
        self._tokenizer = tokenizer
        self._share = share

    def __len__(self) -> int:
        return len(self._texts)

    def __getitem__(self, index: int) -> dict[str, Any]:
        text = self._texts[index]
        if float(torch.rand(())) < self._share:
            text = add_noise(text, Random(int(torch.randint(2**31, ()))))  # noqa: S311  # nothing secret
        return {"input_ids": self._tokenizer.encode([text])[0].ids, "labels": self._labels[index]}


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
