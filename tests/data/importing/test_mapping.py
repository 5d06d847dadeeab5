"""Mappings say what columns hold, and are refused whole where they contradict themselves."""

import math
import pickle
from pathlib import Path
from typing import Any

import pytest

from data.errors import ConfigurationError
from data.importing.mapping import ColumnMapping, Lookup, plain_value, ready_mapping, ready_mappings

ZENDESK_LIKE = {
    "id": 7,
    "Ticket ID": "x-7",
    "a.b": "as it stands",
    "a": {"b": "nested"},
    "via": {"channel": "email"},
    "custom_fields": [{"id": 360, "value": "refund"}, {"id": 361, "value": None}],
    "comments": [{"public": True, "body": "first"}, {"public": False, "body": "second"}],
}


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("id", 7),
        ("Ticket ID", "x-7"),
        ("a.b", "as it stands"),
        ("via.channel", "email"),
        ("custom_fields[?id==`360`].value | [0]", "refund"),
        ("comments[?public] | [0].body", "first"),
        ("via.nothing.further", None),
        ("No such column", None),
        ("length(id)", None),
    ],
)
def test_a_column_is_found_as_it_stands_or_by_an_expression(column: str, expected: Any) -> None:
    assert Lookup(column)(ZENDESK_LIKE) == expected
    assert pickle.loads(pickle.dumps(Lookup(column)))(ZENDESK_LIKE) == expected  # noqa: S301  # it goes to other processes


@pytest.mark.parametrize(
    ("value", "expected"), [(None, ""), (math.nan, ""), (" x ", "x"), (True, "true"), (2, "2"), (2.5, "2.5"), (0, "0")]
)
def test_cells_are_named_by_their_text(value: Any, expected: str) -> None:
    assert plain_value(value) == expected


def test_a_file_says_the_same_as_flags(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "text: [subject, body]\n"
        "labels: {urgency: priority, intent: topic}\n"
        "fields: {thread: case, time: created}\n"
        "rename:\n"
        "  urgency: {1: low, 2: normal, null: ''}\n"
        "  intent: {true: 'yes', spam: null}\n"
        "only: {status: [closed, 3]}\n"
        "drop: {deleted: true}\n"
        "first_of_thread: true\n"
    )
    mapping = ColumnMapping.read(path)
    assert mapping == ColumnMapping().updated(
        text=["subject", "body"],
        labels={"urgency": "priority", "intent": "topic"},
        fields={"thread": "case", "time": "created"},
        rename={"urgency": {"1": "low", "2": "normal", "": ""}, "intent": {"true": "yes", "spam": "null"}},
        only={"status": ("closed", "3")},
        drop={"deleted": ("true",)},
        first_of_thread=True,
    )
    assert list(mapping.columns()) == ["subject", "body", "priority", "topic", "case", "created", "status", "deleted"]


def test_flags_change_single_entries_and_take_heads_out() -> None:
    before = ColumnMapping().updated(
        labels={"urgency": "priority", "department": "group"},
        rename={"urgency": {"urgent": "critical", "x": "low"}, "department": {"Tier 1": "support"}},
    )
    after = before.updated(labels={"department": "", "intent": "topic"}, rename={"urgency": {"x": ""}})
    assert after.labels == {"urgency": "priority", "intent": "topic"}
    assert after.rename == {"urgency": {"urgent": "critical", "x": ""}}
    assert before.labels == {"urgency": "priority", "department": "group"}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"labels": {"In tent": "kind"}}, "cannot be names of heads"),
        ({"labels": {"text": "kind"}}, "cannot be names of heads"),
        ({"labels": {"action": "kind"}}, "cannot be names of heads"),
        ({"labels": {"intent": "text"}}, "asked for twice"),
        ({"labels": {"intent": "kind"}, "rename": {"owner": {"a": "b"}}}, r"labels of \['owner'\] are renamed"),
        ({"fields": {"mood": "m"}}, r"\['mood'\] are no fields of a post"),
        ({"text": []}, "no column of the text"),
        ({"first_of_thread": True}, "no column of the thread was named"),
    ],
)
def test_a_mapping_that_contradicts_itself_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        ColumnMapping().updated(**settings)


def test_every_fault_of_a_file_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("text: body\nlabels:\n  intent: topic\n  intent: other\nlables: {a: b}\nfirst_of_thread: perhaps\n")
    with pytest.raises(ConfigurationError) as refusal:
        ColumnMapping.read(path)
    told = str(refusal.value)
    assert told.startswith("the mapping has 3 fault(s):")
    for line, what in ((4, "the key 'intent' stands twice"), (5, "lables"), (6, "first_of_thread")):
        assert f"{path}:{line}: {what}" in told


def test_ready_mappings_are_valid_and_an_unknown_one_is_refused() -> None:
    assert {"zendesk", "freshdesk", "zammad", "chatwoot", "salesforce"} <= set(ready_mappings())
    for name in ready_mappings():
        mapping = ready_mapping(name)
        assert mapping.name == name
        assert mapping.labels
        assert mapping.text
    with pytest.raises(ConfigurationError, match="no ready mapping 'clippy'; expected one of"):
        ready_mapping("clippy")
