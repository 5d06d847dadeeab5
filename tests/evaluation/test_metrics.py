"""Figures against scikit-learn and against what a hand works out."""

import json

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import beta
from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score, mean_absolute_error, precision_score

from data.posts import Example, Post
from data.taxonomy import Head, Taxonomy
from evaluation.calibration import expected_calibration_error
from evaluation.metrics import evaluate, head_figures, routing_figures
from model.decision import Action, Decision, decide
from model.policy import HeadPolicy, Policy
from model.scores import Scores

NOMINAL = Head("intent", ("a", "b", "c"), ("", "", ""))
ORDINAL = Head("urgency", ("low", "normal", "high"), ("", "", ""), "ordinal")

# Worked by hand: label a: 2 of 3 found, 2 of 3 right; b: 1 of 2, 1 of 2; c: 1 of 1, 1 of 1.
TARGETS = np.array([0, 0, 0, 1, 1, 2])
PREDICTED = np.array([0, 0, 1, 1, 0, 2])


def certain(predicted: NDArray[np.int64], labels: int = 3) -> NDArray[np.float64]:
    """Probabilities of a model that is always sure."""
    return np.eye(labels)[predicted]


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
    figures = head_figures(NOMINAL, TARGETS, PREDICTED, certain(PREDICTED))
    assert figures["n"] == 6
    assert figures["accuracy"] == pytest.approx(4 / 6)
    assert figures["macro_f1"] == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert figures["brier"] == pytest.approx(2 * 2 / 6)  # two posts wrong, each 1 too much and 1 too little
    assert figures["ece"] == pytest.approx(2 / 6)
    assert figures["per_label"] == {
        "a": {
            "precision": pytest.approx(2 / 3),
            "recall": pytest.approx(2 / 3),
            "f1": pytest.approx(2 / 3),
            "support": 3,
        },
        "b": {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2},
        "c": {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1},
    }
    assert "mae" not in figures
    assert "qwk" not in figures


def test_ordinal_figures_are_those_worked_by_hand() -> None:
    targets, predicted = np.array([0, 0, 1, 2]), np.array([0, 2, 1, 2])
    figures = head_figures(ORDINAL, targets, predicted, certain(predicted))
    assert figures["mae"] == pytest.approx(2 / 4)
    # Observed: one distance of 2, squared 4. Expected by chance, from targets 2, 1, 1 and predictions 1, 1, 2:
    # (1 * 2 * 1 + 4 * 2 * 2 + 1 * 1 * 1 + 1 * 1 * 2 + 4 * 1 * 1 + 1 * 1 * 1) / 4 = 6.5.
    assert figures["qwk"] == pytest.approx(1 - 4 / 6.5)


def test_figures_agree_with_scikit_learn() -> None:
    targets, probabilities = drawn(500)
    predicted = probabilities.argmax(axis=1)
    figures = head_figures(ORDINAL, targets, predicted, probabilities)
    assert 0.5 < figures["accuracy"] < 0.99
    assert figures["accuracy"] == pytest.approx(accuracy_score(targets, predicted))
    assert figures["macro_f1"] == pytest.approx(f1_score(targets, predicted, average="macro"))
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
    figures = head_figures(NOMINAL, targets, predicted, certain(predicted))
    assert figures["macro_f1"] == pytest.approx(f1_score(targets, predicted, labels=[0, 1], average="macro"))
    assert figures["per_label"]["c"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}


@pytest.mark.parametrize(
    ("targets", "predicted", "expected"),
    [([1, 1, 1], [1, 1, 1], 1.0), ([1, 1, 1], [2, 2, 2], 0.0), ([0, 2], [2, 0], -1.0), ([0, 1, 2], [0, 1, 2], 1.0)],
    ids=["all alike and right", "all alike and wrong", "turned round", "right"],
)
def test_the_kappa_of_extremes(targets: list[int], predicted: list[int], expected: float) -> None:
    found = head_figures(ORDINAL, np.array(targets), np.array(predicted), certain(np.array(predicted)))
    assert found["qwk"] == pytest.approx(expected)


def test_the_interval_of_a_perfect_model_is_a_point() -> None:
    assert head_figures(NOMINAL, TARGETS, TARGETS, certain(TARGETS))["macro_f1_ci95"] == [1.0, 1.0]


def test_the_interval_holds_the_figure_and_shrinks_with_more_posts() -> None:
    targets, probabilities = drawn(2000)
    widths = []
    for count in (200, 2000):
        predicted = probabilities[:count].argmax(axis=1)
        figures = head_figures(NOMINAL, targets[:count], predicted, probabilities[:count])
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
    first, second = (head_figures(NOMINAL, targets, predicted, probabilities)["macro_f1_ci95"] for _ in range(2))
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
    figures = evaluate(decide(scores, policy), gold, taxonomy)
    assert figures["n"] == 4
    assert figures["heads"].keys() == figures["decided"].keys() == {"intent", "department"}  # nobody labelled urgency
    assert {name: (head["n"], head["accuracy"]) for name, head in figures["heads"].items()} == {
        "intent": (3, pytest.approx(2 / 3)),
        "department": (3, pytest.approx(1 / 3)),
    }
    assert figures["decided"] == figures["heads"]
    assert figures["routing"]["auto_error"] == pytest.approx(2 / 4)
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures


def test_without_an_owner_there_is_no_routing() -> None:
    taxonomy = Taxonomy.from_dict({"name": "t", "heads": [{"name": "intent", "labels": ["a", "b"]}]})
    scores = Scores({"intent": np.array([[1, 0]], np.float32)}, np.zeros((1, 1), np.float32))
    figures = evaluate(decide(scores, Policy.plain(taxonomy, "m")), labelled([{"intent": "a"}]), taxonomy)
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
