from dataclasses import replace

import pytest
import torch

from data.posts import Example, Post
from data.taxonomy import Taxonomy
from model.bundle import Bundle
from model.scores import UNLABELLED
from training.encoding import Collator, NoisyDataset, to_dataset


def test_a_dataset_has_the_ids_and_targets_of_each_post(
    bundle: Bundle, taxonomy: Taxonomy, examples: list[Example]
) -> None:
    rows = to_dataset(examples[:2], taxonomy, bundle.tokenizer())
    ids = [post.ids for post in bundle.tokenizer().encode([example.post.text for example in examples[:2]])]
    assert rows.column_names == ["input_ids", "labels"]
    assert list(rows["input_ids"]) == ids
    assert list(rows["labels"]) == [[0, 1, 0], [1, 2, 1]]  # refund, normal, support; outage, high, it


@pytest.mark.parametrize(
    ("labels", "targets"),
    [
        ({"intent": "spam", "urgency": "low", "department": None}, [2, 0, UNLABELLED]),
        ({"urgency": "high"}, [UNLABELLED, 2, UNLABELLED]),
        ({}, [UNLABELLED, UNLABELLED, UNLABELLED]),
    ],
    ids=["nobody owns it", "labels missing", "no label"],
)
def test_a_label_that_is_missing_or_null_is_masked(
    bundle: Bundle, taxonomy: Taxonomy, labels: dict[str, str | None], targets: list[int]
) -> None:
    rows = to_dataset([Example(Post("win cash now"), labels)], taxonomy, bundle.tokenizer())
    assert rows[0]["labels"] == targets


def test_what_the_network_reads_does_not_depend_on_metadata_or_labels(
    bundle: Bundle, taxonomy: Taxonomy, examples: list[Example]
) -> None:
    bare = [Example(Post(example.post.text), {}) for example in examples]
    told = [replace(example, metadata={"channel": "chat"}) for example in examples]
    datasets = [to_dataset(each, taxonomy, bundle.tokenizer()) for each in (bare, told)]
    assert list(datasets[0]["input_ids"]) == list(datasets[1]["input_ids"])


def test_a_batch_is_padded_to_its_longest_post_and_the_padding_is_masked() -> None:
    batch = Collator(pad_id=9)(
        [
            {"input_ids": [2, 5, 3], "labels": [0, 1]},
            {"input_ids": [2, 5, 6, 7, 3], "labels": [UNLABELLED, 0]},
            {"input_ids": [2, 3], "labels": [1, UNLABELLED]},
        ]
    )
    assert {name: values.tolist() for name, values in batch.items()} == {
        "input_ids": [[2, 5, 3, 9, 9], [2, 5, 6, 7, 3], [2, 3, 9, 9, 9]],
        "attention_mask": [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 1, 0, 0, 0]],
        "labels": [[0, 1], [UNLABELLED, 0], [1, UNLABELLED]],
    }
    assert {values.dtype for values in batch.values()} == {torch.int64}


def test_without_noise_the_rows_are_those_of_the_dataset(
    bundle: Bundle, taxonomy: Taxonomy, examples: list[Example]
) -> None:
    plain = to_dataset(examples, taxonomy, bundle.tokenizer())
    noisy = NoisyDataset(examples, taxonomy, bundle.tokenizer(), share=0.0, seed=1)
    assert [noisy[index] for index in range(len(noisy))] == [
        {"input_ids": row["input_ids"], "labels": row["labels"]} for row in plain
    ]
    assert noisy.lengths == [len(row["input_ids"]) for row in plain]


def test_noise_alters_its_share_of_the_posts_by_seed_and_epoch(
    bundle: Bundle, taxonomy: Taxonomy, examples: list[Example]
) -> None:
    def drawn(seed: int, epoch: int) -> list[list[int]]:
        noisy = NoisyDataset(examples, taxonomy, bundle.tokenizer(), share=0.5, seed=seed)
        lengths = noisy.lengths
        noisy.draw(epoch)
        rows = [noisy[index]["input_ids"] for index in range(len(noisy))]
        assert lengths == [len(row) for row in rows]
        return rows

    plain = [row["input_ids"] for row in to_dataset(examples, taxonomy, bundle.tokenizer())]
    first = drawn(1, 0)
    assert 0.25 < sum(one != other for one, other in zip(first, plain, strict=True)) / len(plain) < 0.75
    assert drawn(1, 0) == first
    assert first not in (drawn(1, 1), drawn(2, 0))
