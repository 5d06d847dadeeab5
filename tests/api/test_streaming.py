import gzip
import http.client
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import Any

import httpx
import pytest

from api.answers import Refused
from api.bodies import NDJSON
from api.problems import Code
from api.schemas import ItemErrorCode, PostIn, StreamEnd
from api.streaming import _LineReader
from model.bundle import Bundle
from tests.api.conftest import GatedBundle, Serving, serving_app, until

HEADERS = {"Content-Type": NDJSON}


def lines_of(answer: httpx.Response) -> list[dict[str, Any]]:
    assert (answer.status_code, answer.headers["content-type"]) == (200, NDJSON), answer.text
    assert answer.text.endswith("\n")
    return [json.loads(line) for line in answer.text.splitlines()]


def stream(client: httpx.Client, body: bytes | Iterator[bytes], **options: Any) -> list[dict[str, Any]]:
    return lines_of(client.post("/classify", content=body, headers=HEADERS, params=options))


def body_of(texts: list[str]) -> bytes:
    return "".join(json.dumps({"text": text, "id": f"t-{n}"}) + "\n" for n, text in enumerate(texts)).encode()


def test_each_line_gets_a_result_in_order_and_a_summary_ends_it(client: httpx.Client) -> None:
    texts = [["site is down again", "refund please", "win cash now"][n % 3] + " late" * (n % 11) for n in range(500)]
    *results, end = stream(client, body_of(texts))
    assert [(result["index"], result["id"]) for result in results] == [(n, f"t-{n}") for n in range(500)]
    StreamEnd.model_validate(end)
    assert (end["summary"]["total"], end["summary"]["ok"], end["summary"]["failed"]) == (500, 500, 0)
    for index in (0, 1, 2, 250, 499):
        alone = client.post("/classify", json={"text": texts[index]}).json()["results"][0]
        assert results[index]["route"] == alone["route"]
        for head, answer in alone["labels"].items():
            assert results[index]["labels"][head]["label"] == answer["label"]
            assert results[index]["labels"][head]["confidence"] == pytest.approx(answer["confidence"], abs=1.5e-6)


def test_a_bad_line_fails_alone(client: httpx.Client) -> None:
    body = b'{"text": "site is down"}\nnot json\n\n{"txt": 1}\n[]\n\xff\n{"text": ""}\r\n{"text": "refund please"}'
    *results, end = stream(client, body)
    codes = [result.get("error", {}).get("code") for result in results]
    assert codes == [None, *["invalid_line"] * 4, "text_empty", None]
    assert end["summary"]["failed"] == 5


def test_bad_lines_are_counted(serving: Serving) -> None:
    with serving() as client:
        stream(client, b'{"text": "late"}\nnot json\n{"text": ""}\n')
        lines = client.get("/metrics").text.splitlines()
    assert 'triage_posts_total{status="ok"} 1.0' in lines
    assert 'triage_posts_total{status="error"} 2.0' in lines
    assert 'triage_post_errors_total{code="invalid_line"} 1.0' in lines
    assert 'triage_post_errors_total{code="text_empty"} 1.0' in lines


def test_options_stand_in_the_url(client: httpx.Client) -> None:
    [result, _] = stream(client, b'{"text": "site is down"}', top_k=2, heads=["urgency", "intent"])
    assert sorted(result["labels"]) == ["intent", "urgency"]
    assert len(result["labels"]["intent"]["alternatives"]) == 2


@pytest.mark.parametrize("options", [{"top_k": "x"}, {"top_k": 11}, {"heads": "mood"}, {"topk": 1}])
def test_wrong_options_are_refused_before_anything_is_answered(client: httpx.Client, options: dict[str, Any]) -> None:
    answer = client.post("/classify", content=b"{}", headers=HEADERS, params=options)
    assert (answer.status_code, answer.json()["code"]) == (422, Code.INVALID_REQUEST)


def test_an_empty_stream_is_answered_by_its_summary(client: httpx.Client) -> None:
    [end] = stream(client, b"")
    assert end["summary"]["total"] == 0


def test_answers_come_while_the_request_is_still_sent(client: httpx.Client) -> None:
    with conversation(client) as (send, answers):
        for text, intent in (("site is down", "outage"), ("refund please", "refund"), ("win cash now", "spam")):
            send(json.dumps({"text": text}).encode() + b"\n")
            assert next(answers)["labels"]["intent"]["label"] == intent
        send(b"")
        [end] = answers
    assert end["summary"]["total"] == 3


def test_a_packed_stream_is_unpacked(client: httpx.Client) -> None:
    packed = gzip.compress(body_of(["site is down"] * 100)) + gzip.compress(body_of(["refund"]))
    headers = HEADERS | {"Content-Encoding": "gzip"}
    *results, end = lines_of(client.post("/classify", content=packed, headers=headers))
    assert end["summary"]["ok"] == len(results) == 101


def test_a_stream_that_breaks_off_says_so_after_what_it_answered(client: httpx.Client) -> None:
    packed = gzip.compress(body_of(["site is down"] * 100))[:-4]
    headers = HEADERS | {"Content-Encoding": "gzip"}
    *results, problem = lines_of(client.post("/classify", content=packed, headers=headers))
    assert [result["status"] for result in results] == ["ok"] * 100
    assert problem["code"] == Code.INVALID_ENCODING
    assert "summary" not in problem


def test_a_stream_that_falls_silent_is_ended(serving: Serving) -> None:
    with serving(client_seconds=0.5) as client, conversation(client) as (send, answers):
        send(b'{"text": "site is down"}\n')
        result, problem = answers
    assert result["status"] == "ok"
    assert problem["code"] == Code.CLIENT_TOO_SLOW


def test_a_stream_that_drips_is_ended(serving: Serving) -> None:
    ended = threading.Event()
    with serving(client_seconds=0.5) as client, conversation(client) as (send, answers):

        def drip() -> None:
            with suppress(OSError):  # the service hangs up
                while not ended.wait(0.05):
                    send(b" ")

        dripping = threading.Thread(target=drip)
        dripping.start()
        [problem] = answers
        ended.set()
        dripping.join()
    assert problem["code"] == Code.CLIENT_TOO_SLOW


def test_empty_lines_keep_a_stream_open(serving: Serving) -> None:
    with serving(client_seconds=0.5) as client, conversation(client) as (send, answers):
        began = time.monotonic()
        while time.monotonic() - began < 1.5:
            send(b"\n")
            time.sleep(0.05)
        send(b'{"text": "site is down"}\n')
        assert next(answers)["status"] == "ok"


def test_a_deadline_ends_a_stream(client: httpx.Client) -> None:
    with conversation(client, {"X-Deadline-Ms": "500"}) as (send, answers):
        send(b'{"text": "site is down"}\n')
        *_, problem = answers
    assert problem["code"] == Code.TIMEOUT


def test_a_stream_is_told_when_the_service_drains(serving: Serving) -> None:
    with serving() as client, conversation(client) as (send, answers):
        send(b'{"text": "site is down"}\n')
        assert next(answers)["status"] == "ok"
        client.drain()
        [problem] = answers
    assert problem["code"] == Code.DRAINING


def test_lines_are_cut_wherever_the_parts_are() -> None:
    body = body_of(["late", "late again", "down"])
    for size in (1, 2, 7, len(body)):
        reader = _LineReader(limit=100)
        parts = [body[start : start + size] for start in range(0, len(body), size)]
        posts = [line for part in [*parts, b""] for chunk in reader.feed(part) for line in chunk.lines]
        assert [post.id for post in posts if isinstance(post, PostIn)] == ["t-0", "t-1", "t-2"]


def test_a_line_over_the_limit_is_not_kept() -> None:
    reader = _LineReader(limit=50)
    found = []
    for part in [b'{"text": "a"}\n{"text": "', *[b"x" * 40] * 1000, b'"}\n{"text": "b"}\n', b""]:
        found += [line for chunk in reader.feed(part) for line in chunk.lines]
        assert len(reader._rest) <= 50
    first, long, last = found
    assert isinstance(long, Refused)
    assert long.code is ItemErrorCode.LINE_TOO_LONG
    assert isinstance(first, PostIn)
    assert isinstance(last, PostIn)
    assert (first.text, last.text) == ("a", "b")


def counting_lines(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Those that are read from now on; none is good."""
    read: list[bytes] = []

    def refuse(line: bytes) -> Refused:
        read.append(line)
        return Refused(ItemErrorCode.INVALID_LINE, "it is bad")

    monkeypatch.setattr("api.streaming.parse_line", refuse)
    return read


def test_lines_are_read_when_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A little gzip can be very many lines: between any few of them others have their turn."""
    read = counting_lines(monkeypatch)
    chunks = _LineReader(limit=100).feed(b"1\n" * 10_000)
    assert len(next(chunks).lines) == len(read) == 64
    assert sum(len(chunk.lines) for chunk in chunks) == 10_000 - 64


def test_many_bad_lines_let_others_have_their_turn(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    read = counting_lines(monkeypatch)
    read_by_turn = [0]
    with serving() as client, conversation(client, {"Content-Encoding": "gzip"}) as (send, answers):

        def look() -> None:
            read_by_turn.append(len(read))
            client.loop.call_soon(look)

        client.loop.call_soon_threadsafe(look)
        send(gzip.compress(b"1\n" * 32_000))
        send(b"")
        end = list(answers)[-1]
    assert end["summary"]["failed"] == len(read) == 32_000
    assert max(after - before for before, after in itertools.pairwise(read_by_turn)) <= 2 * 64


def test_what_a_stream_has_read_and_not_answered_is_held(bundle: Bundle) -> None:
    gated = GatedBundle(bundle.path, bundle.manifest, bundle.taxonomy, bundle.policy)
    line = b'{"text": "%b"}\n' % (b"late " * 100)
    limits: dict[str, Any] = {"max_body_bytes": 100_000, "max_queued_bytes": 200_000, "max_queued_posts": 1000}
    with serving_app(gated, **limits, cached_posts=0) as client, conversation(client) as (send, answers):
        for _ in range(10):
            send(line * 64)  # more than may be held
        held = client.service.admission
        until(lambda: held.bytes > 60_000)
        assert held.bytes <= 100_000
        with conversation(client) as (send_other, other):  # waits, and is not refused
            send_other(line)
            gated.gate.set()
            assert next(other)["status"] == "ok"
            send_other(b"")
        send(b"")
        assert list(answers)[-1]["summary"]["ok"] == 640
        until(lambda: held.bytes == 0)


@contextmanager
def conversation(
    client: httpx.Client, headers: Mapping[str, str] = MappingProxyType({})
) -> Iterator[tuple[Callable[[bytes], None], Iterator[dict[str, Any]]]]:
    """A stream whose answers are read while it is sent, which httpx cannot do. An empty part ends it."""
    connection = http.client.HTTPConnection(client.base_url.host, client.base_url.port, timeout=30)
    try:
        connection.putrequest("POST", "/classify")
        for name, value in {**HEADERS, **headers, "Transfer-Encoding": "chunked"}.items():
            connection.putheader(name, value)
        connection.endheaders()

        def answers() -> Iterator[dict[str, Any]]:
            yield from map(json.loads, connection.getresponse())

        yield lambda part: connection.send(b"%x\r\n%b\r\n" % (len(part), part)), answers()
    finally:
        connection.close()
