import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import ks_2samp, ttest_ind

from evaluation.drift.effects import (
    PRACTICAL_DISTANCE,
    Effect,
    mean_difference,
    share_distance,
    stability_index,
    value_distance,
)

LABELS = 24


def shares(seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).dirichlet(np.full(LABELS, 0.7))


def test_the_distance_of_shares_is_the_share_that_moved() -> None:
    """A tenth goes from the first label to the third."""
    found = share_distance(np.array([500, 300, 200]), np.array([400, 300, 300]))
    assert found.size == pytest.approx(0.1)
    assert found.low < 0.1 < found.high


def test_equal_counts_are_no_distance() -> None:
    found = share_distance(np.array([50, 30, 20]), np.array([500, 300, 200]))
    assert found.size == pytest.approx(0)
    assert found.low == 0
    assert found.high < 0.1


@pytest.mark.parametrize("moved", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("posts", [200, 2_000, 20_000])
def test_the_true_distance_of_many_labels_lies_in_its_interval(moved: float, posts: int) -> None:
    """The found one is far too large for few posts; its interval's ends each miss the truth in at most 2.5 % of draws
    (three standard errors of 120 draws are put up with).
    """
    before = shares(1)
    after = (1 - moved) * before
    after[3] += moved
    true = np.abs(after - before).sum() / 2
    random = np.random.default_rng(posts)
    found = [share_distance(random.multinomial(1_200, before), random.multinomial(posts, after)) for _ in range(120)]
    most = 120 * 0.025 + 3 * np.sqrt(120 * 0.025 * 0.975)
    assert sum(effect.low > true for effect in found) <= most
    assert sum(effect.high < true for effect in found) <= most
    if not moved:
        assert not any(effect.alarm for effect in found)


def test_a_large_move_is_an_alarm_even_among_few_posts() -> None:
    before, after = shares(1), shares(2)
    random = np.random.default_rng(3)
    found = [share_distance(random.multinomial(1_200, before), random.multinomial(200, after)) for _ in range(50)]
    assert np.abs(after - before).sum() / 2 > 0.4
    assert all(effect.alarm for effect in found)


def test_a_small_move_is_no_alarm_however_many_posts_there_are() -> None:
    found = share_distance(np.array([500_000, 500_000]), np.array([550_000, 450_000]))
    assert found.low > 0.04
    assert not found.alarm
    assert found.negligible


def test_kolmogorovs_distance_is_that_of_scipy() -> None:
    random = np.random.default_rng(5)
    reference, recent = random.integers(3, 200, 800).astype(float), random.integers(20, 250, 300).astype(float)
    found = value_distance(reference, recent)
    assert found.size == pytest.approx(ks_2samp(reference, recent).statistic, abs=0.005)
    assert found.low < found.size < found.high
    assert found.practical == PRACTICAL_DISTANCE


def test_values_that_are_all_the_same_are_no_distance() -> None:
    assert value_distance(np.full(60, 0.5), np.full(80, 0.5)).size == 0


def test_the_interval_of_a_mean_is_welchs() -> None:
    random = np.random.default_rng(6)
    reference, recent = random.normal(0, 1, 5_000), random.normal(0.3, 3, 2_000)
    found = mean_difference(reference, recent)
    expected = ttest_ind(recent, reference, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-3)
    assert not found.alarm


def test_the_stability_index_is_as_worked_by_hand() -> None:
    found = stability_index(np.array([5_000, 5_000, 0]), np.array([6_000, 4_000, 0]))
    expected = 0.1 * np.log(0.6 / 0.5) - 0.1 * np.log(0.4 / 0.5)
    assert found.size == pytest.approx(expected, abs=1e-4)
    assert found.low < expected < found.high


@pytest.mark.parametrize("moved", [0.0, 0.1])
def test_the_true_stability_index_lies_in_its_interval(moved: float) -> None:
    before = np.full(8, 1 / 8)
    after = before + moved * np.array([1, -1, 0.5, -0.5, 0, 0, 0, 0]) / 2
    true = ((after - before) * np.log(after / before)).sum()
    random = np.random.default_rng(7)
    found = [stability_index(random.multinomial(2_000, before), random.multinomial(2_000, after)) for _ in range(200)]
    assert sum(effect.low <= true <= effect.high for effect in found) >= 200 * 0.95 - 3 * np.sqrt(200 * 0.05 * 0.95)


def test_an_effect_on_one_label_alone_is_none() -> None:
    assert stability_index(np.array([10, 0]), np.array([20, 0])) == Effect(0.0, 0.0, 0.0)


def test_an_effect_is_printed_with_its_alarm_where_it_has_one() -> None:
    assert Effect(0.2, 0.11, 0.3, 0.1).to_dict() == {
        "size": 0.2,
        "low": 0.11,
        "high": 0.3,
        "practical": 0.1,
        "alarm": True,
    }
    assert "alarm" not in Effect(0.2, 0.1, 0.3).to_dict()
