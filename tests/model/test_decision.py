import copy
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import softmax

from model.decision import ACTIONS, OUT_OF_SCOPE, Decision, calibrated, decide, reasons_of
from model.policy import HeadPolicy, LabelSets, Novelty, Policy
from model.scores import Scores

POLICY = Policy(
    model_sha256="m",
    taxonomy_sha256="t",
    heads={
        "intent": HeadPolicy(labels=("refund", "outage", "spam"), threshold=0.6, label_thresholds={"outage": 0.95}),
        "urgency": HeadPolicy(labels=("low", "normal", "high"), threshold=0.8),
        "department": HeadPolicy(labels=("support", "it"), threshold=0.7),
    },
    owner="department",
    unowned={"intent": ("spam",)},
)
REFUND, OUTAGE, SPAM = [0.9, 0.06, 0.04], [0.05, 0.9, 0.05], [0.1, 0.2, 0.7]
SURE, UNSURE = [0.05, 0.9, 0.05], [0.15, 0.75, 0.1]
SUPPORT, UNCLEAR = [0.95, 0.05], [0.4, 0.6]


def scored(*posts: tuple[list[float], list[float], list[float]]) -> Scores:
    """Scores whose softmax gives these probabilities of intent, urgency and department, a post each."""
    columns = [np.log(np.array(column, np.float32)) for column in zip(*posts, strict=True)]
    return Scores(dict(zip(POLICY.heads, columns, strict=True)), np.zeros((len(posts), 4), np.float32))


def plain(decision: Decision) -> Any:
    """A decision in a form that compares by value."""
    heads = [(name, head.label, head.threshold, head.probabilities.tolist()) for name, head in decision.heads.items()]
    return decision.action, decision.owner, decision.reasons, heads


def logits(n_labels: int) -> st.SearchStrategy[Any]:
    return arrays(np.float32, (3, n_labels), elements=st.floats(-50, 50, width=32))


any_scores = st.builds(
    lambda intent, urgency, department: Scores(
        {"intent": intent, "urgency": urgency, "department": department}, np.zeros((3, 4), np.float32)
    ),
    logits(3),
    logits(3),
    logits(2),
)


@pytest.mark.parametrize(
    ("post", "action", "owner", "reasons"),
    [
        pytest.param((REFUND, SURE, SUPPORT), "auto", "support", (), id="all heads accepted"),
        pytest.param((REFUND, UNSURE, SUPPORT), "review", "support", ("urgency_below_threshold",), id="one head below"),
        pytest.param(
            (REFUND, UNSURE, UNCLEAR),
            "review",
            "it",
            ("urgency_below_threshold", "department_below_threshold"),
            id="two heads below",
        ),
        pytest.param(
            (OUTAGE, SURE, SUPPORT), "review", "support", ("intent_below_threshold",), id="below the label's own"
        ),
        pytest.param((SPAM, SURE, SUPPORT), "ignore", None, (), id="nobody's"),
        pytest.param((SPAM, UNSURE, UNCLEAR), "ignore", None, (), id="nobody's, whatever the other heads say"),
        pytest.param(
            ([0.25, 0.2, 0.55], SURE, SUPPORT),
            "review",
            "support",
            ("intent_below_threshold",),
            id="perhaps nobody's",
        ),
    ],
)
def test_a_post_is_handled_by_the_heads_that_are_accepted(
    post: tuple[list[float], list[float], list[float]], action: str, owner: str | None, reasons: tuple[str, ...]
) -> None:
    [decision] = decide(scored(post), POLICY)
    assert (decision.action, decision.owner, decision.reasons) == (action, owner, reasons)


def test_each_head_says_its_label_confidence_and_threshold() -> None:
    [decision] = decide(scored((OUTAGE, UNSURE, SUPPORT)), POLICY)
    assert {name: (head.label, round(head.confidence, 6), head.threshold) for name, head in decision.heads.items()} == {
        "intent": ("outage", 0.9, 0.95),
        "urgency": ("normal", 0.75, 0.8),
        "department": ("support", 0.95, 0.7),
    }


@pytest.mark.parametrize(
    ("threshold", "action"), [(0.5, "auto"), (math.nextafter(0.5, 1), "review"), (0.0, "auto"), (1.0, "review")]
)
def test_a_confidence_equal_to_the_threshold_is_accepted(threshold: float, action: str) -> None:
    policy = Policy(
        model_sha256="m", taxonomy_sha256="t", heads={"tone": HeadPolicy(labels=("kind", "rude"), threshold=threshold)}
    )
    even = Scores({"tone": np.zeros((1, 2), np.float32)}, np.zeros((1, 4), np.float32))  # exactly 0.5 each
    [decision] = decide(even, policy)
    assert decision.action == action


def test_the_temperature_divides_the_logits_before_the_softmax() -> None:
    policy = Policy(
        model_sha256="m",
        taxonomy_sha256="t",
        heads={"intent": HeadPolicy(labels=("refund", "outage", "spam"), temperature=2.0)},
    )
    scores = Scores({"intent": np.array([[2.0, 0.0, 0.0]], np.float32)}, np.zeros((1, 4), np.float32))
    [decision] = decide(scores, policy)
    assert decision.heads["intent"].confidence == pytest.approx(math.e / (math.e + 2), rel=1e-12)


@settings(deadline=None, max_examples=100)
@given(logits=logits(5), temperature=st.floats(0.05, 20))
def test_calibration_is_the_softmax_and_moves_no_label(logits: Any, temperature: float) -> None:
    probabilities = calibrated(logits, HeadPolicy(labels=tuple("abcde"), temperature=temperature))
    np.testing.assert_allclose(probabilities, softmax(logits.astype(np.float64) / temperature, axis=1), rtol=1e-9)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    rows = np.arange(len(logits))
    np.testing.assert_allclose(
        probabilities[rows, logits.argmax(axis=1)], probabilities.max(axis=1), rtol=1e-12, err_msg="another label"
    )


def test_huge_logits_do_not_overflow() -> None:
    sharp = HeadPolicy(labels=("a", "b"), temperature=0.05)
    np.testing.assert_array_equal(calibrated(np.array([[3e38, -3e38]], np.float32), sharp), [[1.0, 0.0]])


@settings(deadline=None, max_examples=100)
@given(scores=any_scores)
def test_deciding_twice_gives_the_same_and_leaves_scores_and_policy_as_they_were(scores: Scores) -> None:
    scores_before, policy_before = copy.deepcopy(scores), POLICY.model_dump_json()
    first = [plain(decision) for decision in decide(scores, POLICY)]
    assert [plain(decision) for decision in decide(scores, POLICY)] == first
    for name, before in scores_before.logits.items():
        np.testing.assert_array_equal(scores.logits[name], before)
    assert POLICY.model_dump_json() == policy_before


@settings(deadline=None, max_examples=100)
@given(scores=any_scores)
def test_a_decision_does_not_depend_on_its_neighbours(scores: Scores) -> None:
    together = decide(scores, POLICY)
    for index, decision in enumerate(together):
        one = slice(index, index + 1)
        alone = Scores({name: values[one] for name, values in scores.logits.items()}, scores.embedding[one])
        assert [plain(decision)] == [plain(other) for other in decide(alone, POLICY)]


@settings(deadline=None, max_examples=100)
@given(scores=any_scores)
def test_actions_and_reasons_come_from_closed_lists_and_agree(scores: Scores) -> None:
    for decision in decide(scores, POLICY):
        assert decision.action in ACTIONS
        assert set(decision.reasons) <= set(reasons_of(POLICY))
        assert (decision.action == "review") == bool(decision.reasons)
        assert (decision.owner is None) == (decision.action == "ignore")
        for head in decision.heads.values():
            assert head.confidence == head.probabilities.max()


def test_there_is_a_reason_for_each_head() -> None:
    assert reasons_of(POLICY) == (
        "intent_below_threshold",
        "urgency_below_threshold",
        "department_below_threshold",
    )


@pytest.mark.parametrize(("post", "action"), [((SPAM, SURE, SUPPORT), "auto"), ((SPAM, UNSURE, SUPPORT), "review")])
def test_without_an_owning_head_nothing_is_ignored_and_nobody_owns(
    post: tuple[list[float], list[float], list[float]], action: str
) -> None:
    [decision] = decide(scored(post), POLICY.model_copy(update={"owner": None, "unowned": {}}))
    assert (decision.action, decision.owner) == (action, None)


def test_no_scores_give_no_decisions() -> None:
    empty = Scores(
        {name: np.zeros((0, len(head.labels)), np.float32) for name, head in POLICY.heads.items()},
        np.zeros((0, 4), np.float32),
    )
    assert decide(empty, POLICY) == []


def test_scores_that_are_not_numbers_are_never_accepted() -> None:
    scores = scored((REFUND, SURE, SUPPORT))
    scores.logits["urgency"][:] = np.nan
    [decision] = decide(scores, POLICY)
    assert (decision.action, decision.reasons) == ("review", ("urgency_below_threshold",))


def test_scales_and_biases_come_before_the_temperature() -> None:
    head = HeadPolicy(labels=("a", "b"), temperature=2.0, scales=(1.0, 3.0), biases=(0.5, -1.0))
    found = calibrated(np.array([[2.0, 1.0]], np.float32), head)
    np.testing.assert_allclose(found, [softmax([2.5 / 2, 2.0 / 2])], rtol=1e-12)


def with_head(head: HeadPolicy, probabilities: list[float]) -> Any:
    """The answer of a policy of one head."""
    policy = Policy(model_sha256="m", taxonomy_sha256="t", heads={"urgency": head})
    scores = Scores({"urgency": np.log(np.array([probabilities], np.float32))}, np.zeros((1, 4), np.float32))
    [decision] = decide(scores, policy)
    return decision.heads["urgency"]


LEVELS = ("low", "normal", "high", "critical")
DEAR = ((0.0, 1.0, 1.0, 1.0), (1.0, 0.0, 1.0, 1.0), (3.0, 2.0, 0.0, 1.0), (50.0, 50.0, 10.0, 0.0))


def test_where_costs_are_known_the_label_of_least_expected_cost_is_chosen() -> None:
    probabilities = [0.1, 0.6, 0.2, 0.1]
    plain = with_head(HeadPolicy(labels=LEVELS), probabilities)
    careful = with_head(HeadPolicy(labels=LEVELS, costs=DEAR), probabilities)
    # By hand: critical 0.1 + 0.6 + 0.2 = 0.9; high 0.1 + 0.6 + 1.0 = 1.7; normal 0.1 + 0.4 + 5 = 5.5; low 6.2.
    assert (plain.label, careful.label) == ("normal", "critical")
    assert careful.confidence == pytest.approx(0.1), "the probability of what was chosen, unaltered"
    assert not careful.accepted


def test_labels_that_cost_the_same_are_told_apart_by_their_probability() -> None:
    even = ((0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0))
    assert with_head(HeadPolicy(labels=("a", "b", "c"), costs=even), [0.2, 0.5, 0.3]).label == "b"
    free = ((0.0,) * 3,) * 3
    assert with_head(HeadPolicy(labels=("a", "b", "c"), costs=free), [0.2, 0.3, 0.5]).label == "c"


def test_the_set_of_labels_is_what_is_likely_enough_and_what_was_chosen() -> None:
    sets = LabelSets(coverage=0.9, least_probability=0.2)
    assert with_head(HeadPolicy(labels=LEVELS, label_sets=sets), [0.1, 0.45, 0.25, 0.2]).label_set == (
        "normal",
        "high",
        "critical",
    )
    rare = LabelSets(coverage=0.5, least_probability=0.99)
    assert with_head(HeadPolicy(labels=LEVELS, label_sets=rare), [0.1, 0.4, 0.3, 0.2]).label_set == ("normal",)
    dear = HeadPolicy(labels=LEVELS, costs=DEAR, label_sets=sets)
    assert with_head(dear, [0.1, 0.55, 0.25, 0.1]).label_set == ("normal", "high", "critical")
    assert with_head(HeadPolicy(labels=LEVELS), [0.1, 0.6, 0.2, 0.1]).label_set == ()


def test_a_post_out_of_scope_is_for_a_person_whatever_its_labels() -> None:
    policy = POLICY.model_copy(update={"novelty": Novelty(head="intent", threshold=-1.0)})
    strange = [[0.1, 0.1, 2.5], [4.0, 0.0, 0.0], [0.2, 0.1, 0.0]]  # energies by hand: -2.66, -4.04, -1.20
    stranger = [[-1.0, -2.0, 2.2], [-3.0, 0.0, -2.0]]  # -2.25, -0.18
    sure = {"urgency": [[0, 9, 0]] * 5, "department": [[9, 0]] * 5}
    logits = {"intent": strange + stranger, **sure}
    scores = Scores({name: np.array(rows, np.float32) for name, rows in logits.items()}, np.zeros((5, 4), np.float32))
    found = [(decision.action, decision.reasons) for decision in decide(scores, policy)]
    assert found == [
        ("ignore", ()),
        ("auto", ()),
        ("review", ("intent_below_threshold",)),
        ("ignore", ()),
        ("review", (OUT_OF_SCOPE, "intent_below_threshold")),
    ]
    assert reasons_of(policy) == (OUT_OF_SCOPE, *reasons_of(POLICY))
