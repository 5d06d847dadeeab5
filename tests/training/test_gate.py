from collections.abc import Sequence

import numpy as np
import pytest

from data.taxonomy import Taxonomy
from model.decision import decide
from model.policy import Policy
from model.scores import Scores
from training.gate import Judged, compare


def judged(taxonomy: Taxonomy, labels: Sequence[int], f1: float, sureness: float = 9.0) -> Judged:
    """Decisions whose intents are `labels`, and which are all support's."""
    policy = Policy.plain(taxonomy, "m", {})
    logits = {
        "intent": sureness * np.eye(3, dtype=np.float32)[list(labels)],
        "urgency": np.zeros((len(labels), 3), np.float32),
        "department": np.tile(np.array([9, 0], np.float32), (len(labels), 1)),
    }
    figures = {"heads": {"intent": {"macro_f1": f1}}}
    return Judged(policy, decide(Scores(logits, np.zeros((len(labels), 2), np.float32)), policy), figures)


def test_the_same_answers_pass(taxonomy: Taxonomy) -> None:
    comparison = compare(judged(taxonomy, [0, 1, 2, 0], 0.9), judged(taxonomy, [0, 1, 2, 0], 0.9))
    assert comparison.faults() == []
    assert comparison.posts == 4
    assert comparison.label_agreement == {"intent": 1.0, "urgency": 1.0, "department": 1.0}
    assert comparison.macro_f1_loss == {"intent": 0.0}
    assert comparison.route_agreement == 1.0


def test_other_labels_are_counted_and_refused_by_head(taxonomy: Taxonomy) -> None:
    comparison = compare(judged(taxonomy, [0] * 20, 0.9), judged(taxonomy, [0] * 19 + [1], 0.9))
    assert comparison.label_agreement == {"intent": 0.95, "urgency": 1.0, "department": 1.0}
    assert comparison.faults() == ["intent: the same label for 95.0% of 20 posts, expected at least 98%"]


def test_a_loss_of_macro_f1_is_refused_and_a_gain_is_not(taxonomy: Taxonomy) -> None:
    one, worse, better = (judged(taxonomy, [0, 1], f1) for f1 in (0.9, 0.88, 0.93))
    assert compare(one, worse).faults() == ["intent: 0.020 of macro F1 lost, expected at most 0.01"]
    assert compare(one, better).faults() == []


def test_other_routes_are_refused_even_where_the_labels_agree(taxonomy: Taxonomy) -> None:
    sure, unsure = judged(taxonomy, [2] * 10, 0.9), judged(taxonomy, [2] * 10, 0.9, sureness=1.0)
    comparison = compare(sure, unsure)
    assert comparison.label_agreement["intent"] == 1.0
    assert comparison.route_agreement == 0.0
    assert comparison.faults() == ["the same route for 0.0% of 10 posts, expected at least 95%"]
    expected = np.exp(9) / (np.exp(9) + 2) - np.exp(1) / (np.exp(1) + 2)
    assert comparison.probability_shift["intent"] == pytest.approx(expected, abs=1e-6)


def test_a_figure_that_is_no_number_is_refused(taxonomy: Taxonomy) -> None:
    comparison = compare(judged(taxonomy, [0], 0.9), judged(taxonomy, [0], float("nan")))
    assert comparison.faults() == ["intent: nan of macro F1 lost, expected at most 0.01"]
