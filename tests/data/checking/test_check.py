"""The check finds what it is for, and nothing in clean data."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from data.checking import check as module
from data.checking.check import Findings, findings_of
from data.checking.faults import KEPT_FAULTS, Fault
from data.checking.survey import Source, survey
from data.posts import Example, Post
from data.taxonomy import Taxonomy

LONG = "the parcel was left in the rain again and nobody rang the bell"
NEAR = LONG.replace("rain", "snow")


def check(
    parts: Mapping[str, Source],
    taxonomy: Taxonomy,
    known_giveaways: Mapping[str, str] | None = None,
    record: Callable[[Fault], None] | None = None,
) -> Findings:
    return findings_of(survey(parts, taxonomy), taxonomy, known_giveaways, record)


def post(text: str, line: int, intent: str = "refund", **metadata: str) -> Example:
    labels = {"intent": intent, "urgency": "low", "department": "support"}
    return Example(Post(text), labels, metadata=metadata, origin=f"posts.jsonl:{line}")


def others(count: int) -> list[Example]:
    return [post(f"y{index}", 1000 + index, "outage") for index in range(count)]


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
        (post(LONG, 1), post(NEAR, 2, "outage"), "near_conflict", "near_leak"),
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
    examples = [post(f"lottery {index}", index) for index in range(20)] + others(60)
    [fault] = check({"a": examples}, taxonomy).faults
    assert (fault.kind, fault.where) == ("giveaway", ())
    assert fault.message == "'lottery' stands in 20 posts, 100% of them intent refund (of all posts 25%)"
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
    assert findings.missing == {"group": 2, "author": 2, "time": 2, "readable time": 0}
    assert (findings.words[0.0], findings.words[0.5], findings.words[1.0]) == (1, 2, 3)


def test_an_unknown_label_contradicts_nothing(taxonomy: Taxonomy) -> None:
    known, unknown = post(LONG, 1), replace(post(LONG, 2), labels={"urgency": "low"})
    assert [kind for kind, _ in kinds(taxonomy, [known, unknown])] == ["duplicate"]
    nobody = replace(post(LONG, 3), labels={"department": None})
    [fault] = check({"a": [unknown, known, nobody]}, taxonomy).faults
    assert (fault.kind, fault.message) == ("conflict", "3 equal posts, department: support and None")


def test_of_many_faults_all_are_counted_and_recorded_and_the_first_are_kept(taxonomy: Taxonomy) -> None:
    many = [
        post(f"copy {index // 2}", index, "refund" if index % 3 else "outage") for index in range(2 * KEPT_FAULTS + 20)
    ]
    recorded: list[Fault] = []
    findings = check({"a": many}, taxonomy, record=recorded.append)
    assert findings.counts["conflict"] + findings.counts["duplicate"] == KEPT_FAULTS + 10
    assert len(recorded) == sum(findings.counts.values()) + sum(findings.caution_counts.values())
    for kind, count in findings.counts.items():
        assert sum(fault.kind == kind for fault in findings.faults) == min(count, KEPT_FAULTS)


def test_giveaways_of_many_posts_are_looked_for_in_a_sample_that_is_always_the_same(
    taxonomy: Taxonomy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SAMPLE", 100)
    examples = [post(f"lottery {index}", index) for index in range(100)] + others(300)
    findings, turned = check({"a": examples}, taxonomy), check({"a": examples[::-1]}, taxonomy)
    assert findings.sampled == 100
    assert [fault.kind for fault in findings.faults] == ["giveaway"]
    assert turned.faults == findings.faults


def test_cautions_are_no_faults(taxonomy: Taxonomy) -> None:
    findings = check({"a": [post("one", 1)]}, taxonomy)
    assert findings.faults == []
    assert {caution.kind for caution in findings.cautions} == {"rare_label"}


def test_of_many_cautions_all_are_counted_and_the_first_are_kept() -> None:
    labels = [f"label {number}" for number in range(KEPT_FAULTS + 20)]
    many = Taxonomy.from_dict({"name": "many", "heads": [{"name": "topic", "labels": labels}]})
    findings = check({"a": [Example(Post("one"), {"topic": "label 0"})]}, many)
    assert findings.caution_counts == {"rare_label": KEPT_FAULTS + 20}
    assert len(findings.cautions) == KEPT_FAULTS
