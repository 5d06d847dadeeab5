"""Figures against scikit-learn and against what a hand works out."""

import json

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import beta
from sklearn.metrics import (
    accuracy_score,
    cohen_kappa_score,
    confusion_matrix,
    f1_score,
    log_loss,
    mean_absolute_error,
    precision_score,
)

from data.posts import Example, Post
from data.taxonomy import Head, Taxonomy
from evaluation.calibration import expected_calibration_error
from evaluation.metrics import accuracies, evaluate, head_figures, known_answers, routing_figures
from evaluation.scored import HeadAnswers, ScoredPosts
from model.decision import Action, Decision
from model.policy import HeadPolicy, Policy
from model.scores import Scores

NOMINAL = Head("intent", ("a", "b", "c"), ("", "", ""))
ORDINAL = Head("urgency", ("low", "normal", "high"), ("", "", ""), "ordinal")

# Worked by hand: label a: 2 of 3 found, 2 of 3 right; b: 1 of 2, 1 of 2; c: 1 of 1, 1 of 1.
TARGETS = np.array([0, 0, 0, 1, 1, 2])
PREDICTED = np.array([0, 0, 1, 1, 0, 2])
ROW = ("precision", "recall", "f1", "support")


def certain(predicted: NDArray[np.int64], labels: int = 3) -> NDArray[np.float64]:
    """Probabilities of a model that is always sure."""
    return np.eye(labels)[predicted]


def answered(head: Head, targets: NDArray[np.int64], probabilities: NDArray[np.float64]) -> HeadAnswers:
    """The most probable labels."""
    rows = np.arange(len(targets))
    said, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
    return HeadAnswers(head, rows, targets, said, probabilities, sure, sure >= 0.5)


def drawn(count: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Targets, and probabilities that are right more often than not."""
    generator = np.random.default_rng(13)
    targets = generator.choice(3, size=count, p=[0.6, 0.3, 0.1])
    return targets, generator.dirichlet(np.ones(3), size=count) * 0.6 + 0.4 * np.eye(3)[targets]


def labelled(labels: list[dict[str, str | None]]) -> list[Example]:
    return [Example(Post("a"), each) for each in labels]


def decided(action: Action, owner: str | None) -> Decision:
    return Decision({}, action, owner, ())


def test_figures_are_those_worked_by_hand() -> None:
    figures = head_figures(answered(NOMINAL, TARGETS, certain(PREDICTED)))
    assert figures["n"] == 6
    assert figures["accuracy"] == pytest.approx(4 / 6)
    assert figures["macro_f1"] == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert figures["brier"] == pytest.approx(2 * 2 / 6)  # two posts wrong, each 1 too much and 1 too little
    assert figures["ece"] == pytest.approx(2 / 6)
    assert {label: [row[key] for key in ROW] for label, row in figures["per_label"].items()} == {
        "a": [pytest.approx(2 / 3)] * 3 + [3],
        "b": [0.5, 0.5, 0.5, 2],
        "c": [1.0, 1.0, 1.0, 1],
    }
    assert figures["confusion"] == {"labels": ["a", "b", "c"], "counts": [[2, 1, 0], [1, 1, 0], [0, 0, 1]]}
    assert "mae" not in figures
    assert "qwk" not in figures


def test_ordinal_figures_are_those_worked_by_hand() -> None:
    targets, predicted = np.array([0, 0, 1, 2]), np.array([0, 2, 1, 2])
    figures = head_figures(answered(ORDINAL, targets, certain(predicted)))
    assert figures["mae"] == pytest.approx(2 / 4)
    # Observed: one distance of 2, squared 4. Expected by chance, from targets 2, 1, 1 and predictions 1, 1, 2:
    # (1 * 2 * 1 + 4 * 2 * 2 + 1 * 1 * 1 + 1 * 1 * 2 + 4 * 1 * 1 + 1 * 1 * 1) / 4 = 6.5.
    assert figures["qwk"] == pytest.approx(1 - 4 / 6.5)


def test_levels_far_off_and_the_highest_one_missed_are_counted() -> None:
    targets, predicted = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 2, 2, 2, 1, 0])
    figures = head_figures(answered(ORDINAL, targets, certain(predicted)))
    assert figures["two_levels_off"] == pytest.approx(2 / 6)  # low said high, high said low
    assert figures["top_missed"] == pytest.approx(2 / 3)
    assert figures["top_missed_ci95"] == [pytest.approx(beta.ppf(0.025, 2, 2)), pytest.approx(beta.ppf(0.975, 3, 1))]
    nobody = head_figures(answered(ORDINAL, np.array([0, 1]), certain(np.array([2, 1]))))
    assert (nobody["top_missed"], nobody["top_missed_ci95"]) == (None, None)


def test_the_intervals_of_labels_are_exact() -> None:
    """Of F1: 2 of the 4 posts that are or were said to be `a` are both."""
    rows = head_figures(answered(NOMINAL, TARGETS, certain(PREDICTED)))["per_label"]
    assert rows["a"]["recall_ci95"] == [pytest.approx(beta.ppf(0.025, 2, 2)), pytest.approx(beta.ppf(0.975, 3, 1))]
    assert rows["c"]["precision_ci95"] == [pytest.approx(0.025), 1.0]
    jaccard = beta.ppf(0.025, 2, 3), beta.ppf(0.975, 3, 2)
    assert rows["a"]["f1_ci95"] == [pytest.approx(2 * bound / (1 + bound)) for bound in jaccard]
    for row in rows.values():
        assert row["f1_ci95"][0] <= row["f1"] <= row["f1_ci95"][1]


def test_posts_in_groups_have_wider_intervals() -> None:
    """Each post four times is known no better than once."""
    targets, probabilities = drawn(200)
    once = head_figures(answered(ORDINAL, targets, probabilities))
    four = answered(ORDINAL, np.repeat(targets, 4), np.repeat(probabilities, 4, axis=0))
    blind, grouped = head_figures(four), head_figures(four, np.repeat(np.arange(200), 4))
    for name in ("accuracy", "macro_f1", "weighted_f1", "mae", "qwk", "two_levels_off"):
        widths = [figures[f"{name}_ci95"][1] - figures[f"{name}_ci95"][0] for figures in (once, blind, grouped)]
        assert blind[name] == grouped[name] == pytest.approx(once[name])
        assert widths[2] == pytest.approx(widths[0], rel=0.15)
        assert widths[1] < 0.6 * widths[0]
    wide, narrow = (figures["per_label"]["normal"]["recall_ci95"] for figures in (grouped, blind))
    assert wide[1] - wide[0] > 1.6 * (narrow[1] - narrow[0])


def test_wrong_owners_in_groups_have_a_wider_interval() -> None:
    decisions = [decided("auto", "it")] * 80
    owners: list[dict[str, str | None]] = [{"department": "it" if row % 8 < 4 else "support"} for row in range(80)]
    grouped = [Example(Post("a"), owner, group=str(row // 4)) for row, owner in enumerate(owners)]
    narrow = routing_figures(decisions, labelled(owners), "department")["auto_error_ci95"]
    wide = routing_figures(decisions, grouped, "department")["auto_error_ci95"]
    assert wide[1] - wide[0] > 1.8 * (narrow[1] - narrow[0])


def test_figures_agree_with_scikit_learn() -> None:
    targets, probabilities = drawn(500)
    predicted = probabilities.argmax(axis=1)
    figures = head_figures(answered(ORDINAL, targets, probabilities))
    assert 0.5 < figures["accuracy"] < 0.99
    assert figures["accuracy"] == pytest.approx(accuracy_score(targets, predicted))
    assert figures["macro_f1"] == pytest.approx(f1_score(targets, predicted, average="macro"))
    assert figures["weighted_f1"] == pytest.approx(f1_score(targets, predicted, average="weighted"))
    assert figures["weighted_f1_ci95"][0] < figures["weighted_f1"] < figures["weighted_f1_ci95"][1]
    assert figures["confusion"]["counts"] == confusion_matrix(targets, predicted).tolist()
    assert figures["log_loss"] == pytest.approx(log_loss(targets, probabilities))
    assert figures["risk_coverage"]["error"][-1] == pytest.approx(1 - figures["accuracy"])
    assert figures["mae"] == pytest.approx(mean_absolute_error(targets, predicted))
    assert figures["qwk"] == pytest.approx(cohen_kappa_score(targets, predicted, weights="quadratic"))
    assert figures["ece"] == pytest.approx(expected_calibration_error(probabilities, targets))
    squares = [
        sum((row[label] - (label == target)) ** 2 for label in range(3))
        for row, target in zip(probabilities, targets, strict=True)
    ]
    assert figures["brier"] == pytest.approx(sum(squares) / 500)
    by_label = precision_score(targets, predicted, average=None)
    assert [row["precision"] for row in figures["per_label"].values()] == pytest.approx(by_label.tolist())


def test_macro_f1_is_over_the_labels_that_stand_in_the_data() -> None:
    targets, predicted = np.array([0, 0, 1, 1]), np.array([0, 2, 1, 1])
    figures = head_figures(answered(NOMINAL, targets, certain(predicted)))
    assert figures["macro_f1"] == pytest.approx(f1_score(targets, predicted, labels=[0, 1], average="macro"))
    assert [figures["per_label"]["c"][key] for key in ROW] == [0.0, 0.0, 0.0, 0]
    assert figures["per_label"]["c"]["recall_ci95"] is None  # nothing to find
    assert figures["per_label"]["c"]["precision_ci95"] == [0.0, pytest.approx(0.975)]  # said once, wrongly


@pytest.mark.parametrize(
    ("targets", "predicted", "expected"),
    [([1, 1, 1], [1, 1, 1], 1.0), ([1, 1, 1], [2, 2, 2], 0.0), ([0, 2], [2, 0], -1.0), ([0, 1, 2], [0, 1, 2], 1.0)],
    ids=["all alike and right", "all alike and wrong", "turned round", "right"],
)
def test_the_kappa_of_extremes(targets: list[int], predicted: list[int], expected: float) -> None:
    found = head_figures(answered(ORDINAL, np.array(targets), certain(np.array(predicted))))
    assert found["qwk"] == pytest.approx(expected)


def test_the_interval_of_a_perfect_model_is_a_point() -> None:
    assert head_figures(answered(NOMINAL, TARGETS, certain(TARGETS)))["macro_f1_ci95"] == [1.0, 1.0]


def test_the_interval_holds_the_figure_and_shrinks_with_more_posts() -> None:
    targets, probabilities = drawn(2000)
    widths = []
    for count in (200, 2000):
        figures = head_figures(answered(NOMINAL, targets[:count], probabilities[:count]))
        low, high = figures["macro_f1_ci95"]
        assert low < figures["macro_f1"] < high
        widths.append(high - low)
    assert widths[1] < 0.5 * widths[0]


def test_the_interval_is_that_of_a_plain_bootstrap_and_the_same_every_time() -> None:
    targets, probabilities = drawn(200)
    predicted = probabilities.argmax(axis=1)
    generator = np.random.default_rng(1)
    resampled = []
    for _ in range(400):
        chosen = generator.integers(0, 200, 200)
        resampled.append(f1_score(targets[chosen], predicted[chosen], average="macro"))
    first, second = (head_figures(answered(NOMINAL, targets, probabilities))["macro_f1_ci95"] for _ in range(2))
    assert first == second
    assert first == pytest.approx(np.quantile(resampled, [0.025, 0.975]).tolist(), abs=0.006)


def test_all_heads_are_evaluated_over_the_posts_that_carry_them(taxonomy: Taxonomy) -> None:
    policy = Policy(
        model_sha256="m",
        taxonomy_sha256=taxonomy.sha256,
        heads={head.name: HeadPolicy(labels=head.labels) for head in taxonomy},
        owner="department",
        unowned={"intent": ("spam",)},
    )
    sure = np.float32(9)
    scores = Scores(
        {
            "intent": sure * np.eye(3, dtype=np.float32)[[0, 1, 2, 2]],
            "urgency": sure * np.eye(3, dtype=np.float32)[[0, 1, 2, 2]],
            "department": sure * np.eye(2, dtype=np.float32)[[0, 1, 0, 0]],
        },
        np.zeros((4, 1), np.float32),
    )
    gold = labelled(
        [
            {"intent": "refund", "department": "support"},
            {"intent": "refund", "department": "support"},
            {"intent": "spam", "department": None},
            {"department": "it"},
        ]
    )
    figures = evaluate(ScoredPosts(gold, scores), policy, taxonomy)
    assert figures["n"] == 4
    assert figures["heads"].keys() == figures["decided"].keys() == {"intent", "department"}  # nobody labelled urgency
    assert {name: (head["n"], head["accuracy"]) for name, head in figures["heads"].items()} == {
        "intent": (3, pytest.approx(2 / 3)),
        "department": (3, pytest.approx(1 / 3)),
    }
    for name, head in figures["heads"].items():
        assert {**figures["decided"][name], "uncalibrated": head["uncalibrated"]} == head
    assert figures["routing"]["auto_error"] == pytest.approx(2 / 4)
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures


def test_before_calibration_is_the_plain_softmax() -> None:
    taxonomy = Taxonomy("t", (NOMINAL,))
    targets, probabilities = drawn(300)
    logits = (3 * np.log(probabilities)).astype(np.float32)
    gold = labelled([{"intent": NOMINAL.labels[target]} for target in targets])
    policy = Policy.plain(taxonomy, "m", {"intent": 3.0})
    head = evaluate(ScoredPosts(gold, Scores({"intent": logits}, logits)), policy, taxonomy)["heads"]["intent"]
    raw = probabilities**3 / (probabilities**3).sum(axis=1, keepdims=True)
    assert head["uncalibrated"]["log_loss"] == pytest.approx(log_loss(targets, raw), rel=1e-5)
    assert head["uncalibrated"]["ece"] == pytest.approx(expected_calibration_error(raw, targets), abs=1e-5)
    assert head["log_loss"] == pytest.approx(log_loss(targets, probabilities), rel=1e-5)


def test_labels_chosen_by_cost_are_decided_and_the_most_probable_ones_are_heads() -> None:
    """A missed `c` costs so much that it is said wherever it has a chance."""
    taxonomy = Taxonomy("t", (NOMINAL,))
    policy = Policy(
        model_sha256="m",
        taxonomy_sha256=taxonomy.sha256,
        heads={"intent": HeadPolicy(labels=NOMINAL.labels, costs=((0, 1, 1), (1, 0, 1), (50, 50, 0)))},
    )
    logits = np.log(np.array([[0.8, 0.1, 0.1], [0.999, 0.0005, 0.0005], [0.1, 0.8, 0.1]])).astype(np.float32)
    posts = ScoredPosts(
        labelled([{"intent": "a"}, {"intent": "a"}, {"intent": "c"}]), Scores({"intent": logits}, logits)
    )
    figures = evaluate(posts, policy, taxonomy)
    assert figures["heads"]["intent"]["confusion"]["counts"] == [[2, 0, 0], [0, 0, 0], [0, 1, 0]]
    assert figures["decided"]["intent"]["confusion"]["counts"] == [[1, 0, 1], [0, 0, 0], [0, 0, 1]]
    assert figures["decided"]["intent"]["risk_coverage"]["threshold"][-1] == pytest.approx(0.1)  # of the label said
    assert accuracies(known_answers(posts, policy, taxonomy)) == {"intent": pytest.approx(2 / 3)}


def test_figures_by_weight_count_rows_as_often_as_they_stand_for() -> None:
    taxonomy = Taxonomy("t", (NOMINAL,))
    logits = np.eye(3, dtype=np.float32)[[0, 1]]
    posts = ScoredPosts(labelled([{"intent": "a"}, {"intent": "c"}]), Scores({"intent": logits}, logits))
    figures = evaluate(posts, Policy.plain(taxonomy, "m"), taxonomy, np.array([1.5, 0.5]))
    assert figures["weighted"]["intent"]["accuracy"] == pytest.approx(0.75)
    assert figures["heads"]["intent"]["accuracy"] == 0.5


def test_without_an_owner_there_is_no_routing() -> None:
    taxonomy = Taxonomy.from_dict({"name": "t", "heads": [{"name": "intent", "labels": ["a", "b"]}]})
    scores = Scores({"intent": np.array([[1, 0]], np.float32)}, np.zeros((1, 1), np.float32))
    figures = evaluate(ScoredPosts(labelled([{"intent": "a"}]), scores), Policy.plain(taxonomy, "m"), taxonomy)
    assert "routing" not in figures


def test_routing_figures_are_those_worked_by_hand() -> None:
    pairs: list[tuple[Decision, dict[str, str | None]]] = [
        (decided("auto", "it"), {"department": "it"}),
        (decided("auto", "it"), {"department": "support"}),  # wrong owner
        (decided("auto", "support"), {"department": None}),  # wrong: nobody owns it
        (decided("auto", "support"), {}),  # not judged, but automatic
        (decided("ignore", None), {"department": None}),
        (decided("ignore", None), {"department": "it"}),  # wrong: somebody owns it
        (decided("ignore", None), {"department": None}),
        (decided("review", "it"), {"department": "support"}),  # a person saw it: no error
        (decided("review", "it"), {"department": None}),
        (decided("review", "it"), {"department": "it"}),
    ]
    figures = routing_figures([decision for decision, _ in pairs], labelled([gold for _, gold in pairs]), "department")
    low, high = figures.pop("auto_error_ci95")
    assert figures == {
        "auto_rate": 4 / 10,
        "auto_error": 3 / 6,
        "ignored_rate": 3 / 10,
        "none_precision": 2 / 3,
        "none_recall": 2 / 4,
    }
    # Clopper and Pearson's bounds are quantiles of beta distributions.
    assert low == pytest.approx(beta.ppf(0.025, 3, 6 - 3 + 1))
    assert high == pytest.approx(beta.ppf(0.975, 3 + 1, 6 - 3))


def test_no_error_among_a_hundred_is_not_proof_of_none() -> None:
    figures = routing_figures([decided("auto", "it")] * 100, labelled([{"department": "it"}] * 100), "department")
    assert figures["auto_error"] == 0.0
    assert figures["auto_error_ci95"] == [0.0, pytest.approx(1 - 0.025 ** (1 / 100))]


def test_a_figure_with_nothing_to_count_is_null() -> None:
    figures = routing_figures([decided("review", "it")], labelled([{"department": "it"}]), "department")
    assert figures == {
        "auto_rate": 0.0,
        "auto_error": None,
        "auto_error_ci95": None,
        "ignored_rate": 0.0,
        "none_precision": None,
        "none_recall": None,
    }
