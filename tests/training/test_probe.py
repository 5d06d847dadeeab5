from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import set_seed

from data.examples import posts_of
from data.posts import Example, Post
from data.splitting.parts import Parts
from data.taxonomy import Taxonomy
from evaluation.targets import targets_of
from training.initial_network import InitialNetwork, initial_network
from training.precision import network_scores
from training.probe import fit_heads
from training.recipe import Recipe


@pytest.fixture
def initial(recipe: Recipe, taxonomy: Taxonomy) -> InitialNetwork:
    set_seed(3)
    return initial_network(recipe, taxonomy)


def right(initial: InitialNetwork, taxonomy: Taxonomy, examples: list[Example]) -> dict[str, float]:
    """Share of the known labels that the network gives."""
    tokenizer = initial.tokenizer
    scores = network_scores(initial.network, tokenizer.encode(posts_of(examples)), tokenizer.pad_id)
    shares = {}
    for head in taxonomy:
        targets = targets_of(examples, head)
        known = targets >= 0
        shares[head.name] = float((scores.logits[head.name].argmax(axis=1) == targets)[known].mean())
    return shares


def test_heads_are_fitted_and_the_encoder_is_held_still(
    initial: InitialNetwork, taxonomy: Taxonomy, parts: Parts, recipe: Recipe
) -> None:
    before = {name: values.clone() for name, values in initial.network.encoder.state_dict().items()}
    fit_heads(initial.network, initial.tokenizer, parts.train, taxonomy, recipe)
    assert all(torch.equal(values, before[name]) for name, values in initial.network.encoder.state_dict().items())
    assert min(right(initial, taxonomy, parts.test).values()) > 0.9  # the words tell the labels


def test_a_label_that_nobody_teaches_never_wins(
    initial: InitialNetwork, taxonomy: Taxonomy, parts: Parts, recipe: Recipe
) -> None:
    without = [example for example in parts.train if example.labels["intent"] != "spam"]
    fit_heads(initial.network, initial.tokenizer, without, taxonomy, recipe)
    tokenizer = initial.tokenizer
    scores = network_scores(initial.network, tokenizer.encode(posts_of(parts.test)), tokenizer.pad_id)
    spam = taxonomy.head("intent").labels.index("spam")
    assert spam not in scores.logits["intent"].argmax(axis=1)
    assert np.unique(scores.logits["intent"].argmax(axis=1)).size == 2


def test_a_head_of_which_one_label_is_taught_stays_as_it_was(
    initial: InitialNetwork, taxonomy: Taxonomy, parts: Parts, recipe: Recipe
) -> None:
    urgency: Any = initial.network.heads["urgency"]
    before = urgency.weight.clone()
    same = [replace(example, labels={**example.labels, "urgency": "low"}) for example in parts.train]
    fit_heads(initial.network, initial.tokenizer, same, taxonomy, recipe)
    assert torch.equal(urgency.weight, before)


def test_class_weights_let_a_rare_label_count_as_much_as_a_frequent_one(
    initial: InitialNetwork, taxonomy: Taxonomy, recipe: Recipe
) -> None:
    post = Post("order is late")  # nothing but the weights can tell the two labels
    examples = [Example(post, {"intent": "outage" if number == 0 else "refund"}) for number in range(10)]
    labels = taxonomy.head("intent").labels
    tokenizer = initial.tokenizer
    lead = {}
    for power in (0.0, 1.0):
        fit_heads(initial.network, tokenizer, examples, taxonomy, replace(recipe, class_weights=power))
        [row] = network_scores(initial.network, tokenizer.encode([post.text]), tokenizer.pad_id).logits["intent"]
        lead[power] = row[labels.index("refund")] - row[labels.index("outage")]
    assert lead[0.0] == pytest.approx(np.log(9), abs=0.05)
    assert lead[1.0] == pytest.approx(0.0, abs=0.05)
