import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.errors import BundleError, PolicyError
from data.files import file_sha256
from data.normalise import normalise
from data.posts import Example
from data.taxonomy import Taxonomy
from model.bundle import (
    CARD,
    MANIFEST,
    METRICS,
    MODEL,
    POLICY,
    SERVED,
    TAXONOMY,
    TOKENIZER,
    TRAINING_ROWS,
    WEIGHTS,
    About,
    Bundle,
    inherit,
    seal,
)
from model.policy import Policy


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def alter(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def edit_manifest(folder: Path, **changes: object) -> None:
    plain: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    (folder / MANIFEST).write_text(json.dumps(plain | changes), encoding="utf-8")


def test_a_bundle_opens_with_all_that_serving_needs(bundle: Bundle, taxonomy: Taxonomy) -> None:
    assert bundle.manifest.reference == "toy@1"
    assert bundle.taxonomy == taxonomy
    assert bundle.policy.model_sha256 == file_sha256(bundle.path / MODEL)
    assert bundle.tokenizer().max_tokens == bundle.manifest.max_tokens == 32


def test_every_file_has_its_checksum_in_the_manifest(bundle: Bundle) -> None:
    files = [path for path in bundle.path.rglob("*") if path.is_file() and path.name != MANIFEST]
    assert bundle.manifest.files == {path.relative_to(bundle.path).as_posix(): file_sha256(path) for path in files}
    assert bundle.manifest.files.keys() >= {*SERVED, METRICS, CARD, TRAINING_ROWS, f"{WEIGHTS}/model.safetensors"}


@pytest.mark.parametrize("name", SERVED)
@pytest.mark.parametrize("damage", [cut, alter, empty])
def test_a_torn_or_altered_file_is_refused_by_its_name(copied: Path, name: str, damage: Callable[[Path], None]) -> None:
    damage(copied / name)
    with pytest.raises(BundleError, match=r"torn or altered: sha256 is .*copy the bundle again") as caught:
        Bundle.load(copied)
    assert str(copied / name) in str(caught.value)


@pytest.mark.parametrize("name", SERVED)
def test_a_missing_file_is_refused_by_its_name(copied: Path, name: str) -> None:
    (copied / name).unlink()
    with pytest.raises(BundleError, match="missing or unreadable; copy the whole bundle again") as caught:
        Bundle.load(copied)
    assert str(copied / name) in str(caught.value)


@pytest.mark.parametrize("name", SERVED)
def test_a_file_without_a_checksum_is_refused_by_its_name(copied: Path, bundle: Bundle, name: str) -> None:
    edit_manifest(copied, files={file: sha for file, sha in bundle.manifest.files.items() if file != name})
    with pytest.raises(BundleError, match=rf"manifest\.json: no checksum for {name}"):
        Bundle.load(copied)


@pytest.mark.parametrize("damage", [cut, empty])
def test_a_torn_manifest_is_refused(copied: Path, damage: Callable[[Path], None]) -> None:
    damage(copied / MANIFEST)
    with pytest.raises(BundleError, match=r"manifest\.json: torn or of another format: .*Invalid JSON"):
        Bundle.load(copied)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", 2),
        ("version", 0),
        ("max_tokens", 2),
        ("max_windows", 0),
        ("files", []),
        ("name", None),
        ("surprise", "field"),
    ],
)
def test_a_manifest_of_another_format_is_refused_by_the_field(copied: Path, field: str, value: object) -> None:
    edit_manifest(copied, **{field: value})
    with pytest.raises(BundleError, match=rf"manifest\.json: torn or of another format: {field}: "):
        Bundle.load(copied)


def test_a_bundle_from_before_there_were_windows_reads_the_beginning_of_a_long_post(
    copied: Path, bundle: Bundle
) -> None:
    plain = json.loads((copied / MANIFEST).read_text(encoding="utf-8"))
    assert plain.pop("max_windows") == bundle.manifest.max_windows > 1
    (copied / MANIFEST).write_text(json.dumps(plain), encoding="utf-8")
    old = Bundle.load(copied)
    [post] = old.tokenizer().encode(["late " * 100])
    assert (len(post.ids), post.more, post.truncated, post.end_read) == (32, (), True, False)
    engine, beginning = old.engine(workers=1), f"{'late ' * 30}"
    try:
        [long, short] = engine.score([f"{beginning} site is down", beginning]).logits["intent"]
        np.testing.assert_array_equal(long, short)
    finally:
        engine.close()


def test_a_folder_without_a_manifest_is_not_a_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"not a bundle: expected a file manifest\.json in it") as caught:
        Bundle.load(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_a_file_is_not_a_bundle(bundle: Bundle) -> None:
    with pytest.raises(BundleError, match=r"model\.onnx: cannot be read: Not a directory"):
        Bundle.load(bundle.path / MODEL)


def test_a_policy_of_another_model_is_refused_even_with_right_checksums(copied: Path, bundle: Bundle) -> None:
    Policy.plain(bundle.taxonomy, "0" * 64).write(copied / POLICY)
    edit_manifest(copied, files={**bundle.manifest.files, POLICY: file_sha256(copied / POLICY)})
    with pytest.raises(PolicyError, match="made for the model 000000000000"):
        Bundle.load(copied)


def test_the_weights_are_verified_when_they_are_asked_for_and_not_before(copied: Path) -> None:
    alter(copied / WEIGHTS / "model.safetensors")
    bundle = Bundle.load(copied)
    with pytest.raises(BundleError, match=r"weights/model\.safetensors: torn or altered"):
        bundle.weights()


def test_the_figures_are_verified_when_they_are_asked_for_and_not_before(copied: Path) -> None:
    alter(copied / METRICS)
    bundle = Bundle.load(copied)
    with pytest.raises(BundleError, match=r"metrics\.json: torn or altered"):
        bundle.metrics()


def test_whole_weights_and_figures_are_given(bundle: Bundle) -> None:
    assert (bundle.weights() / "model.safetensors").is_file()
    assert bundle.metrics()["n"] == 12


def test_a_bundle_shipped_without_weights_serves_but_says_that_it_has_none(copied: Path, bundle: Bundle) -> None:
    served = {name: sha for name, sha in bundle.manifest.files.items() if not name.startswith(WEIGHTS)}
    edit_manifest(copied, files=served)
    with pytest.raises(BundleError, match="no training weights in this bundle; expected a folder weights/"):
        Bundle.load(copied).weights()


def test_no_file_of_a_bundle_holds_the_text_of_a_post(bundle: Bundle, examples: list[Example]) -> None:
    contents = [path.read_bytes() for path in bundle.path.rglob("*") if path.is_file()]
    assert len(contents) == len(bundle.manifest.files) + 1
    for example in examples:
        for form in (example.post.text, normalise(example.post.text), json.dumps(example.post.text)[1:-1]):
            assert not [content for content in contents if form.encode() in content]


@pytest.mark.parametrize("name", SERVED)
def test_sealing_an_incomplete_folder_is_refused_and_writes_no_manifest(
    bundle: Bundle, tmp_path: Path, name: str
) -> None:
    inherit(bundle, tmp_path, tuple(served for served in SERVED if served != name))
    with pytest.raises(BundleError, match=rf"a bundle needs \[.*{name}"):
        seal(tmp_path, About(name="toy", version=2, precision="fp32", max_tokens=32))
    assert not (tmp_path / MANIFEST).exists()


def test_a_sealed_folder_is_a_bundle(bundle: Bundle, tmp_path: Path) -> None:
    inherit(bundle, tmp_path, SERVED)
    about = About(
        name="toy",
        version=2,
        precision="fp32",
        max_tokens=32,
        max_windows=3,
        provenance={"note": "by hand"},
        parent=bundle.manifest.reference,
    )
    manifest = seal(tmp_path, about)
    loaded = Bundle.load(tmp_path)
    assert loaded.manifest == manifest
    assert (loaded.manifest.max_windows, loaded.tokenizer().max_windows, loaded.tokenizer().most_tokens) == (3, 3, 96)
    assert (manifest.reference, manifest.parent, dict(manifest.provenance)) == ("toy@2", "toy@1", {"note": "by hand"})


def test_what_is_inherited_is_the_same_and_takes_no_second_place_on_disk(bundle: Bundle, tmp_path: Path) -> None:
    inherit(bundle, tmp_path, (TOKENIZER, TAXONOMY, WEIGHTS))
    for name in (TOKENIZER, TAXONOMY, f"{WEIGHTS}/model.safetensors", f"{WEIGHTS}/config.json"):
        assert (tmp_path / name).samefile(bundle.path / name)


def test_what_a_bundle_lacks_is_not_inherited(bundle: Bundle, tmp_path: Path) -> None:
    inherit(bundle, tmp_path, (TOKENIZER, "notes.md"))
    assert [path.name for path in tmp_path.iterdir()] == [TOKENIZER]


def test_what_is_made_anew_keeps_all_that_is_not_changed(bundle: Bundle) -> None:
    made = bundle.manifest.made_anew(version=7, parent="toy@1")
    assert (made.reference, made.parent) == ("toy@7", "toy@1")
    kept = set(About.model_fields) - {"version", "parent"}
    assert kept >= {"name", "precision", "max_tokens", "max_windows", "provenance"}
    assert all(getattr(made, name) == getattr(bundle.manifest, name) for name in kept)
