"""Scores are made once, are those of the engine, and are made again wherever they cannot be trusted."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.examples import posts_of
from data.posts import Example
from evaluation import score_store
from evaluation.score_store import ScoreStore
from model.bundle import Bundle
from model.engine import Engine, RunReport
from model.scores import Scores


@dataclass(frozen=True)
class CountingBundle(Bundle):
    """A bundle that counts the posts that its engines have scored."""

    scored: list[int] = field(default_factory=list)

    def engine(
        self,
        workers: int | None = None,
        cached_posts: int = 0,
        report: Callable[[RunReport], None] = lambda run: None,
    ) -> Engine:
        def count(run: RunReport) -> None:
            self.scored.append(run.posts)
            report(run)

        return Bundle.engine(self, workers, cached_posts, count)


@pytest.fixture
def counting(bundle: Bundle) -> CountingBundle:
    return CountingBundle(bundle.path, bundle.manifest, bundle.taxonomy, bundle.policy)


@pytest.fixture
def texts(examples: list[Example], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Sixty posts in parts of twenty."""
    monkeypatch.setattr(score_store, "_PART_POSTS", 20)
    return posts_of(examples)


def same(one: Scores, other: Scores) -> bool:
    heads = all(np.array_equal(values, other.logits[name]) for name, values in one.logits.items())
    return heads and np.array_equal(one.embedding, other.embedding) and one.logits.keys() == other.logits.keys()


def test_scores_are_those_of_the_engine_and_are_made_once(
    counting: CountingBundle, bundle: Bundle, texts: list[str], tmp_path: Path
) -> None:
    engine = bundle.engine()
    expected = engine.score(texts)
    engine.close()
    told: list[int] = []
    first = ScoreStore(tmp_path).score(counting, texts, told.append)
    assert sum(counting.scored) == sum(told) == 60
    told.clear()
    second = ScoreStore(tmp_path).score(counting, texts, told.append)
    assert sum(counting.scored) == 60
    assert told == [20, 20, 20]
    assert same(second, first)
    for head, logits in expected.logits.items():  # in other runs the last digit of a float differs
        assert np.allclose(first.logits[head], logits, atol=1e-5)
    assert np.allclose(first.embedding, expected.embedding, atol=1e-5)


def test_what_was_done_before_an_interruption_is_kept(
    counting: CountingBundle, texts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Engine.score
    parts: list[int] = []

    def stopped(engine: Engine, part: Sequence[str]) -> Scores:
        if len(parts) == 2:
            raise KeyboardInterrupt
        parts.append(len(part))
        return whole(engine, part)

    monkeypatch.setattr(Engine, "score", stopped)
    with pytest.raises(KeyboardInterrupt):
        ScoreStore(tmp_path).score(counting, texts)
    monkeypatch.undo()
    monkeypatch.setattr(score_store, "_PART_POSTS", 20)
    ScoreStore(tmp_path).score(counting, texts)
    assert sum(counting.scored) == 60  # the first two parts once, and the last


def test_a_file_that_grew_is_not_scored_anew(counting: CountingBundle, texts: list[str], tmp_path: Path) -> None:
    ScoreStore(tmp_path).score(counting, texts[:40])
    counting.scored.clear()
    ScoreStore(tmp_path).score(counting, texts)
    assert sum(counting.scored) == 20


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9, 0.999])
def test_torn_scores_are_made_again(counting: CountingBundle, texts: list[str], tmp_path: Path, kept: float) -> None:
    store = ScoreStore(tmp_path)
    expected = store.score(counting, texts[:20])
    [path] = tmp_path.glob("*.npz")
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    counting.scored.clear()
    assert same(store.score(counting, texts[:20]), expected)
    assert sum(counting.scored) == 20
    store.score(counting, texts[:20])
    assert sum(counting.scored) == 20


def test_altered_scores_are_made_again(counting: CountingBundle, texts: list[str], tmp_path: Path) -> None:
    store = ScoreStore(tmp_path)
    expected = store.score(counting, texts[:20])
    [path] = tmp_path.glob("*.npz")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    assert same(store.score(counting, texts[:20]), expected)


@pytest.mark.parametrize("changed", ["model.onnx", "tokenizer.json"])
def test_another_model_or_tokenizer_has_scores_of_its_own(
    counting: CountingBundle, texts: list[str], tmp_path: Path, changed: str
) -> None:
    store = ScoreStore(tmp_path)
    store.score(counting, texts[:20])
    files = {**counting.manifest.files, changed: "0" * 64}
    other = CountingBundle(
        counting.path, counting.manifest.model_copy(update={"files": files}), counting.taxonomy, counting.policy
    )
    store.score(other, texts[:20])
    assert sum(other.scored) == 20


def test_posts_that_the_network_reads_alike_share_their_scores(
    counting: CountingBundle, texts: list[str], tmp_path: Path
) -> None:
    store = ScoreStore(tmp_path)
    store.score(counting, texts[:20])
    counting.scored.clear()
    store.score(counting, [f"  {text}\n" for text in texts[:20]])
    assert counting.scored == []
    store.score(counting, [f"{text} again" for text in texts[:20]])
    assert sum(counting.scored) == 20


def test_no_text_is_kept(counting: CountingBundle, texts: list[str], tmp_path: Path) -> None:
    ScoreStore(tmp_path).score(counting, texts)
    content = b"".join(path.name.encode() + path.read_bytes() for path in tmp_path.iterdir())
    assert len(list(tmp_path.iterdir())) == 3
    assert b"refund" not in content
    assert b"cash" not in content


def test_the_oldest_scores_give_way(counting: CountingBundle, texts: list[str], tmp_path: Path) -> None:
    ScoreStore(tmp_path).score(counting, texts[:20])
    [oldest] = tmp_path.glob("*.npz")
    os.utime(oldest, (1, 1))
    most_bytes = int(oldest.stat().st_size * 2.5)
    ScoreStore(tmp_path, most_bytes).score(counting, texts)  # reads the oldest, which makes it young
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= most_bytes
    counting.scored.clear()
    ScoreStore(tmp_path, most_bytes).score(counting, texts[40:])
    assert counting.scored == []


def test_a_folder_that_cannot_be_written_costs_time_and_nothing_else(
    counting: CountingBundle, texts: list[str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    found = ScoreStore(tmp_path / "file").score(counting, texts)
    assert len(found) == 60


def test_no_posts_have_no_scores(bundle: Bundle, tmp_path: Path) -> None:
    found: Any = ScoreStore(tmp_path).score(bundle, [])
    assert len(found) == 0
    assert found.logits["intent"].shape == (0, 3)


def test_other_windows_are_other_scores(counting: CountingBundle, tmp_path: Path) -> None:
    store, long = ScoreStore(tmp_path), [f"{'late ' * 60}refund please"]
    windows = store.score(counting, long)
    beginning = replace(counting, manifest=counting.manifest.model_copy(update={"max_windows": 1}))
    cut = store.score(beginning, long)
    assert sum(counting.scored) == 3 + 1  # windows, of both
    assert np.abs(windows.embedding - cut.embedding).max() > 1e-3
