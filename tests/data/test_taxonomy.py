"""A taxonomy is a file whose faults are told at once and in their places."""

import re
from pathlib import Path
from typing import Any

import pytest

from data.errors import TaxonomyError
from data.taxonomy import DEFAULT_TAXONOMY, Head, Taxonomy

FAULTY = """\
name: "  "
colour: red
heads:
  - name: Intent
    labels: [refund, outage]
  - name: urgency
    kind: ordered
    optional: perhaps
    labels:
      - low
      - high: at once
      - low: nothing is lost
      - " normal"
      - 5
  - name: urgency
    labels: [one]
  - name: text
    labels: {a: b}
  - just a text
routing:
  owner: department
  unowned:
    urgency: [spam]
    mood: [bad]
  channel: email
"""

FAULTS_BY_LINE = [
    (1, "name: expected a text"),
    (2, "unknown key 'colour'"),
    (4, "head name 'Intent': expected lower-case letters"),
    (7, "urgency: kind is 'ordered'; expected nominal or ordinal"),
    (8, "urgency: optional is 'perhaps'; expected true or false"),
    (12, "urgency: the label 'low' stands twice"),
    (13, "urgency: label ' normal': empty, or with white space around it"),
    (14, "urgency: label 5: expected `- name` or `- name: definition`"),
    (15, "two heads are named 'urgency'"),
    (16, "urgency: expected a list of at least two labels"),
    (17, "head name 'text' is reserved"),
    (18, "text: expected a list of at least two labels"),
    (19, "expected a mapping with the keys name and labels"),
    (21, "routing: owner is 'department'; expected one of the heads"),
    (23, "routing: unowned.urgency: there is no label 'spam'"),
    (24, "routing: unowned names the head 'mood'; there is none"),
    (25, "unknown key 'channel'"),
]


@pytest.fixture
def plain() -> dict[str, Any]:
    """A valid taxonomy in plain form, fresh for every test."""
    return {
        "name": "toy",
        "heads": [
            {"name": "intent", "labels": [{"refund": "wants money back"}, "spam"]},
            {"name": "department", "optional": True, "labels": ["support", "it"]},
        ],
        "routing": {"owner": "department", "unowned": {"intent": ["spam"]}},
    }


def test_the_default_taxonomy_asks_three_questions_and_defines_every_label() -> None:
    taxonomy = Taxonomy.read(DEFAULT_TAXONOMY)
    assert [(head.name, head.kind, head.optional, len(head.labels)) for head in taxonomy] == [
        ("intent", "nominal", False, 24),
        ("urgency", "ordinal", False, 4),
        ("department", "nominal", True, 5),
    ]
    assert taxonomy.head("urgency").labels == ("low", "normal", "high", "critical")
    assert all(all(head.definitions) for head in taxonomy)
    assert taxonomy.routing is not None
    assert taxonomy.routing.owner == "department"
    assert taxonomy.routing.unowned == {"intent": ("spam", "chatter")}


def test_labels_are_written_with_or_without_a_definition(tmp_path: Path) -> None:
    path = tmp_path / "taxonomy.yaml"
    path.write_text(
        "name: t\nheads:\n  - name: mood\n    labels:\n      - good: all is well\n      - bad\n      - odd:\n"
    )
    assert Taxonomy.read(path).heads == (Head("mood", ("good", "bad", "odd"), ("all is well", "", "")),)


def test_every_fault_of_a_file_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "taxonomy.yaml"
    path.write_text(FAULTY)
    with pytest.raises(TaxonomyError) as caught:
        Taxonomy.read(path)
    first, *told = str(caught.value).splitlines()
    assert first == f"the taxonomy has {len(FAULTS_BY_LINE)} fault(s):"
    told.sort(key=lambda line: int(line.removeprefix(f"  {path}:").partition(":")[0]))
    assert len(told) == len(FAULTS_BY_LINE)
    for line, (number, message) in zip(told, FAULTS_BY_LINE, strict=True):
        assert line.startswith(f"  {path}:{number}: {message}")


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("name: t\nheads:\n  - name: mood\n    labels: [a, b]\nname: u\n", 5, "name"),
        ("name: t\nheads:\n  - name: mood\n    kind: nominal\n    labels: [a, b]\n    kind: ordinal\n", 6, "kind"),
    ],
    ids=["of the taxonomy", "of a head"],
)
def test_a_key_that_stands_twice_is_told_where_it_stands_again(tmp_path: Path, text: str, line: int, key: str) -> None:
    path = tmp_path / "taxonomy.yaml"
    path.write_text(text)
    with pytest.raises(TaxonomyError, match=f"{re.escape(str(path))}:{line}: the key '{key}' stands twice"):
        Taxonomy.read(path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "expected a mapping with the keys name and heads"),
        (b"- a\n- b\n", "expected a mapping with the keys name and heads"),
        (b"name: [\n", "not a YAML file"),
        (b"name: \xff\n", "not a YAML file"),
        (b"name: t\nheads: []\n", "heads: expected a list with at least one head"),
    ],
)
def test_a_file_of_another_form_is_refused_by_name(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "taxonomy.yaml"
    path.write_bytes(content)
    with pytest.raises(TaxonomyError, match=expected) as caught:
        Taxonomy.read(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("name: !secret t\n", id="a tag that YAML does not know"),
        pytest.param("name: 2024-13-45\n", id="a date that does not exist"),
        pytest.param("? [a]\n: b\n", id="a list as a key"),
        pytest.param("name: t\nheads: &heads [*heads]\n", id="a list within itself"),
        pytest.param(
            "name: t\nheads:\n  - name: mood\n    labels: [a, b]\nrouting:\n  owner: [mood]\n",
            id="a list where a head is named",
        ),
    ],
)
def test_strange_yaml_is_a_fault_of_the_taxonomy_and_not_of_the_program(tmp_path: Path, text: str) -> None:
    path = tmp_path / "taxonomy.yaml"
    path.write_text(text)
    with pytest.raises(TaxonomyError, match=re.escape(str(path))):
        Taxonomy.read(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match=r"none\.yaml: cannot be read: No such file"):
        Taxonomy.read(tmp_path / "none.yaml")


def test_a_label_named_null_is_refused_because_files_say_null_for_no_label(plain: dict[str, Any]) -> None:
    plain["heads"][1]["labels"].append("null")
    with pytest.raises(TaxonomyError, match="'null'"):
        Taxonomy.from_dict(plain)


def test_two_equal_labels_are_refused_in_plain_form_too(plain: dict[str, Any]) -> None:
    plain["heads"][0]["labels"].append("refund")
    plain["heads"][1]["labels"].append("it")
    with pytest.raises(TaxonomyError, match="'refund' stands twice; department: the label 'it' stands twice"):
        Taxonomy.from_dict(plain)


def test_the_plain_form_reads_back_equal() -> None:
    taxonomy = Taxonomy.read(DEFAULT_TAXONOMY)
    assert Taxonomy.from_dict(taxonomy.to_dict()) == taxonomy


def test_a_taxonomy_needs_no_routing(plain: dict[str, Any]) -> None:
    del plain["routing"]
    taxonomy = Taxonomy.from_dict(plain)
    assert taxonomy.routing is None
    assert "routing" not in taxonomy.to_dict()


def test_a_head_that_is_not_there_is_told_with_those_that_are(plain: dict[str, Any]) -> None:
    with pytest.raises(TaxonomyError, match=r"no head 'mood' in taxonomy 'toy'; it has \['intent', 'department'\]"):
        Taxonomy.from_dict(plain).head("mood")


def test_a_new_name_or_definition_keeps_the_hash(plain: dict[str, Any]) -> None:
    before = Taxonomy.from_dict(plain).sha256
    plain["name"] = "other"
    plain["heads"][0]["labels"][0] = {"refund": "other words"}
    assert Taxonomy.from_dict(plain).sha256 == before


@pytest.mark.parametrize(
    "change",
    [
        {"heads": [{"name": "intent", "labels": ["spam", "refund"]}]},
        {"heads": [{"name": "intent", "labels": ["refund", "spam", "other"]}]},
        {"heads": [{"name": "topic", "labels": ["refund", "spam"]}]},
        {"heads": [{"name": "intent", "labels": ["refund", "spam"], "kind": "ordinal"}]},
        {"heads": [{"name": "intent", "labels": ["refund", "spam"], "optional": True}]},
        {"routing": {"owner": "intent"}},
    ],
    ids=["order", "label", "name", "kind", "optional", "routing"],
)
def test_whatever_gives_scores_and_decisions_a_meaning_changes_the_hash(change: dict[str, Any]) -> None:
    plain = {"name": "t", "heads": [{"name": "intent", "labels": ["refund", "spam"]}]}
    assert Taxonomy.from_dict({**plain, **change}).sha256 != Taxonomy.from_dict(plain).sha256
