"""The client against a real service."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from api import requests
from api.client import Answered, AsyncClient, Client, Failed, RefusedError, UnreachableError
from api.client.connection import DEADLINE
from api.keys import add_key
from data.errors import ConfigurationError, TriageError
from data.posts import Post
from tests.api.clients import Ask
from tests.api.conftest import Serving
from tests.api.scripted import LIMITS, scripted

HEAVY = ("fastapi", "starlette", "uvicorn", "onnxruntime", "numpy", "pyarrow", "torch")
SECRET = "xyzzy-plugh-4711"


@pytest.fixture
def url(client: httpx.Client) -> str:
    """Of the tiny bundle, served under small limits: 20 posts, 20,000 bytes, 1,000 characters."""
    return str(client.base_url)


def test_it_loads_nothing_of_the_service() -> None:
    code = f"import sys, api.client; print([name for name in {HEAVY} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "post",
    ["site is down again", {"text": "site is down again", "id": "t-1", "channel": "chat"}, Post("site is down again")],
    ids=["text", "mapping", "post"],
)
def test_a_post_is_labelled_as_over_plain_http(ask: Ask, client: httpx.Client, url: str, post: Any) -> None:
    found = ask(url, lambda triage: triage.classify(post, top_k=2, heads=["intent", "urgency"]))
    assert isinstance(found, Answered)
    options = {"top_k": 2, "heads": ["intent", "urgency"]}
    plain = client.post("/classify", json={"text": "site is down again", "options": options}).json()["results"][0]
    assert found.labels["intent"].label == plain["labels"]["intent"]["label"]
    assert list(found.labels) == ["intent", "urgency"]
    assert len(found.labels["intent"].alternatives) == 2
    assert found.id == (post["id"] if isinstance(post, dict) else None)


def test_posts_are_sent_in_as_many_requests_as_it_takes(ask: Ask, client: httpx.Client, url: str) -> None:
    """More posts than a request may hold; and of the long ones, twenty are more bytes than one may hold."""
    long = "late " * 195
    posts = [{"text": f"refund please {n} {long if n > 65 else ''}", "id": str(n)} for n in range(130)]
    before = answered(client)
    found = ask(url, lambda triage: triage.classify_many(posts))
    assert [(result.index, result.id) for result in found] == [(number, str(number)) for number in range(130)]
    assert all(isinstance(result, Answered) for result in found)
    assert answered(client) - before > 130 / 20


class Outdated(httpx.AsyncHTTPTransport):
    """Tells of larger limits than the service has, once, as it did before it was restarted with these."""

    def __init__(self) -> None:
        super().__init__()
        self._told = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/model" and not self._told:
            self._told = True
            return httpx.Response(200, json={"limits": LIMITS})
        return await super().handle_async_request(request)


def test_a_service_that_was_restarted_with_smaller_limits(ask: Ask, url: str) -> None:
    texts = [f"refund please {number} {'late ' * (number % 150)}" for number in range(200)]
    found = ask(url, lambda triage: triage.classify_many(texts), transport=Outdated())
    assert [result.index for result in found] == list(range(200))
    assert all(isinstance(result, Answered) for result in found)
    corrections = [{"answer": result.answer, "labels": {"intent": "refund"}} for result in found]
    stored = ask(url, lambda triage: triage.feedback(corrections), transport=Outdated())
    assert [(item.index, item.stored) for item in stored] == [(number, "new") for number in range(200)]


def answered(client: httpx.Client) -> float:
    name = 'triage_requests_total{route="/classify",status="200"}'
    lines = client.get("/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


BAD: list[tuple[Any, str]] = [
    ("", "text_empty"),
    ("x" * 1001, "text_too_long"),
    ("x" * 25_000, "text_too_long"),
    ({"text": "late", "id": 7}, "invalid_line"),
    ({"text": "late", SECRET[:5]: 7}, "invalid_line"),
    ({"id": "t-1"}, "invalid_line"),
    (None, "invalid_line"),
    (7, "invalid_line"),
]


def test_a_bad_post_fails_alone(ask: Ask, url: str) -> None:
    posts = [post for bad, _ in BAD for post in (bad, "site is down")]
    found = ask(url, lambda triage: triage.classify_many(posts))
    assert [result.index for result in found] == list(range(len(posts)))
    assert [result.error.code for result in found[::2]] == [code for _, code in BAD]
    assert all(isinstance(result, Answered) for result in found[1::2])


@pytest.mark.parametrize(("bad", "code"), BAD)
def test_a_bad_post_is_a_result(ask: Ask, url: str, bad: Any, code: str) -> None:
    if bad == "x" * 25_000:  # of a post alone no limits were asked for
        with pytest.raises(RefusedError, match="body_too_large"):
            ask(url, lambda triage: triage.classify(bad))
    else:
        found = ask(url, lambda triage: triage.classify(bad))
        assert isinstance(found, Failed)
        assert found.error.code == code


def test_nothing_gets_nothing(ask: Ask, url: str) -> None:
    assert ask(url, lambda triage: triage.classify_many([])) == []


def test_it_tells_what_is_served(ask: Ask, client: httpx.Client, url: str) -> None:
    assert ask(url, lambda triage: triage.model()) == client.get("/model").json()


def test_a_key_is_presented(ask: Ask, serving: Serving, tmp_path: Path) -> None:
    key = add_key(tmp_path / "keys.json", "somebody")
    with serving(keys_file=tmp_path / "keys.json") as client:
        url = str(client.base_url)
        assert isinstance(ask(url, lambda triage: triage.classify("late"), key=key), Answered)
        for wrong in (None, "wrong"):
            with pytest.raises(RefusedError) as raised:
                ask(url, lambda triage: triage.classify(SECRET), key=wrong)
            assert (raised.value.status, raised.value.code) == (401, "unauthorized")
            assert SECRET not in str(raised.value)


def test_what_is_refused_is_told_without_the_text(ask: Ask, url: str) -> None:
    with pytest.raises(RefusedError) as raised:
        ask(url, lambda triage: triage.classify(SECRET, heads=["mood"]))
    error = raised.value
    assert isinstance(error, TriageError)
    assert (error.status, error.code, error.detail) == (422, "invalid_request", "1 field(s) are wrong")
    assert [fault.field for fault in error.errors] == ["options.heads.0"]
    assert error.request_id
    assert "no such head" in str(error)
    assert SECRET not in str(error)


def test_a_limit_is_told(ask: Ask, url: str) -> None:
    with pytest.raises(RefusedError) as raised:
        ask(url, lambda triage: triage.classify({"text": "late", "author": "x" * 21_000}))
    assert raised.value.limit == 20_000
    assert (raised.value.value or 0) > 21_000


def test_several_threads_may_share_a_client(url: str) -> None:
    texts = ["site is down", "refund please", "win cash now"] * 8
    with Client(url) as triage, ThreadPoolExecutor(8) as pool:
        found = list(pool.map(triage.classify, texts))
        alone = [triage.classify(text) for text in texts[:3]]
    assert [result.labels for result in found if isinstance(result, Answered)] == [
        result.labels for result in alone if isinstance(result, Answered)
    ] * 8


def test_it_can_be_closed_without_a_context(url: str) -> None:
    triage = Client(url)
    assert isinstance(triage.classify("late"), Answered)
    triage.close()
    with pytest.raises(RuntimeError):
        triage.classify("late")


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize(
    "given",
    [("localhost:8000", None), ("", None), ("ftp://localhost", None), ("http://[::1", None), ("http://x", "key\n")],
)
def test_what_can_be_no_service_is_told_at_once(kind: type, given: tuple[str, str | None]) -> None:
    with pytest.raises(ConfigurationError) as raised:
        kind(given[0], key=given[1])
    assert "key\n" not in str(raised.value)


HEADERS = {"X-Team": "billing", "authorization": "Basic abc", "content-type": "text/plain"}


@pytest.mark.parametrize("headers", [HEADERS, list(HEADERS.items()), httpx.Headers(HEADERS)])
def test_headers_of_the_caller_go_along(ask: Ask, headers: Any) -> None:
    """But for those that say who asks, where there is a key, and what is sent."""
    with scripted() as service:
        ask(service.url, lambda triage: triage.classify("late"), headers=headers, key="k-1")
        ask(service.url, lambda triage: triage.classify("late"), headers=headers)
    seen = [httpx.Headers(asked.headers) for asked in service.asked]
    assert [headers["X-Team"] for headers in seen] == ["billing"] * 2
    assert [headers.get_list("Authorization") for headers in seen] == [["Bearer k-1"], ["Basic abc"]]
    assert [headers.get_list("Content-Type") for headers in seen] == [["application/json"]] * 2


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize(
    ("option", "told"), [({"limits": httpx.Limits()}, "limits.*`in_flight`"), ({"base_url": "http://x"}, "base_url")]
)
def test_an_option_that_cannot_be_given_is_told(kind: type, option: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        kind("http://localhost", **option)


def test_nobody_there(ask: Ask) -> None:
    with pytest.raises(UnreachableError, match=r"^http://127\.0\.0\.1:9: .*\(ConnectError\)$") as raised:
        ask("http://somebody:password@127.0.0.1:9", lambda triage: triage.classify(SECRET), patience=0)
    assert SECRET not in str(raised.value)


def test_the_header_is_the_one_that_the_service_reads() -> None:
    assert DEADLINE == requests.DEADLINE
