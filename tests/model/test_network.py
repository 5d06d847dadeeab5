from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertConfig, DistilBertConfig, MPNetConfig, PreTrainedConfig, RobertaConfig

from data.taxonomy import Taxonomy
from model.configuration import TriageConfig
from model.encoders import find_encoder
from model.network import TriageNetwork

IDS = torch.tensor([[2, 10, 11, 6, 3, 0], [2, 12, 7, 3, 0, 0], [2, 17, 18, 19, 20, 3]])
MASK = torch.tensor([[1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1]])

SIZES: dict[str, Any] = {
    "vocab_size": 62,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "hidden_size": 8,
    "intermediate_size": 8,
}


def test_there_is_one_logit_for_each_label_of_each_head(network: TriageNetwork, taxonomy: Taxonomy) -> None:
    logits = network(IDS, MASK).logits
    assert {name: tuple(values.shape) for name, values in logits.items()} == {
        head.name: (3, len(head.labels)) for head in taxonomy
    }


def test_the_embedding_is_the_mean_of_the_encoders_states_over_real_tokens(
    network: TriageNetwork, tiny_encoder: Path
) -> None:
    encoder = find_encoder(str(tiny_encoder)).load().train(False)
    with torch.no_grad():
        states = encoder(input_ids=IDS, attention_mask=MASK).last_hidden_state
        embedding = network(IDS, MASK).embedding
    expected = torch.stack([states[0, :5].mean(dim=0), states[1, :4].mean(dim=0), states[2].mean(dim=0)])
    torch.testing.assert_close(embedding, expected, atol=1e-6, rtol=0)


def test_padding_does_not_change_an_answer(network: TriageNetwork) -> None:
    with torch.no_grad():
        padded = network(IDS, MASK)
        alone = network(IDS[1:2, :4], MASK[1:2, :4])
    for name, logits in alone.logits.items():
        torch.testing.assert_close(logits[0], padded.logits[name][1], atol=1e-6, rtol=0)


def test_a_saved_network_answers_as_before(network: TriageNetwork, tmp_path: Path) -> None:
    network.save_pretrained(tmp_path)
    loaded = TriageNetwork.from_pretrained(tmp_path).train(False)
    with torch.no_grad():
        before, after = network(IDS, MASK), loaded(IDS, MASK)
    assert torch.equal(before.embedding, after.embedding)
    assert before.logits.keys() == after.logits.keys()
    assert all(torch.equal(logits, after.logits[name]) for name, logits in before.logits.items())


def test_a_saved_network_keeps_its_settings(network: TriageNetwork, tmp_path: Path) -> None:
    network.config.dropout = 0.5
    network.save_pretrained(tmp_path)
    loaded = TriageNetwork.from_pretrained(tmp_path)
    assert loaded.dropout.p == 0.5
    assert isinstance(loaded.config.encoder_config(), BertConfig)
    assert loaded.max_tokens == network.max_tokens


def test_a_saved_network_keeps_the_order_of_its_heads_so_that_targets_meet_them(
    network: TriageNetwork, tmp_path: Path
) -> None:
    network.save_pretrained(tmp_path)
    loaded = TriageNetwork.from_pretrained(tmp_path).train(False)
    assert [name for name, _ in loaded.config.heads] == ["intent", "urgency", "department"]
    assert list(loaded(IDS, MASK).logits) == ["intent", "urgency", "department"]


def test_the_encoders_unused_pooler_is_left_out(network: TriageNetwork) -> None:
    assert not [name for name in network.state_dict() if "pooler" in name]


@pytest.mark.parametrize(
    ("encoder", "expected"),
    [
        (BertConfig(**SIZES, max_position_embeddings=48), 48),
        (DistilBertConfig(vocab_size=62, n_layers=1, n_heads=2, dim=8, hidden_dim=8, max_position_embeddings=48), 48),
        (RobertaConfig(**SIZES, max_position_embeddings=50, pad_token_id=1), 48),
        (MPNetConfig(**SIZES, max_position_embeddings=50, pad_token_id=1), 48),
    ],
    ids=lambda value: value.model_type if isinstance(value, PreTrainedConfig) else "",
)
def test_the_longest_post_is_as_long_as_the_encoder_has_positions(encoder: PreTrainedConfig, expected: int) -> None:
    network = TriageNetwork(TriageConfig(encoder=encoder.to_dict(), heads=[("intent", 2)])).train(False)
    longest = torch.full((1, network.max_tokens), 5)
    one_more = torch.full((1, network.max_tokens + 1), 5)
    assert network.max_tokens == expected
    assert network(longest, torch.ones_like(longest)).logits["intent"].isfinite().all()
    with pytest.raises((IndexError, RuntimeError)):
        network(one_more, torch.ones_like(one_more))


def test_without_dropout_in_the_encoder_training_passes_are_alike(taxonomy: Taxonomy, tiny_encoder: Path) -> None:
    network = TriageNetwork.from_encoder(find_encoder(str(tiny_encoder)), taxonomy, dropout=0.0)
    network.train()
    network.set_encoder_dropout(0.5)
    assert not torch.equal(network(IDS, MASK).embedding, network(IDS, MASK).embedding)
    network.set_encoder_dropout(0.0)
    assert torch.equal(network(IDS, MASK).embedding, network(IDS, MASK).embedding)
