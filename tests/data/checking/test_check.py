"""The check finds what it is for, and nothing in clean data."""

from dataclasses import replace

import pytest

from data.checking.check import check
from data.posts import Example, Post
from data.taxonomy import Taxonomy

LONG = "the parcel was left in the rain again and nobody rang the bell"
NEAR = LONG.replace("rain", "snow")


def post(text: str, line: int, intent: str = "refund", **metadata: str) -> Example:
    labels = {"intent": intent, "urgency": "low", "department": "support"}
    return Example(Post(text), labels, metadata=metadata, origin=f"posts.jsonl:{line}")


def kinds(taxonomy: Taxonomy, *parts: list[Example]) -> list[tuple[str, tuple[str, ...]]]:
    findings = check({f"part {index}": part for index, part in enumerate(parts)}, taxonomy)
    return [(fault.kind, fault.where) for fault in findings.faults]


def test_clean_data_has_no_fault(taxonomy: Taxonomy) -> None:
    assert kinds(taxonomy, [post("one", 1), post("two", 2)], [post(LONG, 3)]) == []


@pytest.mark.parametrize(
    ("first", "second", "within", "across"),
    [
        (post(LONG, 1), post(LONG.upper(), 2), "duplicate", "leak"),
        (post(LONG, 1), post(LONG, 2, "outage"), "conflict", "leak"),
        (post(LONG, 1), post(NEAR, 2), "near_duplicate", "near_leak"),
        (post(LONG, 1), post(NEAR, 2, "outage"), "near_duplicate", "near_leak"),
    ],
)
def test_copies_are_named_by_kind_and_place(
    taxonomy: Taxonomy, first: Example, second: Example, within: str, across: str
) -> None:
    where = ("posts.jsonl:1", "posts.jsonl:2")
    assert kinds(taxonomy, [first, second]) == [(within, where)]
    assert kinds(taxonomy, [first], [second]) == [(across, where)]


def test_two_sides_of_a_pair_may_be_alike_but_not_equal(taxonomy: Taxonomy) -> None:
    assert kinds(taxonomy, [post(LONG, 1, pair="p1"), post(NEAR, 2, "outage", pair="p1")]) == []
    assert [kind for kind, _ in kinds(taxonomy, [post(LONG, 1, pair="p1"), post(NEAR, 2, pair="p2")])] == [
        "near_duplicate"
    ]
    assert [kind for kind, _ in kinds(taxonomy, [post(LONG, 1, pair="p1"), post(LONG, 2, pair="p1")])] == ["duplicate"]


def test_a_conflict_says_which_labels_and_not_the_text(taxonomy: Taxonomy) -> None:
    [fault] = check({"a": [post(LONG, 1), post(LONG, 2, "outage")]}, taxonomy).faults
    assert fault.message == "2 equal posts, intent: refund and outage"


def test_a_post_that_stands_a_thousand_times_is_one_fault(taxonomy: Taxonomy) -> None:
    many = [post("thanks", line) for line in range(1, 1001)]
    [fault] = check({"a": many[:900], "b": many[900:]}, taxonomy, {"thanks": "is not what this test is about"}).faults
    assert (fault.kind, fault.message) == ("leak", "1000 equal posts in a and b")
    assert fault.where == tuple(f"posts.jsonl:{line}" for line in range(1, 6))


def test_a_giveaway_is_a_fault_unless_it_is_known(taxonomy: Taxonomy) -> None:
    examples = [post(f"lottery {index}", index) for index in range(20)]
    [fault] = check({"a": examples}, taxonomy).faults
    assert (fault.kind, fault.where) == ("giveaway", ())
    assert fault.message == "'lottery' stands in 20 posts, 100% of them intent refund"
    assert check({"a": examples}, taxonomy, {"lottery": "is what the label is about"}).faults == []


def test_labels_and_lengths_are_counted(taxonomy: Taxonomy) -> None:
    examples = [post("one", 1), replace(post("one two three", 2), labels={"intent": "spam", "department": None})]
    findings = check({"a": examples, "b": []}, taxonomy)
    assert findings.posts == {"a": 2, "b": 0}
    assert findings.labels == {
        "intent": {"refund": 1, "outage": 0, "spam": 1},
        "urgency": {"low": 1, "normal": 0, "high": 0},
        "department": {"support": 1, "it": 0, None: 1},
    }
    assert (findings.words[0.0], findings.words[0.5], findings.words[1.0]) == (1, 2, 3)
