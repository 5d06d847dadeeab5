"""Figures of two models against scikit-learn, and against a bootstrap that is a plain loop."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, recall_score

from data.posts import Example, Post
from evaluation.comparison.figures import HeadAnswersOfTwo, head_differences, routing_differences
from evaluation.comparison.paired import bootstrap_interval, mcnemar_p
from model.decision import Action, Decision


def answers(count: int = 300) -> HeadAnswersOfTwo:
    """A challenger that is right more often, on posts in pairs."""
    generator = np.random.default_rng(5)
    gold = generator.choice(3, size=count, p=[0.6, 0.3, 0.1])
    champion = np.where(generator.random(count) < 0.7, gold, generator.integers(0, 4, count))
    challenger = np.where(generator.random(count) < 0.5, champion, gold)
    return HeadAnswersOfTwo(["a", "b", "c", "only one says it"], gold, champion, challenger, np.arange(count) // 2)


IT: tuple[Action, str | None] = ("auto", "it")


def decided(*decisions: tuple[Action, str | None]) -> list[Decision]:
    return [Decision({}, action, owner, ()) for action, owner in decisions]


def test_figures_of_a_head_agree_with_scikit_learn() -> None:
    two = answers()
    found = head_differences(two)
    for side, said in (("champion", two.champion), ("challenger", two.challenger)):
        assert getattr(found.accuracy, side) == pytest.approx(accuracy_score(two.gold, said))
        expected = f1_score(two.gold, said, labels=[0, 1, 2], average="macro")
        assert getattr(found.macro_f1, side) == pytest.approx(expected)
        recalls = recall_score(two.gold, said, labels=[0, 1, 2], average=None)
        assert [getattr(recall, side) for recall in found.recalls.values()] == pytest.approx(recalls.tolist())
    assert list(found.recalls) == ["a", "b", "c"]
    assert [recall.posts for recall in found.recalls.values()] == np.bincount(two.gold).tolist()
    right = two.champion == two.gold, two.challenger == two.gold
    assert (found.gained, found.lost) == ((right[1] > right[0]).sum(), (right[0] > right[1]).sum())
    assert found.mcnemar_p == mcnemar_p(found.gained, found.lost)
    assert found.accuracy.low < found.accuracy.value < found.accuracy.high


def test_the_interval_of_macro_f1_is_that_of_a_plain_bootstrap_of_groups() -> None:
    two = answers(200)
    generator = np.random.default_rng(1)
    plain = []
    for _ in range(400):
        rows = np.concatenate([[2 * unit, 2 * unit + 1] for unit in generator.integers(0, 100, 100)])
        gold = two.gold[rows]
        scores = [
            f1_score(gold, said[rows], labels=np.unique(gold), average="macro", zero_division=0.0)
            for said in (two.champion, two.challenger)
        ]
        plain.append(scores[1] - scores[0])
    found = head_differences(two).macro_f1
    assert (found.low, found.high) == pytest.approx(bootstrap_interval(np.array(plain)), abs=0.02)


def test_the_same_answers_differ_in_nothing() -> None:
    two = answers()
    found = head_differences(HeadAnswersOfTwo(two.labels, two.gold, two.champion, two.champion, two.units))
    assert (found.accuracy.value, found.accuracy.p, found.mcnemar_p) == (0.0, 1.0, 1.0)
    assert (found.macro_f1.low, found.macro_f1.value, found.macro_f1.high, found.macro_f1.p) == (0.0, 0.0, 0.0, 1.0)
    assert found.accuracy.low < 0 < found.accuracy.high


def test_a_label_that_stands_in_one_post_alone_has_a_wide_interval() -> None:
    gold = np.array([0] * 50 + [1])
    found = head_differences(HeadAnswersOfTwo(["a", "b"], gold, gold, gold, np.arange(51)))
    assert found.recalls["b"].low < -0.7
    assert found.recalls["b"].high > 0.7


def test_routing_figures_are_those_worked_by_hand() -> None:
    gold: list[dict[str, str | None]] = [{"o": "it"}, {"o": "it"}, {"o": None}, {"o": None}, {}, {"o": "hr"}]
    champion = decided(
        ("auto", "it"), ("auto", "hr"), ("ignore", None), ("auto", "it"), ("auto", "it"), ("review", "it")
    )
    challenger = decided(
        ("auto", "it"), ("review", "hr"), ("review", "it"), ("ignore", None), ("auto", "hr"), ("ignore", None)
    )
    found = routing_differences([Example(Post("x"), each) for each in gold], champion, challenger, "o", np.arange(6))
    assert (found.handled.champion, found.handled.challenger) == (5 / 6, 4 / 6)
    assert found.error is not None
    # The champion errs in the second and fourth of four judged; the challenger in the last of three.
    assert (found.error.champion, found.error.challenger) == pytest.approx((2 / 4, 1 / 3))
    assert found.error.posts == 3
    assert found.error.low < found.error.value < found.error.high


def test_without_a_handled_post_there_is_no_error() -> None:
    examples = [Example(Post("x"), {"o": "it"})] * 3
    reviewed: tuple[Action, str | None] = ("review", "it")
    found = routing_differences(examples, decided(*[IT] * 3), decided(*[reviewed] * 3), "o", np.arange(3))
    assert found.error is None
    assert (found.handled.champion, found.handled.challenger) == (1.0, 0.0)


def test_no_error_among_few_handled_posts_proves_little() -> None:
    examples = [Example(Post("x"), {"o": "it"})] * 10
    sure = decided(*[IT] * 10)
    error = routing_differences(examples, sure, sure, "o", np.arange(10)).error
    assert error is not None
    assert error.low < -0.2
    assert error.high > 0.2
