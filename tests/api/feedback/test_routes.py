"""Feedback and review over a real socket, into a real store."""

import json
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from api.feedback.schemas import FeedbackResponse, ReviewResponse
from data.feedback.store import FeedbackStore
from data.feedback.tables import connect
from model.bundle import Bundle
from tests.api.conftest import Client, serving_app, until
from tests.api.feedback import earlier

TEXT = "my order is late, call +49 170 1234567"


@pytest.fixture
def location(tmp_path: Path) -> str:
    return str(tmp_path / "feedback.db")


@pytest.fixture
def client(bundle: Bundle, location: str) -> Iterator[Client]:
    with serving_app(bundle, feedback=location) as started:
        yield started


@pytest.fixture
def keeping(bundle: Bundle, location: str) -> Iterator[Client]:
    """A service that keeps posts and sends every one to people."""
    heads = {name: head.with_thresholds([1.0] * len(head.labels)) for name, head in bundle.policy.heads.items()}
    strict = replace(bundle, policy=bundle.policy.model_copy(update={"heads": heads}))
    with serving_app(strict, feedback=location, store_text=True) as started:
        yield started


@contextmanager
def blocked(location: str) -> Iterator[None]:
    """Nothing can be stored meanwhile."""
    with closing(sqlite3.connect(location, isolation_level=None)) as blocker:
        blocker.execute("BEGIN IMMEDIATE")
        yield


def asked(client: Client, *texts: str) -> list[str]:
    """The ids of the answers to texts."""
    answered = client.post("/classify", json={"posts": [{"text": text} for text in texts]}).json()
    return [result["answer"] for result in answered["results"]]


def sent(client: Client, *items: dict[str, Any]) -> dict[str, Any]:
    response = client.post("/feedback", json={"feedback": items})
    assert response.status_code == 200, response.text
    FeedbackResponse.model_validate(response.json())
    return dict(response.json())


def rows(location: str) -> list[dict[str, Any]]:
    store = FeedbackStore.open(location)
    try:
        return [*store.rows()]
    finally:
        store.close()


def test_feedback_is_stored_with_what_the_machine_had_said(client: Client, location: str) -> None:
    [answer] = asked(client, TEXT)
    label = client.post("/classify", json={"text": TEXT}).json()["results"][0]["labels"]["intent"]
    judged = {
        "answer": answer, "labels": {"intent": "refund", "department": None}, "wrong": ["urgency"],
        "reviewer": "ana", "time": "2026-01-02T03:04:05+01:00", "saw_answer": True,
    }  # fmt: skip
    result = sent(client, judged)
    assert result["summary"] == {"total": 1, "new": 1, "known": 0, "failed": 0}
    [row] = rows(location)
    assert row["id"] == result["results"][0]["id"]
    assert row["labels"] == {"intent": "refund", "department": None}
    assert row["wrong"] == ["urgency"]
    assert row["said"]["intent"] == [label["label"], pytest.approx(label["confidence"], abs=1e-4)]
    assert (row["reviewer"], row["saw_answer"], row["judged"]) == ("ana", True, 1767319445.0)
    assert row["text"] is None


def test_sent_again_it_is_stored_once(client: Client, location: str) -> None:
    [answer] = asked(client, TEXT)
    judged = {"answer": answer, "labels": {"intent": "refund"}}
    assert [sent(client, judged)["results"][0]["stored"] for _ in range(2)] == ["new", "known"]
    own = {**judged, "id": "mine-1"}
    assert [item["stored"] for item in sent(client, own, own)["results"]] == ["new", "known"]
    other = sent(client, {**own, "labels": {"intent": "spam"}})["results"][0]
    assert other["error"]["code"] == "id_taken"
    assert len(rows(location)) == 2


def test_a_text_that_is_sent_again_is_kept_masked(client: Client, location: str) -> None:
    [answer] = asked(client, TEXT)
    judged = {"answer": answer, "labels": {"intent": "refund"}}
    sent(client, judged)
    assert sent(client, {**judged, "text": TEXT})["results"][0]["stored"] == "known"
    assert [row["text"] for row in rows(location)] == ["my order is late, call [number]"]


def test_no_text_lies_in_the_store_unless_it_was_sent(client: Client, location: str) -> None:
    [answer] = asked(client, "a very secret sentence")
    sent(client, {"answer": answer, "labels": {"intent": "spam"}})
    files = Path(location).parent.glob("feedback.db*")
    assert not any(b"secret" in file.read_bytes() for file in files)


def test_what_is_wrong_fails_alone(client: Client) -> None:
    answer, other = asked(client, TEXT, "site is down")
    fine = {"answer": answer, "labels": {"intent": "refund"}}
    result = sent(
        client,
        {"answer": "no such", "labels": {"intent": "refund"}},
        {"answer": answer, "labels": {"mood": "bad"}},
        {"answer": answer, "labels": {"intent": "private words"}},
        {"answer": answer, "labels": {"intent": None}},
        {"answer": answer},
        {"answer": answer, "labels": {"intent": "spam"}, "wrong": ["intent"]},
        {"answer": other, "labels": {"intent": "outage"}, "text": TEXT},
        {"answer": answer, "labels": {"intent": "refund"}, "text": "x" * 20_001},
        fine,
    )
    codes = [item.get("error", {}).get("code") for item in result["results"]]
    assert codes == [
        "answer_invalid", "head_unknown", "label_unknown", "label_unknown", "head_unknown", "head_unknown",
        "text_differs", "text_too_long", None,
    ]  # fmt: skip
    assert "private words" not in str(result)
    assert result["summary"] == {"total": 9, "new": 1, "known": 0, "failed": 8}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "invalid_json"),
        (b"[]", 422, "invalid_request"),
        (b'{"feedback": []}', 422, "invalid_request"),
        (b'{"feedback": [{"answer": "x", "labels": {"intent": 3}}]}', 422, "invalid_request"),
        (b'{"feedback": [{"answer": "x", "time": "2026-01-01T00:00:00"}]}', 422, "invalid_request"),
        (b'{"feedback": [{"answer": "x", "time": "0001-01-01T00:00:00+14:00"}]}', 422, "invalid_request"),
        (b'{"feedback": [{"answer": "x", "time": "9999-12-31T23:59:59.999999Z"}]}', 422, "invalid_request"),
        (b'{"feedback": [{"answer": "x", "time": "1969-12-31T23:59:59Z"}]}', 422, "invalid_request"),
        (b'{"answer": "x", "texxt": "a secret"}', 422, "invalid_request"),
        (b'{"feedback": [' + b", ".join([b'{"answer": "x"}'] * 1001) + b"]}", 413, "too_many_posts"),
    ],
)
def test_a_bad_request_is_refused_whole_and_never_repeated(client: Client, body: bytes, status: int, code: str) -> None:
    response = client.post("/feedback", content=body, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert "a secret" not in response.text


def test_an_answer_of_a_model_before_the_restart_is_known(bundle: Bundle, location: str) -> None:
    with serving_app(bundle, feedback=location) as before:
        [answer] = asked(before, TEXT)
    other = replace(bundle, manifest=bundle.manifest.model_copy(update={"version": bundle.manifest.version + 1}))
    with serving_app(other, feedback=location) as after:
        assert sent(after, {"answer": answer, "labels": {"intent": "spam"}})["summary"]["new"] == 1
    with serving_app(other, feedback=f"{location}.new") as elsewhere:
        [refused] = sent(elsewhere, {"answer": answer, "labels": {"intent": "spam"}})["results"]
        assert refused["error"]["code"] == "model_unknown"


def test_a_store_that_fails_makes_feedback_wait_and_no_answer(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("in the way")
    with serving_app(bundle, feedback=str(tmp_path / "folder" / "feedback.db"), store_text=True) as client:
        [answer] = asked(client, TEXT)
        refused = client.post("/feedback", json={"answer": answer, "labels": {"intent": "spam"}})
        assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
        assert int(refused.headers["Retry-After"]) > 0
        assert "triage_posts_not_kept_total 1.0" in client.get("/metrics").text
        (tmp_path / "folder").unlink()
        (tmp_path / "folder").mkdir()
        assert sent(client, {"answer": answer, "labels": {"intent": "spam"}})["summary"]["new"] == 1


def test_a_locked_store_is_waited_for(client: Client, location: str) -> None:
    [answer] = asked(client, TEXT)
    blocker = sqlite3.connect(location, isolation_level=None, check_same_thread=False)
    blocker.execute("BEGIN IMMEDIATE")
    release = Timer(0.3, blocker.execute, ("COMMIT",))
    release.start()
    assert sent(client, {"answer": answer, "labels": {"intent": "spam"}})["summary"]["new"] == 1
    release.join()
    blocker.close()


def test_an_answer_does_not_wait_for_long_for_a_store_that_hangs(keeping: Client, location: str) -> None:
    asked(keeping, "the tables are made by now")
    with blocked(location):
        asked(keeping, TEXT)  # while nothing can be stored
        assert keeping.get("/livez").status_code == 200
    until(lambda: keeping.get("/review").json()["open"] == 2)


def test_a_store_that_hangs_is_not_waited_for_longer_than_a_request_may_take(bundle: Bundle, location: str) -> None:
    with serving_app(bundle, feedback=location, timeout_seconds=0.3) as client:
        [answer] = asked(client, TEXT)
        sent(client, {"answer": answer, "wrong": ["intent"]})
        with blocked(location):
            response = client.post("/feedback", json={"answer": answer, "wrong": ["urgency"]})
        assert (response.status_code, response.json()["code"]) == (503, "store_unavailable")
        until(lambda: client.post("/feedback", json={"answer": answer, "wrong": ["urgency"]}).status_code == 200)


def test_bodies_that_wait_for_the_store_count_as_held(bundle: Bundle, location: str) -> None:
    with serving_app(bundle, feedback=location, max_queued_bytes=6000, max_body_bytes=5000) as client:
        [answer] = asked(client, TEXT)
        body = {"answer": answer, "wrong": ["intent"], "reviewer": "ana"}
        sent(client, body)
        padded = json.dumps(body).encode() + b" " * 4000
        headers = {"Content-Type": "application/json"}

        def insisting() -> int:
            """Past requests below that were there first."""
            while (status := client.post("/feedback", content=padded, headers=headers).status_code) == 429:
                pass
            return status

        with ThreadPoolExecutor(1) as thread:
            with blocked(location):
                waiting = thread.submit(insisting)
                question = b'{"text": "my order"}' + b" " * 4000
                until(lambda: client.post("/classify", content=question, headers=headers).status_code == 429)
            assert waiting.result() == 200


def test_posts_whose_time_is_over_are_deleted_also_where_none_are_kept_any_more(bundle: Bundle, location: str) -> None:
    with serving_app(bundle, feedback=location, store_text=True) as client:
        asked(client, TEXT)
    with closing(sqlite3.connect(location)) as database:
        assert database.execute("UPDATE posts SET time = 0").rowcount == 1
        columns = "text, text_hash, model, result, time, usefulness, kind, labels, claimed_by, claimed_until"
        for number in range(2000):  # more than are deleted together
            database.execute(f"INSERT INTO posts SELECT 'a{number}', {columns} FROM posts LIMIT 1")  # noqa: S608  # a test's own
        database.commit()
    with serving_app(bundle, feedback=location), closing(sqlite3.connect(location)) as database:
        until(lambda: database.execute("SELECT count(*) FROM posts").fetchone() == (0,))


def test_without_feedback_answers_have_no_id(bundle: Bundle) -> None:
    with serving_app(bundle, feedback="off") as client:
        [result] = client.post("/classify", json={"text": TEXT}).json()["results"]
        assert "answer" not in result
        refused = client.post("/feedback", json={"answer": "x", "labels": {"intent": "spam"}})
        assert (refused.status_code, refused.json()["code"]) == (404, "feedback_off")
        assert client.get("/model").json()["feedback"] == {"on": False, "store_text": False}


def test_the_lines_of_a_stream_have_ids_too(client: Client) -> None:
    lines = client.post(
        "/classify", content=b'{"text": "my order"}\nnonsense\n', headers={"Content-Type": "application/x-ndjson"}
    ).text.splitlines()
    assert '"answer": "' in lines[0]
    assert '"answer"' not in lines[1]


def test_metrics_count_what_people_found(client: Client) -> None:
    [answer] = asked(client, TEXT)
    said = client.post("/classify", json={"text": TEXT}).json()["results"][0]["labels"]
    judged = {"answer": answer, "labels": {"intent": said["intent"]["label"]}, "wrong": ["urgency"]}
    sent(client, judged, judged)
    metrics = client.get("/metrics").text
    assert 'triage_feedback_total{head="intent",verdict="right"} 1.0' in metrics
    assert 'triage_feedback_total{head="urgency",verdict="wrong"} 1.0' in metrics


def test_without_texts_there_is_no_review_list(client: Client) -> None:
    for response in (client.get("/review"), client.post("/review/claims", json={"reviewer": "ana"})):
        assert (response.status_code, response.json()["code"]) == (404, "text_not_stored")


def test_posts_for_people_are_listed_claimed_and_settled(keeping: Client) -> None:
    asked(keeping, TEXT, "site is down again", "help")
    listed = keeping.get("/review").json()
    ReviewResponse.model_validate(listed)
    assert listed["open"] == 3
    assert "my order is late, call [number]" in [post["text"] for post in listed["posts"]]
    first = listed["posts"][0]
    assert first["labels"]["intent"]["alternatives"]
    assert first["route"]["action"] == "review"
    claimed = keeping.post("/review/claims", json={"reviewer": "ana", "count": 2}).json()
    assert [post["claimed_by"] for post in claimed["posts"]] == ["ana", "ana"]
    assert len(keeping.post("/review/claims", json={"reviewer": "bob", "count": 9}).json()["posts"]) == 1
    mine = claimed["posts"][0]["answer"]
    assert keeping.post("/review/claims", json={"reviewer": "bob", "answers": [mine]}).json()["posts"] == []
    sent(keeping, {"answer": mine, "labels": {"intent": "outage"}, "reviewer": "ana"})
    after = keeping.get("/review").json()
    assert (after["open"], after["claimed"]) == (2, 2)
    assert mine not in [post["answer"] for post in after["posts"]]
    other = claimed["posts"][1]["answer"]
    assert keeping.post("/review/releases", json={"reviewer": "ana", "answers": [other]}).json()["released"] == 1


def test_the_list_is_asked_by_label(keeping: Client) -> None:
    asked(keeping, TEXT, "site is down again", "help")
    label = keeping.get("/review").json()["posts"][0]["labels"]["urgency"]["label"]
    found = keeping.get("/review", params={"urgency": label}).json()["posts"]
    assert found
    assert {post["labels"]["urgency"]["label"] for post in found} == {label}


def test_posts_that_wait_are_told_with_the_heads_of_the_model_that_answered_them(
    keeping: Client, location: str
) -> None:
    asked(keeping, "help")
    answer = earlier.leave_post(location)
    claim = {"reviewer": "ana", "labels": {"mood": "glad"}}
    listed = keeping.get("/review", params={"mood": "glad"}).json()
    claimed = keeping.post("/review/claims", json=claim).json()
    for found in (listed, claimed):
        [post] = ReviewResponse.model_validate(found).posts
        assert (post.answer, post.model.name) == (answer, "earlier")
        assert found["models"].keys() > {post.model_key}  # that of the other post too
        assert found["models"][post.model_key]["heads"] == [
            {"name": "intent", "labels": ["thanks", "refund"], "optional": False},
            {"name": "mood", "labels": ["glad", "sad"], "optional": True},
            {"name": "department", "labels": ["gifts", "support"], "optional": False},
        ]
    sent(keeping, {"answer": answer, "labels": {"intent": "thanks", "mood": None}})
    after = keeping.get("/review", params={"mood": "glad"}).json()
    assert after["posts"] == []
    [model] = after["models"].values()
    assert [head["name"] for head in model["heads"]] == ["intent", "urgency", "department"]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=x",
        "limit=1000",
        "limit=0000000501234",
        f"limit={'1' * 5000}",
        "mood=bad",
        "intent=none%20such",
    ],
)
def test_a_query_that_says_nothing_is_refused(keeping: Client, query: str) -> None:
    assert keeping.get(f"/review?{query}").status_code == 422


def test_corrections_carry_the_text_that_was_kept(keeping: Client, location: str) -> None:
    [answer] = asked(keeping, TEXT)
    sent(keeping, {"answer": answer, "labels": {"intent": "refund"}})
    assert [row["text"] for row in rows(location)] == ["my order is late, call [number]"]


def test_posts_are_kept_for_all_who_ask_at_the_same_time(keeping: Client, location: str) -> None:
    with ThreadPoolExecutor(8) as threads:
        ids = [*threads.map(lambda number: asked(keeping, f"help {number}", f"order {number}"), range(20))]
    with connect(location).connect() as connection:
        kept = {row[0] for row in connection.exec_driver_sql("SELECT answer FROM posts")}
    assert kept == {answer for pair in ids for answer in pair}
