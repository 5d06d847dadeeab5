import numpy as np
import pytest
from scipy.special import logsumexp

from model.novelty import energy


def test_energy_is_minus_the_log_sum_of_exponentials() -> None:
    logits = np.random.default_rng(1).normal(0, 20, (50, 7)).astype(np.float32)
    np.testing.assert_allclose(energy(logits), -logsumexp(logits.astype(np.float64), axis=1), rtol=1e-12)
    assert energy(np.zeros((1, 4), np.float32))[0] == pytest.approx(-np.log(4))


def test_huge_logits_do_not_overflow() -> None:
    np.testing.assert_allclose(energy(np.array([[3e38, 0.0], [-3e38, -3e38]], np.float32)), [-3e38, 3e38], rtol=1e-6)
