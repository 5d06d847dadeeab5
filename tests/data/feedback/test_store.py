from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from data.errors import StoreError
from data.feedback.records import KeptPost
from data.feedback.review_list import ReviewList
from data.feedback.store import FeedbackStore, Outcome, Stored
from tests.data.feedback.conftest import MODEL, hash_of, judged

NEW, KNOWN, TAKEN = Outcome.NEW, Outcome.KNOWN, Outcome.TAKEN


def outcomes(stored: Sequence[Stored]) -> list[Outcome]:
    return [outcome for _, outcome in stored]


def test_what_is_stored_is_there_for_whoever_opens_it_next(store: FeedbackStore, location: str) -> None:
    assert outcomes(store.add([judged("1"), judged("2", None, wrong=("urgency",), saw_answer=None)])) == [NEW, NEW]
    again = FeedbackStore.open(location)
    rows = {row["id"]: row for row in again.rows()}
    assert rows["1"]["labels"] == {"intent": "refund"}
    assert rows["1"]["said"] == {"intent": ["outage", 0.4], "urgency": ["low", 0.9]}
    assert rows["2"]["labels"] == {"intent": None}
    assert rows["2"]["wrong"] == ["urgency"]
    assert rows["2"]["saw_answer"] is None
    assert again.models() == {MODEL.key: MODEL}
    again.close()


def test_sent_twice_it_is_stored_once(store: FeedbackStore) -> None:
    assert outcomes(store.add([judged("1"), judged("1"), judged("2")])) == [NEW, KNOWN, NEW]
    assert outcomes(store.add([judged("2"), judged("3")])) == [KNOWN, NEW]
    assert store.count() == 3


def test_an_id_stands_for_one_judgement_only(store: FeedbackStore) -> None:
    store.add([judged("1", "refund")])
    assert outcomes(store.add([judged("1", "outage"), judged("2")])) == [TAKEN, NEW]
    assert {row["id"]: row["labels"]["intent"] for row in store.rows()} == {"1": "refund", "2": "refund"}


def test_a_text_that_comes_later_is_stored_and_one_that_is_there_stays(store: FeedbackStore) -> None:
    store.add([judged("1")])
    assert outcomes(store.add([judged("1", text="where is it")])) == [KNOWN]
    assert outcomes(store.add([judged("1", text="another one")])) == [KNOWN]
    assert [row["text"] for row in store.rows()] == ["where is it"]


def test_feedback_takes_the_text_that_was_kept_with_the_answer(store: FeedbackStore) -> None:
    kept = KeptPost("answer-a", "my order", hash_of("a"), MODEL.key, "{}", 1_700_000_000, 0.7, {"intent": "outage"})
    posts = ReviewList(store, claim_seconds=60)
    posts.keep([kept])
    store.add([judged("1")])
    assert [row["text"] for row in store.rows()] == ["my order"]
    assert posts.open(10, {}) == []


def test_a_post_that_is_kept_after_its_feedback_gives_it_the_text_and_is_settled(store: FeedbackStore) -> None:
    store.add([judged("1"), judged("2", post="b")])
    posts = ReviewList(store, claim_seconds=60)
    posts.keep([KeptPost("answer-a", "my order", hash_of("a"), MODEL.key, "{}", 1_700_000_000, 0.7, {"intent": "x"})])
    assert {row["id"]: row["text"] for row in store.rows()} == {"1": "my order", "2": None}
    assert posts.open(10, {}) == []


def test_without_an_id_it_is_stored_unless_the_reviewer_said_the_same_last(store: FeedbackStore) -> None:
    first, again, other, back = store.add(
        [judged(None, "refund"), judged(None, "refund"), judged(None, "outage"), judged(None, "refund")]
    )
    assert [first[1], again[1], other[1], back[1]] == [NEW, KNOWN, NEW, NEW]
    assert first[0] == again[0]
    assert len({first[0], other[0], back[0]}) == 3
    assert store.add([judged(None, "refund")]) == [(back[0], KNOWN)]
    assert outcomes(store.add([judged(None, "refund", reviewer="bob"), judged(None, "refund", post="b")])) == [NEW, NEW]
    wrong = [judged(None, labels={}, wrong=heads) for heads in (("intent", "urgency"), ("urgency", "intent"))]
    assert outcomes(store.add(wrong)) == [NEW, KNOWN]


def test_what_was_stored_before_with_its_id_is_not_what_was_said_last(store: FeedbackStore) -> None:
    both = [judged("1", "refund"), judged(None, "outage")]
    assert outcomes(store.add(both)) == [NEW, NEW]
    assert outcomes(store.add(both)) == [KNOWN, KNOWN]


def test_what_is_refused_is_not_what_was_said_last(store: FeedbackStore) -> None:
    items = [judged("1", "refund"), judged("1", "outage"), judged(None, "outage")]
    assert outcomes(store.add(items)) == [NEW, TAKEN, NEW]


def test_a_character_that_postgresql_has_not_is_left_out(store: FeedbackStore) -> None:
    assert outcomes(store.add([judged(None, reviewer="b\0ob"), judged(None, reviewer="b\0ob")])) == [NEW, KNOWN]
    assert outcomes(store.add([judged("1", text="my\0order", reviewer="an\0a"), judged("2")])) == [NEW, NEW]
    assert {row["id"]: (row["text"], row["reviewer"]) for row in store.rows()}["1"] == ("myorder", "ana")


def test_times_after_2038_are_stored(store: FeedbackStore) -> None:
    said = replace(judged("1").said, time=2**32 - 1)
    store.add([judged("1", said=said)])
    assert [row["answered"] for row in store.rows()] == [2**32 - 1]


def test_rows_come_by_post_the_latest_judgement_first(store: FeedbackStore) -> None:
    store.add([judged("1", post="b", at=1.0), judged("2", post="a", at=2.0), judged("3", post="b", at=3.0)])
    assert [row["id"] for row in store.rows()] == ["2", "3", "1"]


def test_many_at_once_from_several_processes_are_all_there(store: FeedbackStore, location: str) -> None:
    def write(worker: int) -> list[Outcome]:
        own = FeedbackStore.open(location)  # as each process of a service has
        try:
            return [
                outcome
                for start in range(0, 60, 20)
                for _, outcome in own.add([judged(f"{(worker * 30 + start + number) % 150}") for number in range(20)])
            ]
        finally:
            own.close()

    with ThreadPoolExecutor(4) as threads:
        found = [outcome for part in threads.map(write, range(4)) for outcome in part]
    assert TAKEN not in found
    assert found.count(NEW) == store.count() == len({(worker * 30 + n) % 150 for worker in range(4) for n in range(60)})


def test_a_store_that_cannot_be_written_says_so_and_not_what_was_to_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StoreError, match="the store fails: NotADirectoryError") as caught:
        FeedbackStore.open(str(tmp_path / "file" / "feedback.db"))
    assert "SELECT" not in str(caught.value)


def test_a_store_that_vanishes_is_a_store_error(tmp_path: Path) -> None:
    store = FeedbackStore.open(str(tmp_path / "feedback.db"))
    with store.transaction() as connection:
        connection.exec_driver_sql("DROP TABLE feedback")
    with pytest.raises(StoreError):
        store.add([judged("1", text="a secret text")])
    store.close()
