import numpy as np
import pytest

from data.errors import DataError
from data.posts import Example, Post
from evaluation.weighting import Shares, weights_for


def labelled(*rows: tuple[str, str | None]) -> list[Example]:
    return [Example(Post("x"), {"urgency": urgency, "department": owner}) for urgency, owner in rows]


def test_one_head_is_weighted_by_wanted_over_found() -> None:
    examples = labelled(("low", "it"), ("low", "it"), ("low", "it"), ("low", None))
    weights = weights_for(examples, {"department": {"it": 0.5, None: 0.5}})
    assert weights.tolist() == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2])


def test_two_heads_get_their_shares_at_once() -> None:
    examples = labelled(*[("low", "it")] * 5, *[("high", "it")] * 2, ("low", "hr"), *[("high", "hr")] * 4)
    shares: Shares = {"urgency": {"low": 0.7, "high": 0.3}, "department": {"it": 0.9, "hr": 0.1}}
    weights = weights_for(examples, shares)
    for head, wanted in shares.items():
        for label, share in wanted.items():
            carries = np.array([example.labels[head] == label for example in examples])
            assert weights[carries].sum() / weights.sum() == pytest.approx(share)
    assert weights.mean() == pytest.approx(1)


def test_a_label_without_examples_leaves_its_share_to_the_others() -> None:
    examples = labelled(("low", "it"), ("low", "hr"))
    weights = weights_for(examples, {"department": {"it": 0.3, "hr": 0.1, "legal": 0.6}})
    assert weights.tolist() == pytest.approx([1.5, 0.5])


def test_a_label_without_a_share_is_named() -> None:
    with pytest.raises(DataError, match=r"department: no share above 0 is given for \['None'\]"):
        weights_for(labelled(("low", None)), {"department": {"it": 1.0, None: 0.0}})


def test_an_example_without_the_head_is_named() -> None:
    with pytest.raises(DataError, match=r"a:7: no label of department"):
        weights_for([Example(Post("x"), {"urgency": "low"}, origin="a:7")], {"department": {"it": 1.0}})


def test_shares_that_cannot_hold_together_are_refused() -> None:
    examples = labelled(("low", "it"), ("high", None))
    with pytest.raises(DataError, match="no weights give"):
        weights_for(examples, {"department": {"it": 0.5, None: 0.5}, "urgency": {"low": 0.2, "high": 0.8}})
