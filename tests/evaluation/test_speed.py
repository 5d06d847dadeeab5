import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from evaluation.speed import (
    BANKING77,
    largest_shift,
    matrix_rate,
    mixes,
    multiply_adds,
    posts_of_lengths,
    race,
    soak,
    spread,
)
from model.bundle import Bundle
from model.engine import Engine
from model.export import export_onnx
from model.network import TriageNetwork
from model.tokenizer import Encoded

VOCABULARY = 62  # of the tiny encoder


@pytest.fixture
def engine(bundle: Bundle) -> Iterator[Engine]:
    engine = bundle.engine(workers=2)
    yield engine
    engine.close()


def some(count: int) -> list[Encoded]:
    random = np.random.default_rng(1)
    return [Encoded(random.integers(5, VOCABULARY, 3 + index % 40).tolist(), False, False) for index in range(count)]


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def test_mixes_hold_no_post_that_the_model_would_cut() -> None:
    assert mixes(256).keys() == {"8", "16", "32", "64", "128", "BANKING77", "real posts"}
    assert mixes(256)["BANKING77"] == BANKING77
    assert mixes(48).keys() == {"8", "16", "32", "BANKING77", "real posts"}
    assert max(mixes(48)["real posts"]) == 48


def test_posts_are_of_the_lengths_asked_for_and_no_two_alike() -> None:
    posts = posts_of_lengths(BANKING77, 30_522)
    assert {len(post.ids) for post in posts} == set(BANKING77)
    assert len({tuple(post.ids) for post in posts}) == len(posts)
    assert max(max(post.ids) for post in posts) < 30_522
    assert len(posts_of_lengths([5], 62, count=7)) == 7


def test_a_race_has_a_figure_of_each_engine_and_round(engine: Engine) -> None:
    figures = race({"one": engine, "other": engine}, some(20), rounds=2)
    assert figures.keys() == {"one", "other"}
    for each in figures.values():
        assert len(each.posts_per_second) == len(each.milliseconds) == 2
        assert min(each.posts_per_second) > 0 < min(each.milliseconds)


def test_the_matrix_rate_is_of_each_round() -> None:
    rates = matrix_rate(workers=1, rounds=2)
    assert len(rates) == 2
    assert min(rates) > 0.1  # GFLOP/s, which any processor reaches


def test_multiply_adds_are_the_sizes_of_the_weights_that_a_token_meets(bundle: Bundle, tmp_path: Path) -> None:
    export_onnx(TriageNetwork.from_pretrained(bundle.weights()), tmp_path / "model.onnx")
    assert multiply_adds(tmp_path / "model.onnx") == 2 * (4 * 32 * 32 + 2 * 32 * 64)


def test_an_exact_engine_shifts_nothing(engine: Engine) -> None:
    shift, others = largest_shift(engine, some(80))
    assert shift <= 1e-6
    assert others == 0


def test_an_engine_whose_answers_depend_on_neighbours_is_seen(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    run = engine._session.run

    class Shifting:
        def run(self, names: list[str], feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
            return [answer + (len(answer) - 1) * np.arange(answer.shape[1]) for answer in run(names, feeds)]

    monkeypatch.setattr(engine, "_session", Shifting())
    shift, others = largest_shift(engine, some(40))
    assert shift > 0.1
    assert others > 0


def test_spread_is_median_least_and_greatest() -> None:
    assert spread([3.0, 1.0, 7.0]) == {"median": 3.0, "min": 1.0, "max": 7.0}


def test_memory_does_not_grow_with_the_posts_scored(engine: Engine) -> None:
    """The short form of `triage bench --soak`."""
    assert list(soak(engine, 3000))[-1] >= 3000  # the arena has seen every length now
    before = resident_mb()
    list(soak(engine, 6000, seed=14))
    assert resident_mb() - before < 16


def test_engines_replaced_one_after_the_other_leave_nothing(bundle: Bundle) -> None:
    """A session of the toy bundle takes some 3 MB: thirty that leaked would show."""
    for _ in range(5):
        bundle.engine(workers=1).close()
    before = resident_mb()
    for _ in range(30):
        engine = bundle.engine(workers=1)
        engine.score(["site is down"])
        engine.close()
    assert resident_mb() - before < 16
