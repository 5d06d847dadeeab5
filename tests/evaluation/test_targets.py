"""Gold labels as indices."""

import numpy as np

from data.posts import Example, Post
from data.taxonomy import Taxonomy
from evaluation.targets import targets_of
from model.scores import UNLABELLED


def test_labels_become_indices_in_the_order_of_the_head(taxonomy: Taxonomy) -> None:
    examples = [Example(Post("a"), {"urgency": label}) for label in ("high", "low", "normal", "low")]
    targets = targets_of(examples, taxonomy.head("urgency"))
    assert targets.tolist() == [2, 0, 1, 0]
    assert targets.dtype == np.int64


def test_an_unknown_label_and_nobody_are_both_no_target(taxonomy: Taxonomy) -> None:
    labels: list[dict[str, str | None]] = [{}, {"department": None}, {"department": "it"}, {"intent": "spam"}]
    targets = targets_of([Example(Post("a"), each) for each in labels], taxonomy.head("department"))
    assert targets.tolist() == [UNLABELLED, UNLABELLED, 1, UNLABELLED]


def test_no_examples_are_no_targets(taxonomy: Taxonomy) -> None:
    assert targets_of([], taxonomy.head("intent")).shape == (0,)
