import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from data.errors import BundleError
from model.bundle import WEIGHTS, Bundle
from model.engine import Engine
from model.export import export_onnx
from model.network import TriageNetwork
from training.hub_format import write_hub_format

TEXTS = ["refund please order late is late", "site is down again", "win cash now", "late " * 60]


@pytest.fixture
def folder(bundle: Bundle, tmp_path: Path) -> Path:
    """`toy@1` in the hub's format."""
    write_hub_format(bundle, tmp_path / "hub")
    return tmp_path / "hub"


def test_the_folder_holds_what_the_hub_expects_and_nothing_beside_it(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert [path.name for path in folder.parent.iterdir()] == ["hub"]


def test_the_tokenizer_gives_the_ids_that_the_bundle_gives(bundle: Bundle, folder: Path) -> None:
    ids = AutoTokenizer.from_pretrained(folder)(TEXTS, truncation=True)["input_ids"]
    assert ids == [post.ids for post in bundle.tokenizer().encode(TEXTS)]


def test_network_and_tokenizer_answer_a_batch_as_the_float32_engine_does(
    bundle: Bundle, folder: Path, tmp_path: Path
) -> None:
    network = TriageNetwork.from_pretrained(folder).train(False)
    export_onnx(TriageNetwork.from_pretrained(bundle.weights()), tmp_path / "model.onnx")
    batch = AutoTokenizer.from_pretrained(folder)(TEXTS, truncation=True, padding=True, return_tensors="pt")
    with torch.no_grad():
        answers = network(batch["input_ids"], batch["attention_mask"]).logits
    engine = Engine(tmp_path / "model.onnx", bundle.tokenizer(), [head.name for head in bundle.taxonomy])
    expected = engine.score(TEXTS).logits
    engine.close()
    assert answers.keys() == expected.keys()
    for head, logits in expected.items():
        np.testing.assert_allclose(answers[head], logits, rtol=0, atol=1e-5)


def test_a_folder_that_holds_something_is_not_overwritten(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(BundleError, match=r"cannot be written: .*name a folder that does not exist") as caught:
        write_hub_format(bundle, tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_bundle_with_altered_weights_is_not_written(bundle: Bundle, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(bundle.path, tmp_path / "copied"))
    (copied / WEIGHTS / "model.safetensors").write_bytes(b"other")
    with pytest.raises(BundleError, match=r"weights/model\.safetensors: torn or altered"):
        write_hub_format(Bundle.load(copied), tmp_path / "hub")
    assert not (tmp_path / "hub").exists()
