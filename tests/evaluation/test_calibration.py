"""Confidences that mean what they say, and how far they are from it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.metrics import brier_score_loss
from sklearn.metrics import log_loss as cross_entropy

from data.errors import DataError
from evaluation.calibration import confidence_figures, expected_calibration_error, fit_temperature

SEED = 13


def drawn(count: int, distortion: float) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Logits over three labels, and labels drawn from what they say before they were multiplied by `distortion`."""
    generator = np.random.default_rng(SEED)
    honest = 2 * generator.normal(size=(count, 3))
    cumulated = softmax(honest, axis=1).cumsum(axis=1)
    targets = (generator.random((count, 1)) > cumulated).sum(axis=1)
    return (distortion * honest).astype(np.float32), targets.astype(np.int64)


def binary(confidences: list[float], correct: list[bool]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Probabilities over two labels of which the first is the more probable one."""
    top = np.array(confidences)
    return np.stack([top, 1 - top], axis=1), np.where(correct, 0, 1).astype(np.int64)


@pytest.mark.parametrize("distortion", [0.25, 1.0, 3.0, 8.0])
def test_the_temperature_undoes_a_known_distortion(distortion: float) -> None:
    assert fit_temperature(*drawn(20_000, distortion)) == pytest.approx(distortion, rel=0.04)


def test_no_temperature_on_a_grid_has_a_lower_log_loss() -> None:
    logits, targets = drawn(300, 3.0)
    claimed = np.where(np.eye(3)[targets] == 1, 301 / 302, 1 / 302 / 2)  # Platt's targets for 300 examples
    fitted = fit_temperature(logits, targets)
    losses = [
        -(claimed * np.log(softmax(logits.astype(np.float64) / temperature, axis=1))).sum(axis=1).mean()
        for temperature in [fitted, *np.geomspace(0.1, 15)]
    ]
    assert losses[0] <= min(losses) + 1e-9


@pytest.mark.parametrize("count", [1, 20, 1000])
def test_a_model_that_was_always_right_may_claim_what_the_number_of_its_answers_allows(count: int) -> None:
    logits = np.tile(np.array([[4.0, 0.0]], np.float32), (count, 1))
    temperature = fit_temperature(logits, np.zeros(count, np.int64))
    assert 1 / (1 + np.exp(-4 / temperature)) == pytest.approx((count + 1) / (count + 2), abs=1e-4)


def test_a_model_that_is_always_wrong_gets_the_highest_temperature() -> None:
    logits = np.array([[4.0, 0.0], [0.0, 4.0]] * 10, np.float32)
    assert fit_temperature(logits, np.array([1, 0] * 10)) == pytest.approx(20, rel=0.01)


def test_huge_logits_are_no_trouble() -> None:
    logits, targets = drawn(500, 1.0)
    assert fit_temperature(logits * 1e4, targets) == pytest.approx(20, rel=0.01)


def test_nothing_to_fit_on_is_refused_with_what_is_missing() -> None:
    with pytest.raises(DataError, match="no labelled example to fit a temperature on; give calibration data"):
        fit_temperature(np.zeros((0, 3), np.float32), np.zeros(0, np.int64))


@pytest.mark.parametrize(
    ("confidences", "correct", "bins", "expected"),
    [
        # Sorted: 0.6 right, 0.7 wrong | 0.8 right, 0.9 right. Gaps |0.65 - 0.5| and |0.85 - 1|, two posts each.
        ([0.9, 0.6, 0.8, 0.7], [True, True, True, False], 2, 0.15),
        # One bin: |0.75 - 3/4|.
        ([0.9, 0.6, 0.8, 0.7], [True, True, True, False], 1, 0.0),
        # A bin a post: (0.4 + 0.7 + 0.2 + 0.1) / 4.
        ([0.9, 0.6, 0.8, 0.7], [True, True, True, False], 4, 0.35),
        # More bins than posts are as many bins as posts.
        ([0.9, 0.6, 0.8, 0.7], [True, True, True, False], 15, 0.35),
        # Five posts in two bins are three and two: (3 * |0.7 - 1/3| + 2 * |0.95 - 1/2|) / 5.
        ([0.6, 0.7, 0.8, 0.9, 1.0], [True, False, False, False, True], 2, 0.4),
        ([1.0, 1.0], [True, True], 15, 0.0),
        ([1.0, 1.0], [False, False], 15, 1.0),
    ],
)
def test_the_calibration_error_is_that_of_the_bins_worked_by_hand(
    confidences: list[float], correct: list[bool], bins: int, expected: float
) -> None:
    assert expected_calibration_error(*binary(confidences, correct), bins=bins) == pytest.approx(expected)


def test_the_calibration_error_is_of_the_most_probable_of_many_labels() -> None:
    probabilities = np.array([[0.2, 0.7, 0.1], [0.5, 0.3, 0.2]])
    # |0.7 - 1| and |0.5 - 0|; that the second label of the second post is right does not count.
    assert expected_calibration_error(probabilities, np.array([1, 1])) == pytest.approx(0.4)


def test_fifteen_bins_hold_the_same_number_of_posts_each() -> None:
    confidences = np.linspace(0.5, 0.999, 30)
    correct = np.arange(30) % 3 > 0
    gaps = [abs(confidences[start : start + 2].mean() - correct[start : start + 2].mean()) for start in range(0, 30, 2)]
    found = expected_calibration_error(*binary(confidences.tolist(), correct.tolist()))
    assert found == pytest.approx(np.mean(gaps))


def test_honest_probabilities_have_a_small_error_and_distorted_ones_a_large_one() -> None:
    honest, targets = drawn(20_000, 1.0)
    assert expected_calibration_error(softmax(honest.astype(np.float64), axis=1), targets) < 0.02
    assert expected_calibration_error(softmax(4 * honest.astype(np.float64), axis=1), targets) > 0.1


@settings(deadline=None, max_examples=50)
@given(st.permutations(range(20)))
def test_the_order_of_the_posts_does_not_matter_where_no_confidence_is_tied(order: list[int]) -> None:
    probabilities, targets = binary(np.linspace(0.5, 1, 20).tolist(), [index % 3 > 0 for index in range(20)])
    before = expected_calibration_error(probabilities, targets)
    assert expected_calibration_error(probabilities[order], targets[order]) == pytest.approx(before)


def test_a_weight_of_two_counts_as_the_example_twice() -> None:
    logits, targets = drawn(300, 2.0)
    weights = 1.0 + (np.arange(300) % 3 == 0)
    twice = np.repeat(np.arange(300), weights.astype(int))
    fitted = fit_temperature(logits, targets, weights)
    assert fitted == pytest.approx(fit_temperature(logits[twice], targets[twice]), rel=1e-2)


def test_weights_move_the_error_to_the_examples_that_count() -> None:
    probabilities, targets = binary([0.9] * 30, [True] * 15 + [False] * 15)
    right, wrong = np.r_[np.ones(15), np.full(15, 1e-9)], np.r_[np.full(15, 1e-9), np.ones(15)]
    assert expected_calibration_error(probabilities, targets, right) == pytest.approx(0.1, abs=1e-6)
    assert expected_calibration_error(probabilities, targets, wrong) == pytest.approx(0.9, abs=1e-6)
    alike = expected_calibration_error(probabilities, targets, np.full(30, 7.0))
    assert alike == pytest.approx(expected_calibration_error(probabilities, targets))


def test_the_figures_of_confidence_are_those_worked_by_hand_and_of_scikit_learn() -> None:
    probabilities, targets = np.array([[0.7, 0.2, 0.1], [0.3, 0.6, 0.1]]), np.array([0, 2])
    figures = confidence_figures(probabilities, targets)
    assert figures["brier"] == pytest.approx((0.09 + 0.04 + 0.01 + 0.09 + 0.36 + 0.81) / 2)
    assert figures["log_loss"] == pytest.approx(-(np.log(0.7) + np.log(0.1)) / 2)
    assert figures["ece"] == pytest.approx((0.3 + 0.6) / 2)
    many, gold = drawn(500, 2.0)
    soft = softmax(many.astype(np.float64), axis=1)
    found = confidence_figures(soft, gold)
    by_label = [brier_score_loss(gold == label, soft[:, label]) for label in range(3)]
    assert found["brier"] == pytest.approx(sum(by_label))
    assert found["log_loss"] == pytest.approx(cross_entropy(gold, soft))


def test_certainty_that_is_wrong_has_a_large_loss_and_no_infinite_one() -> None:
    figures = confidence_figures(np.array([[1.0, 0.0]]), np.array([1]))
    assert 30 < figures["log_loss"] < 1000
    assert figures["brier"] == 2.0
