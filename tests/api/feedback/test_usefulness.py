import numpy as np
import pytest

from api.feedback.usefulness import margin, usefulness
from model.decision import Decision, HeadDecision


def decision(**probabilities: list[float]) -> Decision:
    heads = {name: HeadDecision("x", max(values), 0.5, np.array(values)) for name, values in probabilities.items()}
    return Decision(heads, "review", None, ())


def test_the_margin_is_between_the_two_likeliest() -> None:
    assert margin(np.array([0.1, 0.6, 0.3])) == pytest.approx(0.3)
    assert margin(np.array([1.0])) == 1.0


def test_the_head_that_hesitates_most_tells() -> None:
    assert usefulness(decision(a=[0.9, 0.1], b=[0.5, 0.5]), 0.0, None) == 1.0
    assert usefulness(decision(a=[0.9, 0.1], b=[0.7, 0.3]), 0.0, None) == pytest.approx(0.6)


def test_what_is_unlike_the_calibration_posts_is_worth_more() -> None:
    energies = np.array([-4.0, -3.0, -2.0, -1.0])
    sure = decision(a=[1.0, 0.0])
    assert [usefulness(sure, energy, energies) for energy in (-5.0, -2.5, 0.0)] == [0.0, 0.25, 0.5]
    assert usefulness(decision(a=[0.5, 0.5]), 0.0, energies) == 1.0
    assert usefulness(sure, 0.0, np.array([])) == 0.0
