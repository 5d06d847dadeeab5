import json
from pathlib import Path

import numpy as np
import pytest

from data.errors import BundleError
from data.files import file_sha256
from model.bundle import MANIFEST, REFERENCE, Bundle
from model.engine import Engine
from model.reference import ReferencePosts, scored
from model.scores import Scores


def some(posts: int) -> ReferencePosts:
    random = np.random.default_rng(1)
    logits = {name: random.normal(size=(posts, size)).astype(np.float32) for name, size in (("tokens", 3), ("b", 2))}
    embedding = random.normal(size=(posts, 8)).astype(np.float32)
    return ReferencePosts(Scores(logits, embedding), np.arange(posts))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    posts = some(20)
    posts.write(tmp_path / "posts.npz")
    found = ReferencePosts.read(tmp_path / "posts.npz")
    assert found.tokens.tolist() == list(range(20))
    assert found.scores.logits.keys() == {"tokens", "b"}
    for name, logits in posts.scores.logits.items():
        np.testing.assert_array_equal(found.scores.logits[name], logits)
    np.testing.assert_allclose(found.scores.embedding, posts.scores.embedding, rtol=1e-3)
    assert found.scores.embedding.dtype == np.float32


def test_at_most_so_many_are_drawn_the_same_ones_every_time() -> None:
    drawn = some(50).draw(30)
    assert len(drawn) == len(set(drawn.tokens.tolist())) == 30
    assert drawn.tokens.tolist() == some(50).draw(30).tokens.tolist() != sorted(drawn.tokens.tolist())
    np.testing.assert_array_equal(drawn.scores.logits["b"], some(50).scores.logits["b"][drawn.tokens])
    assert len(some(50).draw()) == 50


def test_posts_are_scored_with_their_lengths(engine: Engine) -> None:
    texts = ["late", "refund please my order is late"]
    found = scored(engine, texts)
    assert found.tokens.tolist() == [len(post.ids) for post in engine.encode(texts)]
    np.testing.assert_array_equal(found.scores.embedding, engine.score(texts).embedding)


@pytest.mark.parametrize("content", [b"", b"no numbers", b"PK\x03\x04"])
def test_another_file_is_refused_by_its_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "posts.npz").write_bytes(content)
    with pytest.raises(BundleError, match=r"posts\.npz: not what a model's calibration posts looked like"):
        ReferencePosts.read(tmp_path / "posts.npz")


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "posts.npz", embedding=np.array([{"an": "object"}]), tokens=np.arange(1))
    with pytest.raises(BundleError, match="not what a model's"):
        ReferencePosts.read(tmp_path / "posts.npz")


def test_a_bundle_gives_its_calibration_posts(bundle: Bundle) -> None:
    found = bundle.reference()
    assert found is not None
    assert len(found) == 9
    assert found.scores.logits.keys() == {head.name for head in bundle.taxonomy}


def test_those_of_a_bundle_are_verified(copied: Path) -> None:
    with (copied / REFERENCE).open("r+b") as file:
        file.write(b"\0\0")
    with pytest.raises(BundleError, match=r"reference\.npz: torn or altered"):
        Bundle.load(copied).reference()


def test_an_older_bundle_has_none(copied: Path) -> None:
    plain = json.loads((copied / MANIFEST).read_text())
    del plain["files"][REFERENCE]
    (copied / MANIFEST).write_text(json.dumps(plain))
    assert Bundle.load(copied).reference() is None
    assert file_sha256(copied / REFERENCE) not in plain["files"].values()
