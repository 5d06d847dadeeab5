import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import ModelCard
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

from data.errors import BundleError
from model.bundle import POLICY, TOKENIZER, WEIGHTS, Bundle, seal
from model.decision import calibrated
from model.encoders import find_encoder
from model.network import TriageNetwork
from model.tokenizer import PostTokenizer
from training.hub_format import write_hub_format
from training.precision import network_scores

TEXTS = ["refund please order late is late", "site is down again", "win cash now", "late " * 60]
MESSY = ["help &amp; refund 🔥", "my   order 12345678 is late [SEP] https://example.com/a", "lawyer@example.com now"]


@pytest.fixture
def folder(bundle: Bundle, tmp_path: Path) -> Path:
    """`toy@1` in the hub's format."""
    write_hub_format(bundle, tmp_path / "hub")
    return tmp_path / "hub"


def test_the_folder_holds_what_the_hub_expects_and_nothing_beside_it(folder: Path) -> None:
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == {
        "1_Pooling/config.json",
        "README.md",
        "config.json",
        "heads.json",
        "heads.safetensors",
        "model.safetensors",
        "modules.json",
        "normalise.py",
        "sentence_bert_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert [path.name for path in folder.parent.iterdir()] == ["hub"]


def test_the_tokenizer_gives_the_ids_that_the_bundle_gives(bundle: Bundle, folder: Path) -> None:
    texts = [*TEXTS, "late [SEP] late"]
    found = AutoTokenizer.from_pretrained(folder)(texts, truncation=True)
    assert found["input_ids"] == [post.ids for post in one_window(bundle).encode(texts)]
    assert set(found) == {"input_ids", "attention_mask"}


def test_releases_of_transformers_before_the_fifth_know_the_name_of_the_tokenizer(folder: Path) -> None:
    assert json.loads((folder / "tokenizer_config.json").read_text())["tokenizer_class"] == "PreTrainedTokenizerFast"


def test_the_encoder_is_whole_but_for_the_pooler_that_is_not_used(bundle: Bundle, folder: Path) -> None:
    encoder, report = AutoModel.from_pretrained(folder, output_loading_info=True)
    assert {name.partition(".")[0] for name in report["missing_keys"]} == {"pooler"}
    assert not report["unexpected_keys"]
    expected = TriageNetwork.from_pretrained(bundle.weights()).encoder.state_dict()
    found = encoder.state_dict()
    assert all(np.array_equal(found[name], tensor) for name, tensor in expected.items())


def test_heads_are_named_with_their_labels_never_by_number(bundle: Bundle, folder: Path) -> None:
    plain = json.loads((folder / "heads.json").read_text())
    assert plain["max_tokens"] == bundle.manifest.max_tokens
    assert {name: head["labels"] for name, head in plain["heads"].items()} == {
        head.name: list(head.labels) for head in bundle.taxonomy
    }
    assert plain["heads"]["intent"]["definitions"] == ["wants money back", "", ""]
    shapes = {name: tuple(tensor.shape) for name, tensor in load_file(folder / "heads.safetensors").items()}
    assert shapes["urgency.weight"] == (3, 32)
    assert shapes["department.bias"] == (2,)
    for path in folder.glob("*.json"):
        assert "LABEL_" not in path.read_text()


def lines_of(folder: Path, texts: list[str]) -> str:
    """The lines in the folder's README, for other texts, with an end that prints all they worked out."""
    [lines] = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    changed, times = re.subn(r"(?m)^texts = .*$", f"texts = {texts!r}", lines)
    assert times == 1
    told, times = re.subn(
        r"(?m)^(\s+)(for text, row in zip.*)$", r"\1answers[name] = probabilities.tolist()\n\1\2", changed
    )
    assert times == 1
    end = "print(json.dumps({'answers': answers, 'loaded': sorted(sys.modules)}))"
    return f"answers = {{}}\n{told}\n{end}\n"


def test_the_lines_of_the_readme_give_the_probabilities_of_the_network_without_this_project(
    bundle: Bundle, tmp_path: Path
) -> None:
    source = with_scales(bundle, tmp_path / "copied")
    folder = tmp_path / "hub"
    write_hub_format(source, folder)
    (tmp_path / "lines.py").write_text(lines_of(folder, [*TEXTS, *MESSY]))
    ran = subprocess.run(
        [sys.executable, "-I", tmp_path / "lines.py"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    *shown, last = ran.stdout.splitlines()
    found = json.loads(last)
    assert not {"model", "data", "training"} & set(found["loaded"])
    assert len(shown) == 3 * len([*TEXTS, *MESSY])
    assert re.fullmatch(r"intent (refund|outage|spam) [01]\.\d+", shown[0])

    tokenizer = one_window(source)
    network = TriageNetwork.from_pretrained(source.weights())
    scores = network_scores(network, tokenizer.encode([*TEXTS, *MESSY]), tokenizer.pad_id)
    for name, policy in source.policy.heads.items():
        np.testing.assert_allclose(found["answers"][name], calibrated(scores.logits[name], policy), rtol=0, atol=1e-4)


def one_window(bundle: Bundle) -> PostTokenizer:
    """The bundle's tokenizer, which cuts every long post."""
    return PostTokenizer.from_file(bundle.path / TOKENIZER, bundle.manifest.max_tokens)


def with_scales(bundle: Bundle, folder: Path) -> Bundle:
    """A copy whose policy has a scale and a bias for each intent."""
    shutil.copytree(bundle.path, folder)
    intent = bundle.policy.heads["intent"].model_copy(update={"scales": (0.5, 1.0, 2.0), "biases": (0.3, 0.0, -0.3)})
    bundle.policy.model_copy(update={"heads": {**bundle.policy.heads, "intent": intent}}).write(folder / POLICY)
    manifest = bundle.manifest
    seal(folder, manifest)
    return Bundle.load(folder)


def test_training_can_begin_with_the_encoder(bundle: Bundle, folder: Path) -> None:
    encoder = find_encoder(str(folder))
    assert encoder.load().config.model_type == "bert"
    assert encoder.tokenizer().encode("late again").ids == bundle.tokenizer().encode(["late again"])[0].ids


def test_the_readme_is_the_card_of_the_bundle_with_other_lines_to_begin_with(bundle: Bundle, folder: Path) -> None:
    written = ModelCard((folder / "README.md").read_text())
    data = written.data.to_dict()  # type: ignore[no-untyped-call]  # as huggingface_hub has it
    assert (data["library_name"], data["pipeline_tag"]) == ("transformers", "text-classification")
    assert data["model-index"][0]["name"] == "toy@1"
    before, _, after = bundle.card().partition("## How to get started")
    assert before.partition("# toy@1")[2] in written.text
    assert "## Training details" + after.partition("## Training details")[2] in written.text
    assert f"Posts are cut after {bundle.manifest.max_tokens} tokens, without a word." in written.text


def test_sentence_transformers_is_told_to_take_the_mean(folder: Path) -> None:
    modules = json.loads((folder / "modules.json").read_text())
    assert [module["path"] for module in modules] == ["", "1_Pooling"]
    pooling = json.loads((folder / "1_Pooling" / "config.json").read_text())
    assert pooling == {"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True}
    assert json.loads((folder / "sentence_bert_config.json").read_text()) == {"max_seq_length": 32}


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
