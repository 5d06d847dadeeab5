import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

from evaluation.drift.label_shift import estimated_shares, weights_to

MEANS = np.array([-1.0, 0.0, 2.0])
BEFORE = np.array([0.5, 0.4, 0.1])
AFTER = np.array([0.1, 0.3, 0.6])


def drawn(shares: NDArray[np.float64], posts: int, seed: int) -> NDArray[np.float64]:
    """Points whose labels stand in the given shares."""
    random = np.random.default_rng(seed)
    return random.normal(MEANS[random.choice(3, posts, p=shares)], 1)


def probabilities(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of the labels, exactly, where they stand in the shares `BEFORE`."""
    joint = BEFORE * norm.pdf(points[:, None], MEANS)
    return np.asarray(joint / joint.sum(axis=1, keepdims=True))


def test_the_new_shares_are_found_where_counting_is_far_off() -> None:
    given = probabilities(drawn(AFTER, 20_000, 1))
    found = estimated_shares(given, BEFORE)
    assert found == pytest.approx(AFTER, abs=0.02)
    counted = np.bincount(given.argmax(axis=1), minlength=3) / len(given)
    assert np.abs(counted - AFTER).max() > 0.05


def test_shares_that_did_not_change_are_left() -> None:
    assert estimated_shares(probabilities(drawn(BEFORE, 20_000, 2)), BEFORE) == pytest.approx(BEFORE, abs=0.02)


def test_a_label_that_is_gone_has_no_share() -> None:
    found = estimated_shares(probabilities(drawn(np.array([1.0, 0.0, 0.0]), 5_000, 3)), BEFORE)
    assert found[2] < 0.01


def test_weights_are_the_ratio_of_the_densities() -> None:
    points = np.linspace(-4, 5, 50)
    density = norm.pdf(points[:, None], MEANS)
    expected = (density @ AFTER) / (density @ BEFORE)
    np.testing.assert_allclose(weights_to(probabilities(points), BEFORE, AFTER), expected)


def test_equal_shares_weigh_every_post_alike() -> None:
    np.testing.assert_allclose(weights_to(probabilities(np.linspace(-4, 5, 50)), BEFORE, BEFORE), 1)
