import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from data.errors import DataError
from data.feedback.store import FeedbackStore
from data.importing.sources.feedback import PROVENANCE, feedback_rows, judged_heads
from data.tables.rows import BadRow, Row
from tests.data.feedback.conftest import judged


def test_a_row_a_post_with_the_label_that_was_told_last(store: FeedbackStore, location: str) -> None:
    store.add(
        [
            judged("1", "outage", post="a", at=1.0, text="where is it"),
            judged("2", "refund", post="a", at=2.0, reviewer=None),
            judged("3", post="a", at=3.0, labels={"urgency": "high"}, wrong=("intent",)),
            judged("4", None, post="b", at=1.0, text="no idea"),
        ]
    )
    a, b = feedback_rows(location, "feedback:here")
    assert isinstance(a, Row)
    assert isinstance(b, Row)
    assert (a.values["text"], a.values["intent"], a.values["urgency"]) == ("where is it", "refund", "high")
    assert (b.values["text"], b.values["intent"]) == ("no idea", "null")
    assert a.values["time"] == "2023-11-14T22:13:20Z"
    last, _, first = a.values[PROVENANCE]
    assert first["model"] == "toy@3"
    assert first["said"]["intent"] == {"label": "outage", "confidence": 0.4}
    assert first["saw_answer"] is True
    assert first["reviewer"].startswith("person-")
    assert last["wrong"] == ["intent"]
    assert judged_heads(location) == ["intent", "urgency"]


def test_a_post_whose_text_nobody_kept_is_a_bad_row(store: FeedbackStore, location: str) -> None:
    store.add([judged("1"), judged("2", post="b", text="my order")])
    bad, good = feedback_rows(location, "feedback:here")
    assert isinstance(bad, BadRow)
    assert "--store-text" in str(bad)
    assert isinstance(good, Row)


def test_a_label_that_is_taken_back_does_not_teach(store: FeedbackStore, location: str) -> None:
    taken_back: dict[str, Any] = {"labels": {}, "wrong": ("intent",)}
    store.add(
        [
            judged("1", "refund", post="a", at=1.0, text="a"),
            judged("2", post="a", at=2.0, **taken_back),  # by the same person
            judged("3", "outage", post="b", at=1.0, text="b"),  # which is what the machine had said
            judged("4", post="b", at=2.0, reviewer="bob", **taken_back),
            judged("5", "refund", post="c", at=1.0, text="c"),
            judged("6", post="c", at=2.0, reviewer="bob", **taken_back),  # as the first one says too
            judged("7", "refund", post="d", at=1.0, text="d", reviewer=None),
            judged("8", post="d", at=2.0, reviewer=None, answer="another", **taken_back),  # perhaps another person
            judged("9", "refund", post="e", at=1.0, text="e", reviewer=None),
            judged("10", post="e", at=2.0, reviewer=None, **taken_back),
        ]
    )
    told = [row.values.get("intent") for row in feedback_rows(location, "feedback:here") if isinstance(row, Row)]
    assert told == [None, None, "refund", "refund", None]


def test_who_only_reads_makes_no_store(tmp_path: Path) -> None:
    missing = tmp_path / "mistyped.db"
    for read in (lambda: [*feedback_rows(str(missing), "feedback:here")], lambda: judged_heads(str(missing))):
        with pytest.raises(DataError, match="there is no feedback"):
            read()
    assert not missing.exists()


def test_who_only_reads_changes_nothing_in_another_database(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE notes (text)")
        connection.commit()
    before = other.read_bytes()
    with pytest.raises(DataError, match="there is no feedback"):
        judged_heads(str(other))
    assert other.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["other.db"]
