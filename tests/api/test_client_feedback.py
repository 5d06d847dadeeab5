"""Feedback and review through the client."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from api.client import Correction, NotStored, RefusedError, Stored
from data.errors import DataError
from data.feedback.store import FeedbackStore
from tests.api.clients import Ask
from tests.api.conftest import Serving
from tests.api.scripted import Asked, Handler, answers, labelled, scripted, sends

SECRET = "xyzzy-plugh-4711"
HALF_AN_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"
STORED = {"index": 0, "status": "ok", "id": "c-1", "stored": "new"}
CORRECTION: dict[str, Any] = {"answer": "a-1", "labels": {"intent": "refund"}}
FAILED = {"index": 1, "status": "error", "error": {"code": "head_unknown", "message": "no such head"}}
POST = {
    **{name: labelled(0, {"text": "late"})[name] for name in ("labels", "route")},
    "answer": "a-1",
    "text": "late",
    "time": "2026-11-23T10:00:00Z",
    "usefulness": 0.83,
    "model": {"name": "m", "version": "1", "taxonomy": "t", "policy": "p", "precision": "int8"},
    "model_key": "k",
    "claimed_by": "ana",
    "claimed_until": "2026-11-23T10:15:00Z",
}
HEAD = {"name": "intent", "labels": ["late", "refund"], "optional": True}
LIST = {"request_id": "r", "posts": [POST], "models": {"k": {"heads": [HEAD]}}, "open": 41, "claimed": 3}


def test_a_correction_is_stored_once(ask: Ask, client: httpx.Client) -> None:
    url = str(client.base_url)
    answered = ask(url, lambda triage: triage.classify("site is down again"))
    correction = Correction(answer=answered.answer, labels={"intent": "refund", "department": None}, reviewer="ana")
    wrong = {"answer": answered.answer, "labels": {"mood": "sad"}}
    [stored, refused] = ask(url, lambda triage: triage.feedback([correction, wrong]))
    assert (stored.index, stored.id, stored.stored) == (0, correction.id, "new")
    assert (refused.index, refused.error.code) == (1, "head_unknown")
    [again] = ask(url, lambda triage: triage.feedback([correction]))
    assert (again.id, again.stored) == (correction.id, "known")


def test_posts_are_reviewed(ask: Ask, serving: Serving) -> None:
    with serving(store_text=True) as client:
        url = str(client.base_url)
        texts = [f"{one} {other}" for one in ("refund", "site", "win", "help") for other in ("late", "down", "cash")]
        answers = ask(url, lambda triage: triage.classify_many(texts))
        unsure = {result.answer for result in answers if result.route.action == "review"}
        listed = ask(url, lambda triage: triage.review(100))
        assert {post.answer for post in listed.posts} == unsure != set()
        label = listed.posts[0].labels["intent"].label
        assert all(
            post.labels["intent"].label == label
            for post in ask(url, lambda triage: triage.review(100, {"intent": label})).posts
        )
        [claimed] = ask(url, lambda triage: triage.claim("ana", count=1)).posts
        assert claimed.claimed_by == "ana"
        assert ask(url, lambda triage: triage.claim("bob", answers=[claimed.answer])).posts == []
        assert ask(url, lambda triage: triage.release("ana", [claimed.answer])) == 1
        ask(url, lambda triage: triage.feedback([{"answer": claimed.answer, "labels": {"intent": label}}]))
        assert ask(url, lambda triage: triage.review()).open == len(unsure) - 1


def test_a_service_without_feedback_says_so(ask: Ask, serving: Serving) -> None:
    with serving(feedback="off") as client:
        url = str(client.base_url)
        assert ask(url, lambda triage: triage.classify("late")).answer is None
        with pytest.raises(RefusedError, match="feedback_off") as raised:
            ask(url, lambda triage: triage.feedback([{"answer": "a", "wrong": ["intent"]}]))
        assert raised.value.status == 404
        with pytest.raises(RefusedError, match="feedback_off"):
            ask(url, lambda triage: triage.review())


def test_each_correction_gets_its_own_outcome(ask: Ask) -> None:
    given = [
        {"answer": "a-1", "labels": {"intent": "refund", "department": None}, "id": "c-1"},
        Correction(answer="a-2", wrong=["urgency"], reviewer="ana", saw_answer=True),
    ]
    with scripted([answers({"results": [STORED, FAILED]})], "/feedback") as service:
        found = ask(service.url, lambda triage: triage.feedback(given))
    assert isinstance(found[0], Stored)
    assert isinstance(found[1], NotStored)
    assert found[1].error.code == "head_unknown"
    first, second = service.asked[-1].body["feedback"]
    assert first == given[0]
    assert second.pop("id")
    assert second == {"answer": "a-2", "wrong": ["urgency"], "reviewer": "ana", "saw_answer": True}


@pytest.mark.parametrize("given", [CORRECTION, Correction(**CORRECTION)], ids=["mapping", "correction"])
def test_it_is_sent_again_as_it_was(ask: Ask, given: Any) -> None:
    with scripted([sends(HALF_AN_ANSWER), answers({"results": [STORED]})], "/feedback") as service:
        ask(service.url, lambda triage: triage.feedback([given]))
    first, second = (asked.body["feedback"] for asked in service.asked if asked.path == "/feedback")
    assert first == second
    assert first[0].get("id") == (given.id if isinstance(given, Correction) else None)


class Breaking(httpx.AsyncHTTPTransport):
    """A way to the service on which some of the answers to feedback are lost, and in their stead something happens."""

    def __init__(self, happens: Callable[[], httpx.Response], *lost: int) -> None:
        super().__init__()
        self._happens = happens
        self._lost = lost
        self._sent = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await super().handle_async_request(request)
        if request.url.path != "/feedback":
            return answer
        self._sent += 1
        return self._happens() if self._sent in self._lost else answer


def breaks() -> httpx.Response:
    raise httpx.ReadError("")


def test_a_call_that_failed_half_way_is_repeated_without_doubles(ask: Ask, client: httpx.Client) -> None:
    url = str(client.base_url)
    answered = ask(url, lambda triage: triage.classify_many([f"site is down {number}" for number in range(45)]))
    given = [{"answer": each.answer, "labels": {"intent": "refund"}, "reviewer": "ana"} for each in answered]
    with pytest.raises(RefusedError):
        ask(url, lambda triage: triage.feedback(given), transport=Breaking(lambda: httpx.Response(500), 2))
    stored = [each.stored for each in ask(url, lambda triage: triage.feedback(given))]
    # Its requests hold 20; of the second the answer was lost, the third was never sent.
    assert stored == ["known"] * 40 + ["new"] * 5


def test_no_order_of_what_is_said_of_one_answer_is_doubled_by_a_lost_one(
    ask: Ask, serving: Serving, tmp_path: Path
) -> None:
    """Each answer is lost once, when all of its request is stored."""
    location = str(tmp_path / "feedback.db")
    with serving(feedback=location) as client:
        url = str(client.base_url)
        answered = ask(url, lambda triage: triage.classify_many(["late", "down", "cash"]))
        first, second, third = (
            [{"answer": each.answer, "labels": {"intent": intent}} for intent in ("refund", "outage", "refund")]
            for each in answered
        )
        given = [*first, second[0], Correction(**second[1]), second[2], Correction(**third[0]), third[1]]
        found = ask(url, lambda triage: triage.feedback(given), transport=Breaking(breaks, *range(1, 20, 2)))
    assert [each.stored for each in found] == ["known"] * len(given)
    store = FeedbackStore.open(location)
    assert store.count() == len(given)
    store.close()


def test_only_what_has_no_id_needs_a_request_of_its_own(ask: Ask) -> None:
    def store(handler: Handler, asked: Asked) -> None:
        results = [{**STORED, "index": index} for index, _ in enumerate(asked.body["feedback"])]
        handler.answer(json.dumps({"results": results}).encode())

    given = [
        *({"answer": f"{number}", "wrong": ["intent"]} for number in range(100)),
        *(Correction(answer="a", wrong=["intent"]) for _ in range(20)),
        {"answer": "a", "wrong": ["intent"]},
    ]
    with scripted([store] * 2, "/feedback") as service:
        assert len(ask(service.url, lambda triage: triage.feedback(given))) == len(given)
    assert [len(asked.body["feedback"]) for asked in service.asked if asked.path == "/feedback"] == [120, 1]


def test_many_are_sent_in_several_requests(ask: Ask) -> None:
    def store(handler: Handler, asked: Asked) -> None:
        results = [
            {"index": index, "status": "ok", "id": item["id"], "stored": "new"}
            for index, item in enumerate(asked.body["feedback"])
        ]
        handler.answer(json.dumps({"results": results}).encode())

    given = [{"answer": "a", "wrong": ["intent"], "id": str(number)} for number in range(600)]
    with scripted([store] * 5, "/feedback") as service:
        found = ask(service.url, lambda triage: triage.feedback(given))
    assert [(item.index, item.id) for item in found] == [(number, str(number)) for number in range(600)]
    assert len([asked for asked in service.asked if asked.path == "/feedback"]) == 5


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ({"answer": "a", "lables": {}}, "lables: Extra inputs"),
        ({"labels": {}}, "answer: Field required"),
        ({"answer": SECRET, "text": 7}, "text: Input should be a valid string"),
    ],
)
def test_what_is_no_correction_is_told_before_any_is_sent(ask: Ask, bad: dict[str, Any], told: str) -> None:
    with scripted() as service, pytest.raises(DataError, match=told) as raised:
        ask(service.url, lambda triage: triage.feedback([{"answer": "a", "wrong": ["intent"]}, bad]))
    assert service.asked == []
    assert SECRET not in str(raised.value)


def test_posts_are_listed(ask: Ask) -> None:
    with scripted([answers(LIST)], "/review") as service:
        found = ask(service.url, lambda triage: triage.review(5, {"intent": "refund"}))
    assert service.asked[0].path == "/review?limit=5&intent=refund"
    assert (found.open, found.claimed) == (41, 3)
    [post] = found.posts
    assert (post.answer, post.claimed_by, post.labels["intent"].label) == ("a-1", "ana", "late")
    [head] = found.models[post.model_key].heads
    assert (head.name, head.labels, head.optional) == ("intent", ["late", "refund"], True)
    assert (post.time, post.claimed_until) == ("2026-11-23T10:00:00Z", "2026-11-23T10:15:00Z")


@pytest.mark.parametrize("wanted", [{"count": 10}, {"answers": ["a-1"]}])
def test_posts_are_claimed(ask: Ask, wanted: dict[str, Any]) -> None:
    with scripted([answers(LIST)], "/review/claims") as service:
        found = ask(service.url, lambda triage: triage.claim("ana", **wanted))
    assert service.asked[0].body == {"reviewer": "ana", **wanted}
    assert found.posts[0].text == "late"


def test_posts_are_given_back(ask: Ask) -> None:
    with scripted([answers({"request_id": "r", "released": 1})], "/review/releases") as service:
        assert ask(service.url, lambda triage: triage.release("ana", ["a-1"])) == 1
    assert service.asked[0].body == {"reviewer": "ana", "answers": ["a-1"]}


def test_a_correction_has_an_id_that_the_service_takes() -> None:
    for bad in ("", "a b!", "x" * 129):
        with pytest.raises(ValidationError, match="pattern"):
            Correction(answer="a", wrong=["intent"], id=bad)


def test_a_correction_takes_a_time_as_python_has_it() -> None:
    correction = Correction(answer="a", wrong=["intent"], time=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert '"time":"2026-01-02T03:04:05Z"' in correction.model_dump_json()
    with pytest.raises(ValidationError, match="timezone"):
        Correction(answer="a", wrong=["intent"], time=datetime(2026, 1, 2))  # noqa: DTZ001  # which is what is wrong
