from dataclasses import replace
from typing import Any

import pytest
import torch
from transformers import set_seed

from data.taxonomy import Taxonomy
from model.bundle import Bundle
from model.network import TriageNetwork
from training.initial_network import initial_network
from training.recipe import Recipe

OTHER = {
    "name": "other",
    "heads": [
        {"name": "mood", "labels": ["glad", "cross"]},
        {"name": "intent", "labels": ["spam", "complaint", "refund"]},
    ],
}


@pytest.fixture(scope="module")
def other() -> Taxonomy:
    """A head that the bundle has, with labels renamed and moved, and one that it has not."""
    return Taxonomy.from_dict(OTHER)


@pytest.fixture(scope="module")
def learned(bundle: Bundle) -> Any:
    return TriageNetwork.from_pretrained(bundle.weights())


def test_a_network_begins_with_the_pretrained_encoder_and_fresh_heads(recipe: Recipe, other: Taxonomy) -> None:
    drawn: list[Any] = []
    for seed in (1, 1, 2):
        set_seed(seed)
        drawn.append(initial_network(recipe, other).network)
    encoders = [network.encoder.state_dict() for network in drawn]
    assert all(torch.equal(values, encoders[2][name]) for name, values in encoders[0].items())
    assert torch.equal(drawn[0].heads["mood"].weight, drawn[1].heads["mood"].weight)
    assert not torch.equal(drawn[0].heads["mood"].weight, drawn[2].heads["mood"].weight)


def test_a_run_goes_on_from_a_bundles_encoder_and_from_the_labels_that_both_know(
    bundle: Bundle, learned: Any, recipe: Recipe, other: Taxonomy
) -> None:
    initial: Any = initial_network(recipe, other, bundle)
    mine, theirs = initial.network.encoder.state_dict(), learned.encoder.state_dict()
    assert all(torch.equal(values, theirs[name]) for name, values in mine.items())
    assert [name for name, _ in initial.network.config.heads] == ["mood", "intent"]
    intent, before = initial.network.heads["intent"], learned.heads["intent"]
    labels = bundle.taxonomy.head("intent").labels
    for row, label in ((0, "spam"), (2, "refund")):
        assert torch.equal(intent.weight[row], before.weight[labels.index(label)])
        assert intent.bias[row] == before.bias[labels.index(label)]
    assert not any(torch.equal(intent.weight[1], row) for row in before.weight)
    assert initial.encoder == bundle.manifest.provenance["encoder"]


def test_a_head_that_has_another_name_by_now_keeps_its_rows(bundle: Bundle, learned: Any, recipe: Recipe) -> None:
    heads = tuple(replace(head, name=f"new_{head.name}") for head in bundle.taxonomy)
    now = replace(bundle.taxonomy, heads=heads, routing=None)
    network: Any = initial_network(recipe, now, replace(bundle, taxonomy=now)).network
    for head in bundle.taxonomy:
        assert torch.equal(network.heads[f"new_{head.name}"].weight, learned.heads[head.name].weight)


def test_a_bundles_own_tokenizer_goes_with_its_encoder(bundle: Bundle, recipe: Recipe, other: Taxonomy) -> None:
    tokenizer = initial_network(recipe, other, bundle).tokenizer
    [mine], [theirs] = tokenizer.encode(["refund my order"]), bundle.tokenizer().encode(["refund my order"])
    assert mine.ids == theirs.ids


def test_a_post_is_never_longer_than_the_encoder_reads(recipe: Recipe, other: Taxonomy, bundle: Bundle) -> None:
    long = replace(recipe, max_tokens=10_000)
    for start in (None, bundle):
        assert initial_network(long, other, start).tokenizer.max_tokens == 48


def test_the_encoders_dropout_is_the_recipes(recipe: Recipe, other: Taxonomy, bundle: Bundle) -> None:
    for start in (None, bundle):
        network = initial_network(replace(recipe, encoder_dropout=0.25, dropout=0.5), other, start).network
        inner = {module.p for module in network.encoder.modules() if isinstance(module, torch.nn.Dropout)}
        assert (inner, network.dropout.p) == ({0.25}, 0.5)
