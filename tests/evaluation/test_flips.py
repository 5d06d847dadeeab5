import numpy as np
import pytest

from data.posts import Example, Post
from evaluation.flips import Flip, flips_of, route_of, surest_flips
from model.decision import Action, Decision, HeadDecision


def decided(action: Action, owner: str | None = None, *confidences: float) -> Decision:
    heads = {
        name: HeadDecision("x", confidence, 0.5, np.array([confidence]))
        for name, confidence in zip("abc", confidences, strict=False)
    }
    return Decision(heads, action, owner, ())


def test_a_route_is_named_with_its_owner_only_where_nobody_looks() -> None:
    assert [route_of(decided(*each)) for each in (("auto", "it"), ("auto", None), ("ignore",), ("review", "it"))] == [
        "auto: it",
        "auto",
        "ignore",
        "review",
    ]


def test_flips_are_counted_with_what_they_mend_and_break() -> None:
    rows: list[tuple[Decision, Decision, dict[str, str | None]]] = [
        (decided("auto", "it"), decided("auto", "hr"), {"owner": "hr"}),  # mended
        (decided("auto", "it"), decided("auto", "hr"), {"owner": "it"}),  # broken
        (decided("auto", "it"), decided("auto", "hr"), {"owner": "legal"}),  # wrong before and after
        (decided("auto", "it"), decided("auto", "hr"), {}),  # nobody knows
        (decided("review", "it"), decided("ignore"), {"owner": "it"}),  # broken: it has an owner
        (decided("review", "it"), decided("ignore"), {"owner": None}),
        (decided("review", "it"), decided("review", "hr"), {"owner": "hr"}),  # a person looks, as before
        (decided("auto", "it"), decided("auto", "it"), {"owner": "hr"}),
        (decided("auto", "hr"), decided("review", "hr"), {"owner": "it"}),  # mended: a person looks
    ]
    before, after, gold = zip(*rows, strict=True)
    examples = [Example(Post("x"), labels) for labels in gold]
    assert flips_of(examples, before, after, "owner") == [
        Flip("auto: it", "auto: hr", 4, 1, 1),
        Flip("review", "ignore", 2, 0, 1),
        Flip("auto: hr", "review", 1, 1, 0),
    ]
    assert {(flip.mended, flip.broken) for flip in flips_of(examples, before, after, None)} == {(0, 0)}


def test_the_surest_flips_are_those_of_which_both_are_sure() -> None:
    before = [decided("auto", "it", 0.9, 0.7), decided("auto", "it", 1, 1), decided("auto", "it", 0.7, 0.7)]
    after = [decided("review", "it", 0.9, 0.9), decided("auto", "it", 1, 1), decided("review", "it", 1.0, 1.0)]
    examples = [Example(Post("secret"), {"owner": None}, origin=f"f:{line}") for line in (1, 2, 3)]
    first, second = surest_flips(examples, before, after, 5)
    assert (first.row, first.origin) == (0, "f:1")
    assert first.confidence == pytest.approx(0.8)
    assert (first.champion, first.challenger, first.gold) == ("auto: it", "review", {"owner": None})
    assert (first.champion_labels, first.challenger_labels) == ({"a": "x", "b": "x"}, {"a": "x", "b": "x"})
    assert second.row == 2
    assert second.confidence == pytest.approx(0.7)
    assert surest_flips(examples, before, after, 1) == [first]
    assert "secret" not in repr(first)
