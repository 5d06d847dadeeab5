"""Intervals and tests of paired differences, against published numbers, plain loops and simulation."""

from math import comb, log, sqrt

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from data.posts import Example, Post
from evaluation.comparison.paired import (
    RESAMPLES,
    bootstrap_interval,
    bootstrap_p,
    holm,
    mcnemar_p,
    rate_interval,
    resampled,
    score_interval,
    share_difference,
    units_of,
)


def of_shares(
    champion: NDArray[np.bool_], challenger: NDArray[np.bool_], units: NDArray[np.int64]
) -> tuple[float, float]:
    """The interval of a difference of shares."""
    gains = challenger.astype(np.int64) - champion
    samples = resampled(gains + 1, units, 3)
    found = share_difference(champion, challenger, units, (samples[:, 2] - samples[:, 0]) / samples.sum(axis=1))
    return found.low, found.high


def test_posts_of_a_group_are_one_unit_and_others_stand_alone() -> None:
    groups = ["b", None, "a", "b", None]
    assert units_of([Example(Post("x"), {}, group) for group in groups]).tolist() == [0, 1, 2, 0, 3]


def test_a_group_is_drawn_whole() -> None:
    units, cells = np.repeat(np.arange(20), 3), np.tile([0, 1, 1], 20)
    samples = resampled(cells, units, 2)
    assert samples.tolist() == [[20, 40]] * RESAMPLES


def test_units_of_unlike_sizes_change_the_size_of_a_sample() -> None:
    samples = resampled(np.zeros(6, np.int64), np.array([0, 0, 0, 0, 0, 1]), 1)
    assert set(samples[:, 0].tolist()) == {2, 6, 10}


def test_the_bootstrap_is_that_of_a_plain_loop_and_the_same_every_time() -> None:
    generator = np.random.default_rng(3)
    cells, units = generator.integers(0, 3, 90), generator.integers(0, 30, 90)
    known = np.unique(units)
    plain = []
    for _ in range(2_000):
        rows = np.concatenate([np.flatnonzero(units == unit) for unit in generator.choice(known, len(known))])
        plain.append((cells[rows] == 2).mean() - (cells[rows] == 0).mean())
    samples = resampled(cells, units, 3)
    assert (samples == resampled(cells, units, 3)).all()
    shares = (samples[:, 2] - samples[:, 0]) / samples.sum(axis=1)
    assert bootstrap_interval(shares) == pytest.approx(bootstrap_interval(np.array(plain)), abs=0.02)


def test_samples_that_say_nothing_are_passed_over() -> None:
    assert bootstrap_interval(np.array([np.nan, 0.1, 0.1])) == pytest.approx((0.1, 0.1))
    assert bootstrap_interval(np.array([np.nan])) == (-1.0, 1.0)
    assert bootstrap_p(np.array([np.nan])) == 1.0


def test_p_of_a_bootstrap_counts_both_sides_and_is_never_nought() -> None:
    assert bootstrap_p(np.full(1_999, 0.1)) == pytest.approx(2 / 2_000)
    assert bootstrap_p(np.append(np.full(1_900, -0.1), np.full(99, 0.1))) == pytest.approx(2 * 100 / 2_000)
    assert bootstrap_p(np.zeros(10)) == 1.0


@pytest.mark.parametrize(("gained", "lost"), [(15, 2), (2, 15), (4, 5), (7, 0)])
def test_mcnemars_exact_test_is_a_throw_of_coins(gained: int, lost: int) -> None:
    thrown = gained + lost
    tail = sum(comb(thrown, heads) for heads in range(min(gained, lost) + 1)) / 2**thrown
    assert mcnemar_p(gained, lost) == pytest.approx(min(1.0, 2 * tail))


def test_without_a_post_that_differs_mcnemar_knows_nothing() -> None:
    assert mcnemar_p(0, 0) == 1.0


def test_the_score_interval_is_the_published_one() -> None:
    # Fagerland, Lydersen & Laake 2014, Statistics in Medicine 33:2850, table of the airway hyper-responsiveness data.
    assert score_interval(1, 7, 21) == pytest.approx((-0.517, -0.026), abs=5e-4)


@pytest.mark.parametrize(("gained", "lost", "posts"), [(3, 9, 40), (0, 4, 60), (30, 25, 500)])
def test_at_a_bound_the_score_test_just_rejects(gained: int, lost: int, posts: int) -> None:
    for bound in score_interval(gained, lost, posts):

        def unlikelihood(share_lost: float, bound: float = bound) -> float:
            cells = (
                (gained, share_lost + bound),
                (lost, share_lost),
                (posts - gained - lost, 1 - bound - 2 * share_lost),
            )
            return -sum(count * log(share) for count, share in cells if count)

        likeliest = minimize_scalar(
            unlikelihood,
            bounds=(max(-bound, 0) + 1e-9, (1 - bound) / 2 - 1e-9),
            method="bounded",
            options={"xatol": 1e-10},
        ).x
        variance = (2 * likeliest + bound - bound**2) / posts
        assert abs((gained - lost) / posts - bound) / sqrt(variance) == pytest.approx(1.96, abs=0.01)


def test_no_difference_among_few_posts_proves_little() -> None:
    # The score interval is then z² / (n + z²) to either side.
    bound = 1.96**2 / (20 + 1.96**2)
    found = of_shares(np.ones(20, np.bool_), np.ones(20, np.bool_), np.arange(20))
    assert found == pytest.approx((-bound, bound), abs=1e-4)
    wider, _ = of_shares(np.ones(20, np.bool_), np.ones(20, np.bool_), np.repeat(np.arange(4), 5))
    assert wider == pytest.approx(-(1.96**2) / (4 + 1.96**2), abs=1e-4)


@pytest.mark.parametrize(("gained", "lost", "posts"), [(1, 0, 1), (0, 1, 1), (5, 0, 5), (0.3, 0.2, 0.9), (0, 0, 1)])
def test_the_score_interval_of_extremes_lies_within_its_range(gained: float, lost: float, posts: float) -> None:
    low, high = score_interval(gained, lost, posts)
    assert -1 <= low <= (gained - lost) / posts <= high <= 1
    assert low < high
    assert score_interval(lost, gained, posts) == pytest.approx((-high, -low))


def test_rates_without_an_error_are_held_apart_by_wilsons_bounds() -> None:
    upper = 1.96**2 / (50 + 1.96**2)
    assert rate_interval((0, 50), (0, 50), 0.0) == pytest.approx((-upper, upper), abs=1e-4)


def test_the_interval_of_independent_rates_is_newcombes() -> None:
    # Newcombe 1998, Statistics in Medicine 17:873, example (a) 56/70 - 48/80 by method 10: 0.0524 to 0.3339.
    assert rate_interval((48, 80), (56, 70), 0.0) == pytest.approx((0.0524, 0.3339), abs=1e-4)


def test_rates_that_go_together_are_told_apart_sooner() -> None:
    apart, together = rate_interval((20, 200), (24, 200), 0.0), rate_interval((20, 200), (24, 200), 0.8)
    assert together[1] - together[0] < 0.6 * (apart[1] - apart[0])


def test_holms_adjustment_is_the_one_worked_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize(("size", "true"), [(1, 0.0), (1, 0.03), (8, 0.0)])
def test_intervals_hold_the_truth_as_often_as_they_say_in_groups_too(size: int, true: float) -> None:
    """Where the posts of a group are all gained or all lost together, only groups can tell how little is known."""
    generator = np.random.default_rng(11)
    held = held_without_groups = 0
    for _ in range(150):
        kinds = generator.choice(3, size=400 // size, p=[0.06, 0.88 - true, 0.06 + true]).repeat(size)
        champion, challenger = kinds <= 1, kinds >= 1
        low, high = of_shares(champion, challenger, np.arange(400) // size)
        held += low <= true <= high
        low, high = of_shares(champion, challenger, np.arange(400))
        held_without_groups += low <= true <= high
    assert held >= 150 * 0.95 - 3 * sqrt(150 * 0.95 * 0.05)
    if size > 1:
        assert held_without_groups < 150 * 0.75
