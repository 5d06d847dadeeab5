"""Examples as the Trainer takes them."""

from collections.abc import Sequence
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor

from data.examples import posts_of
from data.posts import Example
from data.taxonomy import Taxonomy
from evaluation.targets import targets_of
from model.tokenizer import PostTokenizer


def to_dataset(examples: Sequence[Example], taxonomy: Taxonomy, tokenizer: PostTokenizer) -> Dataset:
    """Columns `input_ids`, `length` and `labels` (a list with one index a head, -100 where unknown)."""
    encoded = tokenizer.encode(posts_of(examples))
    targets = [targets_of(examples, head).tolist() for head in taxonomy]
    return Dataset.from_dict(
        {
            "input_ids": [post.ids for post in encoded],
            "length": [len(post.ids) for post in encoded],
            "labels": [list(row) for row in zip(*targets, strict=True)],
        }
    )


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
