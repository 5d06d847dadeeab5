from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from transformers import (
    AlbertConfig,
    BertConfig,
    DistilBertConfig,
    MPNetConfig,
    PreTrainedConfig,
    RobertaConfig,
    set_seed,
)

from data.errors import ExportError
from model.configuration import TriageConfig
from model.export import INPUTS, OPSET, export_onnx
from model.network import TriageNetwork
from model.quantize import Quantised, quantize
from model.session import open_session
from model.tokenizer import Encoded

SIZES: dict[str, Any] = {
    "vocab_size": 2000,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "max_position_embeddings": 80,
    "pad_token_id": 1,
}


def posts(count: int, seed: int, longest: int = 60) -> list[Encoded]:
    random = np.random.default_rng(seed)
    lengths = random.integers(2, longest, count)
    return [Encoded(random.integers(5, 2000, length).tolist(), truncated=False, empty=False) for length in lengths]


def network_of(encoder: PreTrainedConfig) -> TriageNetwork:
    """Random weights, some channels of which are far larger than the others, as pretraining leaves them."""
    set_seed(5)
    network = TriageNetwork(TriageConfig(encoder=encoder.to_dict(), heads=[("intent", 4), ("tone", 2)]))
    for name, parameter in network.named_parameters():
        if "norm" in name.lower() and name.endswith("weight"):
            parameter.data[:3] *= 20.0
    network.train(False)
    return network


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Quantised]:
    """The float32 graph of a small BERT, its int8 form and what is said of it."""
    folder = tmp_path_factory.mktemp("graphs")
    float32, int8 = folder / "float32.onnx", folder / "int8.onnx"
    export_onnx(network_of(BertConfig(**SIZES)), float32)
    return float32, int8, quantize(float32, int8, posts(40, seed=1))


def run(session: Any, batch: list[Encoded], length: int) -> list[np.ndarray]:
    input_ids = np.zeros((len(batch), length), np.int64)
    attention_mask = np.zeros_like(input_ids)
    for row, post in enumerate(batch):
        input_ids[row, : len(post.ids)] = post.ids
        attention_mask[row, : len(post.ids)] = 1
    answers: list[np.ndarray] = session.run(None, {"input_ids": input_ids, "attention_mask": attention_mask})
    return answers


def alone(session: Any, batch: list[Encoded]) -> list[np.ndarray]:
    rows = [run(session, [post], len(post.ids)) for post in batch]
    return [np.concatenate(column) for column in zip(*rows, strict=True)]


def test_all_products_with_constant_weights_and_the_word_table_are_quantised(
    graphs: tuple[Path, Path, Quantised],
) -> None:
    _, int8, quantised = graphs
    operators = Counter(node.op_type for node in onnx.load(str(int8)).graph.node)
    assert operators["QAttention"] == 2
    assert operators["MatMulIntegerToFloat"] == 6  # of each layer: attention output, intermediate, output
    assert operators["MatMul"] == operators["Attention"] == 0
    assert (quantised.products, quantised.tables, quantised.posts) == (8, 1, 40)
    assert quantised.tokens == sum(len(post.ids) for post in posts(40, seed=1))


def test_no_scale_is_taken_from_the_batch(graphs: tuple[Path, Path, Quantised]) -> None:
    graph = onnx.load(str(graphs[1])).graph
    constants = {tensor.name for tensor in graph.initializer}
    assert not [node for node in graph.node if node.op_type.startswith("Dynamic")]
    quantising = [node for node in graph.node if node.op_type == "QuantizeLinear"]
    assert len(quantising) >= 8
    assert {name for node in quantising for name in node.input[1:]} <= constants


def test_weights_and_table_are_kept_in_8_bits_and_the_float_ones_are_gone(graphs: tuple[Path, Path, Quantised]) -> None:
    float32, int8, _ = graphs
    kept = [numpy_helper.to_array(tensor) for tensor in onnx.load(str(int8)).graph.initializer]
    floats = [array.shape for array in kept if array.dtype == np.float32 and array.ndim == 2]
    assert sorted(floats) == [(2, 64), (2, 64), (4, 64), (80, 64)]  # segments, heads, positions
    assert int8.stat().st_size < 0.45 * float32.stat().st_size


def test_answers_are_those_of_float32_but_for_small_steps(graphs: tuple[Path, Path, Quantised]) -> None:
    batch = posts(200, seed=2)
    expected, found = (alone(open_session(path), batch) for path in graphs[:2])
    for one, other in zip(expected, found, strict=True):
        assert np.abs(one - other).max() > 0
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.995
    assert (expected[0].argmax(axis=1) == found[0].argmax(axis=1)).mean() >= 0.95


def one_product(path: Path, large: dict[int, float], *, normalised: bool) -> None:
    """A graph that looks rows up and multiplies them, some of whose channels are larger than the others."""
    random = np.random.default_rng(6)
    times = np.ones(256, np.float32)
    times[list(large)] = list(large.values())
    constants = {
        "table": random.normal(size=(2000, 256)).astype(np.float32) * (1 if normalised else times),
        "weight": random.normal(size=(256, 16)).astype(np.float32),
        "gain": times,
        "row": random.normal(size=16).astype(np.float32),
    }
    ids = [helper.make_tensor_value_info(name, TensorProto.INT64, ["n", "t"]) for name in INPUTS]
    answers = helper.make_tensor_value_info("answers", TensorProto.FLOAT, ["n", "t", 16])
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
        helper.make_node("LayerNormalization", ["rows", "gain"], ["normal"]),
        helper.make_node("MatMul", ["normal" if normalised else "rows", "weight"], ["products"]),
        helper.make_node("Add", ["row", "products"], ["answers"]),
    ]
    arrays = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "one", ids, [answers], arrays)
    versions = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=versions, ir_version=8), str(path))


FEW = {7: 8.0, 9: 6.0, 11: 6.0, 30: 5.0}


@pytest.mark.parametrize(
    ("large", "normalised", "most", "without"),
    [
        ({}, False, 0.02, 0.014),
        ({7: 60.0}, False, 0.07, 0.46),
        ({7: -20.0}, False, 0.035, 0.16),
        (FEW, True, 0.035, 0.061),
        ({7: 60.0}, True, 0.07, 0.46),
    ],
    ids=["even", "one sticks out", "one, by less", "a few behind a normalisation", "one behind a normalisation"],
)
def test_large_channels_do_not_take_the_range_of_the_others(
    large: dict[int, float], normalised: bool, most: float, without: float, tmp_path: Path, monkeypatch: Any
) -> None:
    float32, int8, plain = (tmp_path / name for name in ("float32.onnx", "int8.onnx", "plain.onnx"))
    one_product(float32, large, normalised=normalised)
    quantize(float32, int8, posts(40, seed=1))
    monkeypatch.setattr("model.int8.OUTLIER", np.inf)
    monkeypatch.setattr("model.quantize.even_out", lambda values, weight: np.ones(len(weight), np.float32))
    quantize(float32, plain, posts(40, seed=1))
    [batch] = posts(2, seed=7)[1:]
    expected, found, poor = (run(open_session(path), [batch], len(batch.ids))[0] for path in (float32, int8, plain))
    error, plain_error = (np.sqrt(((expected - answer) ** 2).mean() / 256) for answer in (found, poor))  # of a channel
    assert error < most
    assert plain_error == pytest.approx(without, rel=0.2)


def test_values_beyond_the_range_of_the_sample_are_saturated(tmp_path: Path) -> None:
    float32, int8 = tmp_path / "float32.onnx", tmp_path / "int8.onnx"
    one_product(float32, {7: 60.0}, normalised=False)
    quantize(float32, int8, posts(3, seed=1))  # its largest values are well below those of all rows
    every = Encoded(list(range(5, 2000)), truncated=False, empty=False)
    expected, found = (run(open_session(path), [every], len(every.ids))[0] for path in (float32, int8))
    assert np.corrcoef(expected.ravel(), found.ravel())[0, 1] > 0.98


@pytest.mark.parametrize("length", [60, 61, 64, 80])
def test_a_post_has_the_same_answer_alone_and_in_a_batch_of_any_padding(
    graphs: tuple[Path, Path, Quantised], length: int
) -> None:
    session, batch = open_session(graphs[1]), posts(48, seed=4)
    for one, together in zip(alone(session, batch), run(session, batch, length), strict=True):
        np.testing.assert_allclose(together, one, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "encoder",
    [
        DistilBertConfig(vocab_size=2000, dim=64, n_layers=2, n_heads=4, hidden_dim=128, max_position_embeddings=80),
        RobertaConfig(**SIZES),
        MPNetConfig(**SIZES),
        AlbertConfig(**SIZES, embedding_size=32),
    ],
    ids=["distilbert", "roberta", "mpnet", "albert, whose layers share their weights"],
)
def test_other_families_of_encoders_are_quantised(encoder: PreTrainedConfig, tmp_path: Path) -> None:
    export_onnx(network_of(encoder), tmp_path / "float32.onnx")
    quantised = quantize(tmp_path / "float32.onnx", tmp_path / "int8.onnx", posts(40, seed=1))
    assert quantised.products >= 7
    batch = posts(100, seed=2)
    expected, found = (alone(open_session(tmp_path / name), batch)[0] for name in ("float32.onnx", "int8.onnx"))
    assert np.corrcoef(expected.ravel(), found.ravel())[0, 1] > 0.99


def test_without_a_sample_nothing_is_written(graphs: tuple[Path, Path, Quantised], tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="0 posts to take the scales from"):
        quantize(graphs[0], tmp_path / "int8.onnx", [])
    assert list(tmp_path.iterdir()) == []
