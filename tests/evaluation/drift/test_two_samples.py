import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from evaluation.drift.two_samples import separability, weighted_area

SIZE = 10


def test_the_area_is_scikit_learns_with_ties_and_weights() -> None:
    random = np.random.default_rng(1)
    below, above = random.integers(0, 20, 90).astype(float), random.integers(5, 25, 60).astype(float)
    weights = random.exponential(1, 90)
    area, _ = weighted_area(below, above, weights)
    expected = roc_auc_score(
        np.repeat([0, 1], [90, 60]),
        np.concatenate([below, above]),
        sample_weight=np.concatenate([weights, np.ones(60)]),
    )
    assert area == pytest.approx(expected)


def test_the_variance_is_what_draws_show() -> None:
    random = np.random.default_rng(2)
    weights = random.exponential(1, 150)
    found = [weighted_area(random.normal(0, 1, 150), random.normal(0.7, 1, 80), weights) for _ in range(1_000)]
    areas, variances = np.array(found).T
    assert variances.mean() == pytest.approx(areas.var(), rel=0.15)


def test_samples_alike_are_told_apart_by_chance_alone() -> None:
    random = np.random.default_rng(3)
    found = [separability(random.normal(size=(300, SIZE)), random.normal(size=(100, SIZE))) for _ in range(40)]
    assert np.mean([effect.size for effect in found]) == pytest.approx(0.5, abs=0.02)
    assert sum(effect.low > 0.5 for effect in found) <= 4  # of 40; one is expected
    assert not any(effect.alarm for effect in found)


def test_two_clouds_have_the_area_that_their_distance_gives() -> None:
    random = np.random.default_rng(4)
    recent = random.normal(size=(2_000, SIZE))
    recent[:, 0] += 1.5
    found = separability(random.normal(size=(2_000, SIZE)), recent)
    assert found.size == pytest.approx(norm.cdf(1.5 / np.sqrt(2)), abs=0.02)
    assert found.low < norm.cdf(1.5 / np.sqrt(2)) < found.high
    assert found.alarm


def test_weights_take_a_difference_of_shares_away() -> None:
    """Nine in ten of the reference are of the first kind, half of the recent ones."""
    random = np.random.default_rng(5)
    kinds = random.choice(2, 2_000, p=[0.9, 0.1]), random.choice(2, 800, p=[0.5, 0.5])
    reference, recent = (random.normal(3.0 * kind[:, None], 1, (len(kind), SIZE)) for kind in kinds)
    weights = np.array([0.5 / 0.9, 0.5 / 0.1])[kinds[0]]
    assert separability(reference, recent).low > 0.6
    assert separability(reference, recent, weights).size == pytest.approx(0.5, abs=0.04)
