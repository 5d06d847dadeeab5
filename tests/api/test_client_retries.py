"""What the client does about refusals, cut connections, garbage and silence."""

import json
import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from api.client import Answered, Client, RefusedError, ServiceError, UnreachableError
from api.client.errors import read_retry_after
from tests.api.clients import Ask
from tests.api.scripted import Asked, Handler, Step, answers, labelled, refuses, scripted, sends

SECRET = "xyzzy-plugh-4711"
PATIENCE = 30.0
HALF_AN_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"


def classify(triage: Any) -> Any:
    return triage.classify(SECRET)


def hangs(hung_up: threading.Event) -> Step:
    """Answer nothing, and tell when the client has hung up."""

    def hang(handler: Handler, asked: Asked) -> None:
        handler.connection.settimeout(PATIENCE)
        if handler.connection.recv(1) == b"":
            hung_up.set()
        handler.close_connection = True

    return hang


@pytest.mark.parametrize(
    "step",
    [
        refuses(429, "queue_full"),
        refuses(503, "loading", Retry_After="0"),
        refuses(502),
        refuses(504, "timeout"),
        sends(b""),
        sends(b"what is this\r\n\r\n"),
        sends(HALF_AN_ANSWER),
    ],
    ids=["429", "503", "502", "504", "cut", "no-http", "half"],
)
def test_what_may_pass_is_tried_again(ask: Ask, step: Step) -> None:
    with scripted([step, step, step]) as service:
        found = ask(service.url, classify)
    assert isinstance(found, Answered)
    first, *others = service.classified()
    assert len(others) == 3
    assert all(asked.body == first.body for asked in others)


@pytest.mark.parametrize("status", [400, 401, 404, 408, 413, 421, 422, 500, 301])
def test_what_will_not_pass_is_raised_at_once(ask: Ask, status: int) -> None:
    with scripted([refuses(status, "some_code")]) as service, pytest.raises(RefusedError) as raised:
        ask(service.url, classify)
    assert len(service.asked) == 1
    error = raised.value
    assert (error.status, error.code, error.detail, error.request_id) == (status, "some_code", "not now", "r-1")
    assert (error.limit, error.value) == (7, 8)


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_waited_for(ask: Ask, status: int) -> None:
    with scripted([refuses(status, "some_code", Retry_After="1")]) as service:
        began = time.monotonic()
        ask(service.url, classify)
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize("status", [429, 503])
def test_what_asks_for_more_patience_than_there_is_is_raised(ask: Ask, status: int) -> None:
    with scripted([refuses(status, "some_code", Retry_After="31")]) as service, pytest.raises(RefusedError) as raised:
        ask(service.url, classify, patience=30)
    assert len(service.asked) == 1
    assert raised.value.retry_after == 31


def test_the_last_problem_is_raised_when_patience_ends(ask: Ask) -> None:
    began = time.monotonic()
    with scripted([sends(b""), sends(b"")], otherwise=refuses(503)) as service, pytest.raises(RefusedError) as raised:
        ask(service.url, classify, patience=1)
    assert time.monotonic() - began < PATIENCE
    assert len(service.asked) > 3
    assert (raised.value.status, raised.value.code) == (503, None)


def test_without_patience_there_is_one_attempt(ask: Ask) -> None:
    with scripted([sends(b"")]) as service, pytest.raises(UnreachableError, match="RemoteProtocolError"):
        ask(service.url, classify, patience=0)
    assert len(service.asked) == 1


def test_a_silent_service_is_given_up(ask: Ask) -> None:
    hung_up = threading.Event()
    with scripted([hangs(hung_up)]) as service:
        found = ask(service.url, classify, timeout=0.2)
        assert hung_up.wait(PATIENCE)
    assert isinstance(found, Answered)
    assert len(service.asked) == 2


def test_the_service_is_told_how_long_there_is(ask: Ask) -> None:
    with scripted([refuses(502), refuses(502)]) as service:
        ask(service.url, lambda triage: triage.classify("late", deadline=PATIENCE))
    told = [int(asked.headers["X-Deadline-Ms"]) for asked in service.asked]
    assert len(told) == 3
    assert told == sorted(told, reverse=True)
    assert 0 < told[-1] < told[0] <= 1000 * PATIENCE


def test_no_deadline_is_no_header(ask: Ask) -> None:
    with scripted() as service:
        ask(service.url, classify)
    assert "X-Deadline-Ms" not in service.asked[0].headers


def test_nothing_is_tried_beyond_a_deadline(ask: Ask) -> None:
    began = time.monotonic()
    with scripted(otherwise=refuses(504, "timeout")) as service, pytest.raises(RefusedError, match="timeout"):
        ask(service.url, lambda triage: triage.classify("late", deadline=0.5))
    assert time.monotonic() - began < PATIENCE
    assert service.asked


def test_a_silent_service_is_given_up_at_the_deadline(ask: Ask) -> None:
    with (
        scripted(otherwise=hangs(threading.Event())) as service,
        pytest.raises(UnreachableError, match="no answer within"),
    ):
        ask(service.url, lambda triage: triage.classify("late", deadline=0.2), timeout=10 * PATIENCE)


@pytest.mark.parametrize("step", [refuses(503, "loading"), hangs(threading.Event())], ids=["loading", "silent"])
def test_a_deadline_holds_for_the_question_what_a_request_may_hold(ask: Ask, step: Step) -> None:
    began = time.monotonic()
    with scripted(otherwise=step) as service, pytest.raises(ServiceError):
        ask(service.url, lambda triage: triage.classify_many(["late"], deadline=0.5), patience=20, timeout=4)
    assert time.monotonic() - began < 3
    assert {asked.path for asked in service.asked} == {"/model"}


def test_a_deadline_counts_the_time_that_the_posts_took_to_be_read(ask: Ask) -> None:
    def posts() -> Iterator[str]:
        time.sleep(0.2)
        yield "late"

    with scripted() as service:
        ask(service.url, lambda triage: triage.classify_many(posts(), deadline=PATIENCE))
    [asked] = service.classified()
    assert 0 < int(asked.headers["X-Deadline-Ms"]) <= 1000 * (PATIENCE - 0.2)


NO_ANSWERS = [
    (b"", "no answer of a triage service"),
    (b"<html>" + SECRET.encode(), "no answer of a triage service"),
    (json.dumps({"results": [{"index": 0, "status": SECRET}]}).encode(), "see results.0"),
    (json.dumps({"results": []}).encode(), "another number of results"),
    (json.dumps({"results": [labelled(0, {"text": SECRET})] * 2}).encode(), "another number of results"),
]


@pytest.mark.parametrize(("content", "told"), NO_ANSWERS)
def test_what_is_no_answer_is_told_without_repeating_it(ask: Ask, content: bytes, told: str) -> None:
    with (
        scripted([lambda handler, asked: handler.answer(content)]) as service,
        pytest.raises(UnreachableError, match=told) as raised,
    ):
        ask(service.url, classify)
    assert SECRET not in str(raised.value)
    assert len(service.asked) == 1


def test_what_is_no_http_is_not_repeated(ask: Ask) -> None:
    with (
        scripted([sends(SECRET.encode() + b"\r\n\r\n")]) as service,
        pytest.raises(UnreachableError, match=r"the connection failed \(RemoteProtocolError\)$") as raised,
    ):
        ask(service.url, classify, patience=0)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize("content", [SECRET, json.dumps({"detail": SECRET}), json.dumps([SECRET]), "\xff"])
def test_what_is_no_problem_document_is_not_repeated(ask: Ask, content: str) -> None:
    step: Step = lambda handler, asked: handler.answer(content.encode("latin-1"), 403)  # noqa: E731  # a step
    with scripted([step]) as service, pytest.raises(RefusedError, match=r"^refused \(403\): no problem") as raised:
        ask(service.url, classify)
    assert raised.value.code is None


def test_a_newer_service_is_understood(ask: Ask) -> None:
    """Fields and codes may be added."""
    failed = {"index": 1, "status": "error", "error": {"code": "too_rude", "message": "", "hint": 1}, "new": []}
    newer = {**labelled(0, {"text": "late"}), "warnings": ["too_polite"], "new": {"field": 1}}
    with scripted([answers({"results": [newer, failed], "new": 1})]) as service:
        found, other = ask(service.url, lambda triage: triage.classify_many(["late", "late"]))
    assert (found.warnings, found.answer) == (["too_polite"], "answer-late")
    assert other.error.code == "too_rude"


def test_limits_are_asked_for_once() -> None:
    with scripted() as service, Client(service.url) as triage:
        for _ in range(3):
            triage.classify_many(["late"])
            list(triage.stream(["late"]))
    assert [asked.path for asked in service.asked].count("/model") == 1


def test_limits_are_asked_for_again_once(ask: Ask) -> None:
    """Where a request is too much; what is too much all the same is raised."""
    step = refuses(413, "too_many_posts")
    with scripted([step] * 2) as service, pytest.raises(RefusedError, match="too_many_posts"):
        ask(service.url, lambda triage: triage.classify_many(["late"]))
    assert [asked.path for asked in service.asked] == ["/model", "/classify"] * 2


def test_an_interrupted_caller_ends_its_request() -> None:
    """Ctrl-C, while the service takes its time."""
    hung_up = threading.Event()

    def interrupt(handler: Handler, asked: Asked) -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        hangs(hung_up)(handler, asked)

    # What was started in the background may have been told to ignore it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with scripted([interrupt]) as service, Client(service.url) as triage:
            with pytest.raises(KeyboardInterrupt):
                triage.classify("late")
            assert hung_up.wait(PATIENCE)
            assert isinstance(triage.classify("late"), Answered)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        *[("7", 7), (" 7 ", 7), ("0", 0), ("", None), ("soon", None), ("-1", None), ("1.5", None), ("9" * 400, None)],
        *[(f"Mon, 01 Jan {'9' * digits} 00:00:00 GMT", None) for digits in (5, 40)],
    ],
)
def test_retry_after_in_seconds(value: str, seconds: float | None) -> None:
    assert read_retry_after(value) == seconds


def test_retry_after_as_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    earlier = format_datetime(datetime.now(UTC) - timedelta(seconds=100), usegmt=True)
    assert 90 < (read_retry_after(later) or 0) <= 100
    assert read_retry_after(earlier) == 0
