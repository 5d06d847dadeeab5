from pathlib import Path

import pytest

from data.errors import DataError
from data.feedback.store import FeedbackStore
from data.importing.sources.feedback import PROVENANCE, feedback_rows, judged_heads
from data.tables.rows import BadRow, Row
from tests.data.feedback.conftest import judged


def test_a_row_a_post_with_the_label_that_was_told_last(store: FeedbackStore, location: str) -> None:
    store.add(
        [
            judged("1", "refund", post="a", at=1.0, text="where is it"),
            judged("2", "outage", post="a", at=2.0, reviewer=None),
            judged("3", post="a", at=3.0, labels={"urgency": "high"}, wrong=("intent",)),
            judged("4", None, post="b", at=1.0, text="no idea"),
        ]
    )
    a, b = feedback_rows(location, "feedback:here")
    assert isinstance(a, Row)
    assert isinstance(b, Row)
    assert (a.values["text"], a.values["intent"], a.values["urgency"]) == ("where is it", "outage", "high")
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


def test_who_only_reads_makes_no_store(tmp_path: Path) -> None:
    missing = tmp_path / "mistyped.db"
    for read in (lambda: [*feedback_rows(str(missing), "feedback:here")], lambda: judged_heads(str(missing))):
        with pytest.raises(DataError, match="there is no feedback"):
            read()
    assert not missing.exists()
