from collections.abc import Callable
from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.stats import binomtest

from evaluation.tuning.risk_control import (
    Cut,
    Refusal,
    grid_floor,
    loosest_cut,
    most_misses,
    threshold_for_misses,
)

Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]
Risk = Callable[[NDArray[np.float64]], NDArray[np.float64]]

DRAWS = 1000
MOST_BROKEN = 0.05 + 3 * np.sqrt(0.05 * 0.95 / DRAWS)  # three standard errors above what is promised


def mostly_sure(generator: np.random.Generator, n: int) -> NDArray[np.float64]:
    return 1 - generator.beta(0.35, 2.5, n)


def mostly_unsure(generator: np.random.Generator, n: int) -> NDArray[np.float64]:
    return 1 - generator.beta(0.8, 2.0, n)


def tied(generator: np.random.Generator, n: int) -> NDArray[np.float64]:
    return np.round(mostly_sure(generator, n), 2)


def honest(confidence: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 - confidence


def never_quite_right(confidence: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.minimum(0.008 + 1 - confidence, 1)


def boastful(confidence: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.minimum(1.5 * (1 - confidence), 1)


class Stream:
    """Posts whose true error rate above any threshold is known."""

    def __init__(self, draw: Draw, risk: Risk) -> None:
        self._draw = draw
        self._risk = risk
        self._falling = np.sort(draw(np.random.default_rng(0), 1_000_000))[::-1]
        self._error = np.cumsum(risk(self._falling)) / np.arange(1, len(self._falling) + 1)

    def posts(self, generator: np.random.Generator, n: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        confidence = self._draw(generator, n)
        return confidence, generator.random(n) < self._risk(confidence)

    def truth(self, threshold: float) -> tuple[float, float]:
        """Share of all posts above a threshold, and the error rate there."""
        above = max(int(np.searchsorted(-self._falling, -threshold, side="right")), 1)
        return above / len(self._falling), float(self._error[above - 1])

    def best_coverage(self, error: float) -> float:
        return float((np.flatnonzero(self._error <= error)[-1] + 1) / len(self._falling))


STREAMS = {
    "honest": Stream(mostly_sure, honest),
    "never quite right": Stream(mostly_sure, never_quite_right),
    "ties": Stream(tied, honest),
    "boastful": Stream(mostly_unsure, boastful),
}


@pytest.mark.parametrize("posts", [100, 400, 5000])
@pytest.mark.parametrize("name", STREAMS)
def test_the_promised_error_is_exceeded_as_seldom_as_promised(name: str, posts: int) -> None:
    generator, stream, error = np.random.default_rng(posts), STREAMS[name], 0.05
    broken = 0
    for _ in range(DRAWS):
        found = loosest_cut(*stream.posts(generator, posts), error, 0.95)
        broken += isinstance(found, Cut) and stream.truth(found.threshold)[1] > error + 1e-9
    assert broken / DRAWS <= MOST_BROKEN


def test_where_no_threshold_keeps_the_promise_one_is_made_as_seldom_as_promised() -> None:
    """The hardest case: the error rate is just above what is allowed at each threshold."""
    generator = np.random.default_rng(3)
    made = sum(
        isinstance(loosest_cut(generator.random(800), generator.random(800) < 0.0501, 0.05, 0.95), Cut)
        for _ in range(DRAWS)
    )
    assert made / DRAWS <= MOST_BROKEN


@pytest.mark.parametrize(("name", "error"), [("honest", 0.05), ("ties", 0.05), ("never quite right", 0.05)])
def test_the_coverage_is_nearly_the_best_possible(name: str, error: float) -> None:
    generator, stream = np.random.default_rng(4), STREAMS[name]
    found = [loosest_cut(*stream.posts(generator, 5000), error, 0.95) for _ in range(100)]
    coverage = [stream.truth(cut.threshold)[0] if isinstance(cut, Cut) else 0.0 for cut in found]
    assert np.median(coverage) >= 0.9 * stream.best_coverage(error)


def test_a_bad_patch_among_the_surest_does_not_end_the_search() -> None:
    confidence = np.linspace(1, 0.5, 4000)
    wrong = np.zeros(4000, bool)
    wrong[10:30] = True  # twenty wrong labels in the gold, say
    found = loosest_cut(confidence, wrong, 0.02, 0.95)
    assert isinstance(found, Cut)
    assert (found.accepted, found.wrong) == (4000, 20)


def test_a_target_that_is_met_with_ease_is_not_refused() -> None:
    generator = np.random.default_rng(5)
    for posts in (300, 1000, 5000):
        found = [
            loosest_cut(mostly_sure(generator, posts), generator.random(posts) < 0.01, 0.05, 0.95) for _ in range(200)
        ]
        assert sum(isinstance(each, Refusal) for each in found) <= 20


def test_by_hand() -> None:
    """59 posts without an error bear 5 % at 95 %, as 0.95 ** 59 = 0.0485; 58 do not."""
    for posts, kept in ((59, True), (58, False)):
        confidence = np.full(posts, 0.9)  # one threshold, so one test with all of the level
        found = loosest_cut(confidence, np.zeros(posts, bool), 0.05, 0.95)
        assert isinstance(found, Cut) == kept
        if isinstance(found, Cut):
            assert (found.threshold, found.accepted, found.wrong) == (0.9, 59, 0)
        else:
            assert found.examples in range(59, 63), "numbers are tried 5 % apart"


@pytest.mark.parametrize(("every", "error"), [(60, 0.02), (60, 0.01), (100, 0.005), (400, 0.002)])
def test_a_refusal_says_how_many_posts_it_would_take(every: int, error: float) -> None:
    """If errors stayed as rare as they are: so many do, a fifth less do not."""
    confidence, wrong = np.linspace(1, 0.5, 400), np.arange(1, 401) % every == 0
    refusal = loosest_cut(confidence, wrong, error, 0.95)
    assert isinstance(refusal, Refusal)
    assert refusal.examples is not None
    copies = refusal.examples / 400
    few, many = (
        loosest_cut(np.repeat(confidence, times), np.repeat(wrong, times), error, 0.95)
        for times in (int(copies * 0.8), ceil(copies * 1.1))
    )
    assert isinstance(few, Refusal)
    assert isinstance(many, Cut)


def test_where_no_number_of_posts_would_do_it_says_so() -> None:
    wrong = np.tile([True, False, False, False], 500)
    refusal = loosest_cut(np.full(2000, 0.8), wrong, 0.05, 0.95)
    assert refusal == Refusal(None, 0.25)


def test_nothing_that_could_be_accepted_is_refused_with_the_least_number() -> None:
    assert loosest_cut(np.full(5, -1.0), np.zeros(5, bool), 0.05, 0.95) == Refusal(59, 0.0)
    assert loosest_cut(np.empty(0), np.empty(0, bool), 0.05, 0.95) == Refusal(59, 0.0)


@pytest.mark.parametrize("posts", [0, 1, 58, 59, 93, 100, 500])
@pytest.mark.parametrize("share", [0.02, 0.05, 0.3])
def test_the_misses_that_are_allowed_are_the_most_that_the_exact_test_bears(posts: int, share: float) -> None:
    allowed = most_misses(posts, share, 0.95)

    def bears(misses: int) -> bool:
        return posts > 0 and binomtest(misses, posts, share, alternative="less").pvalue <= 0.05

    assert allowed == max((misses for misses in range(posts + 1) if bears(misses)), default=-1)


@pytest.mark.parametrize("posts", [70, 400])
def test_a_promised_recall_is_missed_as_seldom_as_promised(posts: int) -> None:
    """Misses of a rare label: an answer that is wrong and sure."""
    generator, share = np.random.default_rng(7), 0.05
    population = generator.beta(2, 2, 400_000), generator.random(400_000) < 0.3
    broken = refused = 0
    for _ in range(DRAWS):
        rows = generator.integers(0, 400_000, posts)
        threshold = threshold_for_misses(population[0][rows], population[1][rows], share, 0.95)
        if isinstance(threshold, Refusal):
            refused += 1
            continue
        broken += float(np.mean(population[1] & (population[0] >= threshold))) > share
    assert refused == 0
    assert broken / DRAWS <= MOST_BROKEN


def test_the_threshold_for_misses_is_the_lowest() -> None:
    confidence = np.array([0.9] * 90 + [0.8, 0.7, 0.6])
    missed = np.array([False] * 90 + [True] * 3)
    # 93 posts bear one miss at 5 % (0.95 ** 93 + 93 * 0.05 * 0.95 ** 92 = 0.0498), so two must be kept from passing.
    assert threshold_for_misses(confidence, missed, 0.05, 0.95) == pytest.approx(0.700001)
    assert threshold_for_misses(confidence, missed, 0.2, 0.95) == 0.0
    for few in (0, 10, 58):
        assert threshold_for_misses(confidence[:few], missed[:few], 0.05, 0.95) == Refusal(59, 0.0)


@pytest.mark.parametrize(("posts", "unavoidable", "possible"), [(80, 1, True), (40, 1, True), (80, 8, False)])
def test_misses_at_any_threshold_ask_for_more_posts_or_are_too_many(
    posts: int, unavoidable: int, *, possible: bool
) -> None:
    confidence, missed = np.full(posts, 0.5), np.arange(posts) < unavoidable
    confidence[:unavoidable] = 2.0
    refusal = threshold_for_misses(confidence, missed, 0.05, 0.95)
    assert isinstance(refusal, Refusal)
    assert refusal.least_error == unavoidable / posts
    assert (refusal.examples is not None) == possible
    if refusal.examples is not None:
        times = ceil(refusal.examples / posts)
        assert threshold_for_misses(np.tile(confidence, times), np.tile(missed, times), 0.05, 0.95) == 0.0


def test_no_threshold_keeps_certainty_from_passing() -> None:
    assert threshold_for_misses(np.ones(60), np.ones(60, bool), 0.05, 0.95) == Refusal(None, 1.0)


@given(arrays(np.float64, 50, elements=st.floats(0, 1)))
def test_the_grid_is_of_six_digits_and_below(confidence: NDArray[np.float64]) -> None:
    floors = grid_floor(confidence)
    assert (floors <= confidence).all()
    assert (confidence - floors < 1.000001e-6).all()
    np.testing.assert_array_equal(floors, np.round(floors, 6))
    np.testing.assert_array_equal(grid_floor(floors), floors)
