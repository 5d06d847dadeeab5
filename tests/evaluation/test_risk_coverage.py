"""The curve and its area, against a loop and against what a hand works out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from evaluation.risk_coverage import risk_coverage

ANSWERS = st.lists(st.tuples(st.sampled_from([0.5, 0.6, 0.7, 0.8, 0.9]), st.booleans()), min_size=1, max_size=30)


def test_the_area_is_that_worked_by_hand() -> None:
    """Right, right, wrong, right by falling confidence: 0, 0, 1/3, 1/4 of the first k are wrong."""
    curve = risk_coverage(np.array([0.6, 0.9, 0.7, 0.8]), np.array([False, False, True, False]))
    assert curve.threshold.tolist() == [0.9, 0.8, 0.7, 0.6]
    assert curve.taken.tolist() == [1, 2, 3, 4]
    assert curve.wrong.tolist() == [0, 0, 1, 1]
    assert curve.area == pytest.approx((1 / 3 + 1 / 4) / 4)
    assert curve.excess_area == pytest.approx((1 / 3 + 1 / 4) / 4 - (1 / 4) / 4)  # at best the wrong one comes last


def test_a_perfect_order_has_no_excess() -> None:
    curve = risk_coverage(np.linspace(0, 1, 50), np.arange(50) < 10)
    assert curve.excess_area == pytest.approx(0, abs=1e-12)
    assert curve.area > 0


def test_equal_confidences_are_taken_together_and_share_their_errors() -> None:
    curve = risk_coverage(np.full(4, 0.7), np.array([True, False, False, True]))
    assert (curve.taken.tolist(), curve.wrong.tolist()) == ([4], [2])
    assert curve.area == pytest.approx(0.5)


@given(ANSWERS, st.randoms(use_true_random=False))
def test_each_cut_counts_what_its_threshold_takes_whatever_the_order(answers: list[tuple[float, bool]], random) -> None:  # type: ignore[no-untyped-def]
    confidence, wrong = (np.array(column) for column in zip(*answers, strict=True))
    curve = risk_coverage(confidence, wrong)
    for threshold, taken, errors in zip(curve.threshold, curve.taken, curve.wrong, strict=True):
        assert taken == (confidence >= threshold).sum()
        assert errors == (wrong & (confidence >= threshold)).sum()
    assert curve.excess_area >= -1e-12
    random.shuffle(answers)
    confidence, wrong = (np.array(column) for column in zip(*answers, strict=True))
    assert risk_coverage(confidence, wrong).area == pytest.approx(curve.area)


def test_without_ties_the_area_is_that_of_the_definition() -> None:
    generator = np.random.default_rng(3)
    confidence, wrong = generator.random(200), generator.random(200) < 0.3
    falling = wrong[np.argsort(-confidence)]
    expected = np.mean([falling[:taken].mean() for taken in range(1, 201)])
    assert risk_coverage(confidence, wrong).area == pytest.approx(expected)


def test_the_plain_form_is_thinned_evenly_and_ends_with_everything() -> None:
    generator = np.random.default_rng(3)
    confidence, wrong = generator.random(5000), generator.random(5000) < 0.3
    plain = risk_coverage(confidence, wrong).to_dict(points=10)
    assert plain["coverage"] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    assert plain["error"][-1] == pytest.approx(wrong.mean())
    assert plain["threshold"][-1] == confidence.min()
    exact = binomtest(int(wrong.sum()), 5000).proportion_ci(method="exact")
    assert plain["error_ci95"][-1] == [pytest.approx(exact.low), pytest.approx(exact.high)]


def test_a_single_answer_has_a_curve() -> None:
    plain = risk_coverage(np.array([0.8]), np.array([False])).to_dict()
    assert (plain["aurc"], plain["coverage"], plain["error"]) == (0.0, [1.0], [0.0])
