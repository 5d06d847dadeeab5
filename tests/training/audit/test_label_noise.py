"""What a classifier says is weighed with how labels are mistaken for one another."""

import numpy as np
import pytest
from numpy.typing import NDArray

from training.audit.label_noise import true_labels

LABELS = 4


def world(
    slips: NDArray[np.float64], posts: int = 4000, sharpness: float = 4.0
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """True labels, given ones (drawn by a row of `slips`), and probabilities of a classifier that is often right."""
    generator = np.random.default_rng(2)
    true = generator.integers(0, LABELS, posts)
    given = np.array([generator.choice(LABELS, p=slips[label]) for label in true])
    logits = generator.normal(0, 1, (posts, LABELS))
    logits[np.arange(posts), true] += sharpness
    weights = np.exp(logits)
    return true, given, weights / weights.sum(axis=1, keepdims=True)


def evenly(share: float) -> NDArray[np.float64]:
    return (1 - share) * np.eye(LABELS) + share / (LABELS - 1) * (1 - np.eye(LABELS))


def suspected(given: NDArray[np.intp], likely: NDArray[np.float64]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = likely.argmax(axis=1) != given
    return found


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_wrong_labels_are_told_from_right_ones(share: float) -> None:
    true, given, probabilities = world(evenly(share))
    likely = true_labels(given, probabilities)
    np.testing.assert_allclose(likely.sum(axis=1), 1)
    wrong, found = given != true, suspected(given, likely)
    assert (wrong & found).sum() >= 0.85 * wrong.sum()
    assert (wrong & found).sum() >= 0.85 * found.sum()


def test_a_mistake_that_is_often_made_is_believed_sooner_than_a_rare_one() -> None:
    slips = np.eye(LABELS)
    slips[0] = [0.6, 0.4, 0, 0]
    _, given, probabilities = world(slips)
    doubtful = np.array([[0.4, 0.6 - 2e-6, 1e-6, 1e-6], [1e-6, 0.6 - 2e-6, 1e-6, 0.4]])  # 0 or 3, where 1 is given
    likely = true_labels(np.append(given, [1, 1]), np.vstack([probabilities, doubtful]))
    assert likely[-2, 0] > 3 * likely[-1, 3]


def test_probabilities_that_are_too_shy_are_sharpened() -> None:
    true, given, probabilities = world(evenly(0.1))
    shy = probabilities**0.3
    shy /= shy.sum(axis=1, keepdims=True)
    wrong = given != true
    found = suspected(given, true_labels(given, shy))
    bold = suspected(given, true_labels(given, probabilities))
    assert abs(int((found & wrong).sum()) - int((bold & wrong).sum())) <= 0.05 * wrong.sum()


def test_where_nothing_is_wrong_little_is_suspected() -> None:
    _, given, probabilities = world(np.eye(LABELS))
    assert suspected(given, true_labels(given, probabilities)).mean() < 0.005


def test_a_label_to_which_the_classifier_gives_nothing_keeps_a_number() -> None:
    given = np.array([0, 1] * 10)
    probabilities = np.tile([1.0, 0.0], (20, 1))
    likely = true_labels(given, probabilities)
    assert np.isfinite(likely).all()
