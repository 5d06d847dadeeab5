import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor
from transformers import DistilBertConfig, MPNetConfig, PreTrainedConfig, RobertaConfig, set_seed

from data.errors import ExportError
from data.taxonomy import Taxonomy
from model.configuration import TriageConfig
from model.encoders import find_encoder
from model.export import Exported, check_parity, export_onnx
from model.network import TriageNetwork, TriageOutput

SIZES: dict[str, Any] = {
    "vocab_size": 62,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 50,
    "pad_token_id": 1,
}


@dataclass(frozen=True)
class Written:
    """A network and the graph that was made of it."""

    network: TriageNetwork
    path: Path
    exported: Exported


@pytest.fixture(scope="module")
def written(tiny_encoder: Path, taxonomy: Taxonomy, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """The tiny network, exported straight out of training. Not to be changed: copy it."""
    set_seed(7)
    network = TriageNetwork.from_encoder(find_encoder(str(tiny_encoder)), taxonomy, dropout=0.5)
    network.train()
    path = tmp_path_factory.mktemp("graph") / "model.onnx"
    return Written(network, path, export_onnx(network, path))


@pytest.fixture(scope="module")
def session(written: Written) -> Any:
    """The exported graph, loaded by onnxruntime."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(written.path), options, providers=["CPUExecutionProvider"])


def perturbed(network: TriageNetwork, by: float) -> TriageNetwork:
    """A copy, one of whose logits is moved."""
    other = copy.deepcopy(network)
    with torch.no_grad():
        other.get_parameter("heads.urgency.bias")[1] += by
    return other


def test_the_graph_is_fused_as_far_as_onnxruntime_can(written: Written) -> None:
    operators = written.exported.operators
    counts = {name: operators.get(name, 0) for name in ("Attention", "BiasGelu", "LayerNormalization")}
    assert counts == {"Attention": 2, "BiasGelu": 2, "LayerNormalization": 5}
    slower = {"SkipLayerNormalization", "EmbedLayerNormalization"}  # than their parts, on a CPU
    assert not operators.keys() & {"Softmax", "Erf", "Dropout", *slower}


def test_what_is_reported_is_what_was_written(written: Written) -> None:
    nodes = [node.op_type for node in onnx.load(str(written.path)).graph.node]
    assert {name: nodes.count(name) for name in set(nodes)} == written.exported.operators
    assert 0 <= written.exported.largest_difference <= 1e-5


def test_the_graph_names_its_inputs_and_outputs(session: Any) -> None:
    shapes = {value.name: value.shape for value in (*session.get_inputs(), *session.get_outputs())}
    assert {value.name for value in session.get_inputs()} == {"input_ids", "attention_mask"}
    assert shapes == {
        "input_ids": ["posts", "tokens"],
        "attention_mask": ["posts", "tokens"],
        "intent": ["posts", 3],
        "urgency": ["posts", 3],
        "department": ["posts", 2],
        "embedding": ["posts", 32],
    }


@pytest.mark.parametrize(("posts", "tokens"), [(1, 1), (1, 48), (2, 9), (7, 5), (33, 17)])
def test_the_graph_answers_as_the_network_does_at_any_batch_and_length(
    session: Any, written: Written, posts: int, tokens: int
) -> None:
    generator = torch.Generator().manual_seed(3)
    input_ids = torch.randint(0, 62, (posts, tokens), generator=generator)
    attention_mask = (torch.arange(tokens) < torch.randint(1, tokens + 1, (posts, 1), generator=generator)).long()
    names = [output.name for output in session.get_outputs()]
    feeds = {"input_ids": input_ids.numpy(), "attention_mask": attention_mask.numpy()}
    answers = dict(zip(names, session.run(names, feeds), strict=True))
    with torch.no_grad():
        expected = written.network(input_ids, attention_mask)
    np.testing.assert_allclose(answers["embedding"], expected.embedding, rtol=0, atol=1e-5)
    for head, logits in expected.logits.items():
        np.testing.assert_allclose(answers[head], logits, rtol=0, atol=1e-5)


def test_the_parity_gate_measures_the_largest_difference(written: Written) -> None:
    assert check_parity(perturbed(written.network, 5e-5), written.path) == pytest.approx(5e-5, rel=0.02)


@pytest.mark.parametrize("by", [2e-4, -0.1, float("nan"), float("inf")])
def test_the_parity_gate_refuses_a_graph_of_other_weights_and_names_the_head(written: Written, by: float) -> None:
    with pytest.raises(ExportError, match=r"differs from the network: head 'urgency', batch .*expected at most 1e-04"):
        check_parity(perturbed(written.network, by), written.path)


class _Branching(TriageNetwork):
    """Answers a long batch in a way that tracing on a short one cannot see."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> TriageOutput:
        output: Any = super().forward(input_ids, attention_mask)
        if input_ids.shape[1] > 20:
            output.logits["department"] += 1.0
        return TriageOutput(logits=output.logits, embedding=output.embedding)


def test_a_network_that_tracing_gets_wrong_leaves_no_file(written: Written, tmp_path: Path) -> None:
    network = _Branching(written.network.config)
    with pytest.raises(ExportError, match=r"head 'department', batch of \(3, 48\)"):
        export_onnx(network, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_export_leaves_the_file_that_was_there(written: Written, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"the one before")
    with pytest.raises(ExportError):
        export_onnx(_Branching(written.network.config), tmp_path / "model.onnx")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"the one before"]


@pytest.mark.parametrize(
    ("encoder", "fused_layers"),
    [
        (DistilBertConfig(vocab_size=62, dim=32, n_layers=2, n_heads=2, hidden_dim=64, max_position_embeddings=48), 2),
        (RobertaConfig(**SIZES), 2),
        (MPNetConfig(**SIZES), 0),
    ],
    ids=["distilbert", "roberta", "mpnet"],
)
def test_other_families_of_encoders_pass_the_parity_gate(
    encoder: PreTrainedConfig, fused_layers: int, tmp_path: Path
) -> None:
    set_seed(5)
    network = TriageNetwork(TriageConfig(encoder=encoder.to_dict(), heads=[("intent", 4), ("tone", 2)]))
    exported = export_onnx(network, tmp_path / "model.onnx")
    assert exported.operators.get("Attention", 0) == fused_layers
    assert exported.largest_difference <= 1e-5
