"""Calibration that is fitted anew undoes what is known to be wrong, and no more."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import approx_fprime
from scipy.special import log_softmax, softmax
from sklearn.metrics import log_loss

from evaluation.calibration import fit_temperature
from evaluation.tuning.recalibration import recalibrate
from model.decision import calibrated
from model.policy import HeadPolicy

LABELS = tuple("abc")
SCALES, BIASES = np.array([0.4, 1.0, 2.5]), np.array([1.5, 0.0, -1.0])
HEAD = HeadPolicy(labels=LABELS, temperature=7.0, threshold=0.6, label_thresholds={"a": 0.9})


def drawn(count: int, seed: int = 13) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Logits that mean what they say, and labels drawn from that."""
    generator = np.random.default_rng(seed)
    honest = 2 * generator.normal(size=(count, 3))
    gold = (generator.random((count, 1)) > softmax(honest, axis=1).cumsum(axis=1)).sum(axis=1)
    return honest, gold.astype(np.int64)


def test_a_known_scale_and_bias_by_label_are_undone() -> None:
    honest, gold = drawn(20_000)
    distorted = ((honest - BIASES) / SCALES).astype(np.float32)
    found = recalibrate(HEAD, distorted, gold)
    assert found.method == "vector"
    mended = calibrated(distorted, found.policy)
    before = calibrated(distorted, HEAD)
    truth = softmax(honest, axis=1)
    assert np.abs(before - truth).mean() > 0.15
    assert np.abs(mended - truth).mean() < 0.006
    # Biases matter up to one that all labels share.
    biases = np.array(found.policy.biases) / found.policy.temperature
    np.testing.assert_allclose(np.array(found.policy.scales) / found.policy.temperature, SCALES, rtol=0.06)
    np.testing.assert_allclose(biases - biases[1], BIASES, atol=0.1)
    assert found.log_loss["vector"] < found.log_loss["temperature"] < found.log_loss["before"]
    assert found.log_loss["vector"] == pytest.approx(log_loss(gold, truth), abs=0.003)


@pytest.mark.parametrize("seed", range(6))
def test_where_a_temperature_is_all_that_is_wrong_it_is_kept(seed: int) -> None:
    honest, gold = drawn(400, seed)
    logits = (3 * honest).astype(np.float32)
    found = recalibrate(HEAD.model_copy(update={"scales": (1.0, 2.0, 1.0), "biases": (9.0, 0.0, 0.0)}), logits, gold)
    assert found.method == "temperature"
    assert (found.policy.scales, found.policy.biases) == ((), ())
    assert found.policy.temperature == fit_temperature(logits, gold) == pytest.approx(3, rel=0.25)
    assert found.log_loss["temperature"] < found.log_loss["before"]


def test_all_else_of_the_policy_stays_as_it_is() -> None:
    honest, gold = drawn(200)
    found = recalibrate(HEAD, honest.astype(np.float32), gold)
    assert found.policy.model_copy(update={"temperature": 7.0, "scales": (), "biases": ()}) == HEAD
    assert found.posts == 200


@pytest.mark.parametrize("count", [1, 5, 9])
def test_a_handful_of_posts_gets_a_temperature(count: int) -> None:
    honest, gold = drawn(count)
    found = recalibrate(HEAD, honest.astype(np.float32), gold)
    assert (found.method, found.posts, found.log_loss) == ("temperature", count, {})


def test_a_label_that_no_post_carries_is_no_trouble() -> None:
    honest, gold = drawn(300)
    found = recalibrate(HEAD, honest[gold < 2].astype(np.float32), gold[gold < 2])
    assert np.isfinite(calibrated(honest.astype(np.float32), found.policy)).all()


def test_what_is_fitted_is_a_minimum() -> None:
    """Of the log loss plus ten posts' worth of a normal prior on log scales and biases; the gradient by differences."""
    honest, gold = drawn(1500)
    logits = ((honest - BIASES) / SCALES).astype(np.float32)
    policy = recalibrate(HEAD, logits, gold).policy
    x = logits.astype(np.float64) / policy.temperature

    def objective(parameters: NDArray[np.float64]) -> float:
        scores = log_softmax(x * np.exp(parameters[:3]) + parameters[3:], axis=1)
        return float(-scores[np.arange(1500), gold].sum() + 10 / 2 * (parameters**2).sum())

    found = np.concatenate([np.log(policy.scales), np.array(policy.biases) / policy.temperature])
    start = np.abs(approx_fprime(np.zeros(6), objective, 1e-6)).max()
    assert np.abs(approx_fprime(found, objective, 1e-6)).max() < start / 1000
    for place in range(6):
        for step in (-0.01, 0.01):
            assert objective(found + step * np.eye(6)[place]) > objective(found)


def test_the_losses_are_of_posts_left_out_of_the_fit() -> None:
    """Where logits say nothing, biases would flatter the posts that they are fitted to."""
    generator = np.random.default_rng(1)
    gold = generator.choice(12, 40)
    logits = generator.normal(size=(40, 12)).astype(np.float32)
    found = recalibrate(HeadPolicy(labels=tuple("abcdefghijkl")), logits, gold)
    assert found.method == "temperature"
    shares = (np.bincount(gold, minlength=12) + 1) / 52  # what biases can do, drawn towards nothing
    flattered = log_loss(gold, np.tile(shares, (40, 1)), labels=range(12))
    assert found.log_loss["vector"] > np.log(12) - 0.02 > flattered + 0.05
    raw = softmax(logits.astype(np.float64), axis=1)
    assert found.log_loss["before"] == pytest.approx(log_loss(gold, raw, labels=range(12)))
