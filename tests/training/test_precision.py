from pathlib import Path

import numpy as np
import pytest

from data.errors import ExportError
from data.examples import posts_of
from data.splitting.parts import Parts
from data.taxonomy import Taxonomy
from model.bundle import Bundle, Precision
from model.engine import Engine
from model.network import TriageNetwork
from model.quantize import Quantised
from training.precision import Judges, ServedGraph, network_scores, serve_at


@pytest.fixture(scope="module")
def network(bundle: Bundle) -> TriageNetwork:
    """That of `toy@1`."""
    return TriageNetwork.from_pretrained(bundle.weights())


def served(precision: Precision, network: TriageNetwork, bundle: Bundle, parts: Parts, folder: Path) -> ServedGraph:
    judges = Judges(parts.calibration, parts.test)
    sample = posts_of(parts.train)
    return serve_at(precision, network, bundle.tokenizer(), bundle.taxonomy, sample, judges, folder)


def test_the_network_scores_as_its_float32_graph_does(
    network: TriageNetwork, bundle: Bundle, parts: Parts, tmp_path: Path
) -> None:
    graph = served(Precision.FP32, network, bundle, parts, tmp_path)
    posts = bundle.tokenizer().encode([*posts_of(parts.test), "late " * 60, "refund"])
    engine = Engine(graph.path, bundle.tokenizer(), [head.name for head in bundle.taxonomy])
    found, expected = network_scores(network, posts, pad_id=0), engine.submit(posts).result()
    engine.close()
    np.testing.assert_allclose(found.embedding, expected.embedding, rtol=0, atol=1e-5)
    for head, logits in expected.logits.items():
        np.testing.assert_allclose(found.logits[head], logits, rtol=0, atol=1e-5)


@pytest.mark.parametrize("precision", list(Precision))
def test_the_policy_belongs_to_the_graph_that_is_served(
    precision: Precision, network: TriageNetwork, bundle: Bundle, parts: Parts, tmp_path: Path, taxonomy: Taxonomy
) -> None:
    graph = served(precision, network, bundle, parts, tmp_path)
    assert graph.precision is precision
    assert ("int8" in graph.provenance) is (precision is Precision.INT8)
    assert graph.figures["n"] == len(parts.test)
    assert graph.provenance["float32_against_network"]["label_agreement"] == {head.name: 1.0 for head in taxonomy}


def test_scales_are_taken_from_the_same_posts_every_time(
    network: TriageNetwork, bundle: Bundle, parts: Parts, tmp_path: Path
) -> None:
    graphs = [served(Precision.INT8, network, bundle, parts, tmp_path / name) for name in ("one", "two")]
    assert graphs[0].path.read_bytes() == graphs[1].path.read_bytes()
    assert graphs[0].policy.model_sha256 == graphs[1].policy.model_sha256


def test_a_graph_that_cannot_be_quantised_is_served_in_float32(
    network: TriageNetwork, bundle: Bundle, parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise ExportError("nothing to quantise")

    monkeypatch.setattr("training.precision.quantize", refuse)
    graph = served(Precision.INT8, network, bundle, parts, tmp_path)
    assert graph.precision is Precision.FP32
    assert graph.provenance["fp32_because"] == ["nothing to quantise"]


def test_int8_that_onnxruntime_cannot_load_is_not_served(
    network: TriageNetwork, bundle: Bundle, parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_nonsense(graph: Path, path: Path, sample: object) -> Quantised:
        path.write_bytes(b"no graph")
        return Quantised(1, 1, 1, 1)

    monkeypatch.setattr("training.precision.quantize", write_nonsense)
    graph = served(Precision.INT8, network, bundle, parts, tmp_path)
    assert graph.precision is Precision.FP32
    assert "onnxruntime cannot load the graph" in graph.provenance["fp32_because"][0]


def test_a_float32_graph_that_decides_otherwise_than_the_network_is_an_error(
    network: TriageNetwork, bundle: Bundle, parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.gate.MOST_F1_LOSS", -1.0)
    with pytest.raises(ExportError, match=r"decides otherwise than the network: intent: 0\.000 of macro F1 lost"):
        served(Precision.FP32, network, bundle, parts, tmp_path)
