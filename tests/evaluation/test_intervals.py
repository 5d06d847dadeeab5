"""Intervals against exact ones, against a plain bootstrap, and by how often they hold the truth."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score

from data.posts import Example, Post
from evaluation.intervals import binomial_bounds, confusion_intervals, groups_of, share_intervals


def in_groups(*groups: str | None) -> list[Example]:
    return [Example(Post("a"), {"intent": "spam"}, group) for group in groups]


def accuracy(confusions: NDArray[np.float64]) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = np.einsum("kii->k", confusions) / confusions.sum(axis=(1, 2))
    return shares[None]


def test_groups_are_numbered_and_a_post_without_one_is_its_own() -> None:
    groups = groups_of(in_groups("b", None, "a", "b", None))
    assert groups is not None
    assert groups[0] == groups[3]
    assert len(set(groups.tolist())) == 4


@pytest.mark.parametrize("groups", [(), (None, None), ("a", "b", None)])
def test_where_each_post_stands_alone_there_are_no_groups(groups: tuple[str | None, ...]) -> None:
    assert groups_of(in_groups(*groups)) is None


def test_bounds_are_those_of_the_exact_binomial_test() -> None:
    for count in (1, 7, 200):
        for hits in {0, 1, count // 2, count}:
            exact = binomtest(hits, count).proportion_ci(method="exact")
            low, high = binomial_bounds(np.array([hits], float), np.array([count], float))
            assert (low[0], high[0]) == (pytest.approx(exact.low), pytest.approx(exact.high))


def test_each_set_has_its_own_share_and_an_empty_one_has_none() -> None:
    found = share_intervals(np.array([0, 0, 2, 2, 2]), np.array([True, False, True, True, True]), 3)
    assert found.count.tolist() == [2, 0, 3]
    assert [found.value(place) for place in range(3)] == [0.5, None, 1.0]
    assert found.interval(1) is None
    exact = binomtest(3, 3).proportion_ci(method="exact")
    assert (found.low[2], found.high[2]) == (pytest.approx(exact.low), 1.0)


def test_copies_of_posts_tell_nothing_new() -> None:
    """Each of 50 posts four times, in groups: as wide as 50 posts, but for what is unknown of the spread of groups."""
    once = np.arange(50) % 5 > 0
    copies, groups = np.repeat(once, 4), np.repeat(np.arange(50), 4)
    alone = share_intervals(np.zeros(50, np.intp), once, 1)
    blind = share_intervals(np.zeros(200, np.intp), copies, 1)
    grouped = share_intervals(np.zeros(200, np.intp), copies, 1, groups)
    assert grouped.low[0] == pytest.approx(alone.low[0], abs=0.01)
    assert grouped.high[0] == pytest.approx(alone.high[0], abs=0.01)
    assert blind.high[0] - blind.low[0] < 0.6 * (grouped.high[0] - grouped.low[0])


def test_the_effective_number_is_that_worked_by_hand() -> None:
    """Groups of 2, 2, 2 with 2, 1, 0 hits: share 1/2, off by 1, 0, -1; variance 3/2 * 2/36 = 1/12.

    So 1/4 / (1/12) = 3 posts, and by Student's quantiles at 5 and 2 degrees of freedom 3 * (2.5706 / 4.3027) ** 2.
    """
    found = share_intervals(np.zeros(6, np.intp), np.array([1, 1, 1, 0, 0, 0], bool), 1, np.array([0, 0, 1, 1, 2, 2]))
    effective = np.array([3 * (2.5705818 / 4.3026527) ** 2])
    low, high = binomial_bounds(effective / 2, effective)
    assert (found.low[0], found.high[0]) == (pytest.approx(low[0], rel=1e-5), pytest.approx(high[0], rel=1e-5))


def test_where_all_are_hits_each_group_counts_as_one_post() -> None:
    found = share_intervals(np.zeros(40, np.intp), np.ones(40, bool), 1, np.repeat(np.arange(10), 4))
    assert (found.low[0], found.high[0]) == (pytest.approx(0.025 ** (1 / 10)), 1.0)


def test_a_single_group_is_a_single_post() -> None:
    found = share_intervals(np.zeros(4, np.intp), np.array([1, 1, 0, 0], bool), 1, np.zeros(4, np.int64))
    low, high = binomial_bounds(np.array([0.5]), np.array([1.0]))
    assert found.interval(0) == [low[0], high[0]]


def test_a_set_whose_posts_share_no_group_has_the_exact_interval() -> None:
    sets, groups = np.array([0, 0, 0, 1, 1]), np.array([0, 1, 2, 3, 3])
    hits = np.array([1, 0, 1, 1, 0], bool)
    exact = binomtest(2, 3).proportion_ci(method="exact")
    found = share_intervals(sets, hits, 2, groups)
    assert (found.low[0], found.high[0]) == (pytest.approx(exact.low), pytest.approx(exact.high))


@pytest.mark.parametrize("alike", [0.0, 0.5, 1.0])
def test_intervals_hold_the_truth_however_alike_the_posts_of_a_group_are(alike: float) -> None:
    """Of 1,000 seeded draws at most 5 % plus three binomial standard errors miss it; blind to groups, far more do."""
    generator = np.random.default_rng(13)
    truth, missed, missed_blind = 0.9, 0, 0
    for _ in range(1000):
        groups = np.repeat(np.arange(100), generator.integers(1, 8, 100))
        own, common = (generator.random(size) < truth for size in (len(groups), 100))
        hits = np.where((generator.random(100) < alike)[groups], common[groups], own)
        sets = np.zeros(len(groups), np.intp)
        for found, blind in ((share_intervals(sets, hits, 1, groups), False), (share_intervals(sets, hits, 1), True)):
            outside = not found.low[0] <= truth <= found.high[0]
            missed_blind += outside and blind
            missed += outside and not blind
    assert missed <= 50 + 3 * (1000 * 0.05 * 0.95) ** 0.5
    if alike == 1.0:
        assert missed_blind > 250


def test_the_bootstrap_of_groups_is_a_plain_one() -> None:
    generator = np.random.default_rng(7)
    groups = np.sort(generator.integers(0, 30, 120))
    gold = generator.integers(0, 3, 120)
    said = np.where((generator.random(30) < 0.7)[groups], gold, (gold + 1) % 3)
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    plain = []
    for _ in range(3000):
        rows = np.concatenate([members[each] for each in generator.integers(0, len(members), len(members))])
        plain.append(accuracy_score(gold[rows], said[rows]))
    [found] = confusion_intervals(gold, said, 3, accuracy, groups).tolist()
    assert found == pytest.approx(np.quantile(plain, [0.025, 0.975]).tolist(), abs=0.015)
    [blind] = confusion_intervals(gold, said, 3, accuracy).tolist()
    assert blind[1] - blind[0] < 0.8 * (found[1] - found[0])


def test_the_bootstrap_is_the_same_every_time_whatever_the_groups_are_called() -> None:
    gold, said, groups = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 1, 1, 2, 0]), np.array([0, 0, 1, 1, 2, 2])
    first, second, renamed = (
        confusion_intervals(gold, said, 3, accuracy, each) for each in (groups, groups, groups + 90)
    )
    assert first.tolist() == second.tolist() == renamed.tolist()
    assert 0 <= first[0, 0] < first[0, 1] <= 1
