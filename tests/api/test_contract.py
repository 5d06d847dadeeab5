"""What the OpenAPI document promises, held against what a served bundle sends."""

import gzip
import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
import schemathesis
from schemathesis.core.failures import AcceptedNegativeData, Failure, ServerError
from schemathesis.core.parameters import ParameterLocation
from schemathesis.engine import events, from_schema
from schemathesis.openapi.checks import RejectedPositiveData

from api.bodies import JSON, NDJSON
from api.keys import add_key
from api.problems import PROBLEM_JSON, STATUS, Code
from api.requests import DEADLINE
from model.bundle import Bundle
from model.engine import Engine
from tests.api.conftest import GatedBundle, Serving, serving_app, until
from tests.api.test_app import BrokenBundle
from tests.fuzz import validator

Document = dict[str, Any]
Provocation = Callable[..., httpx.Response]
"""From the bundle and a folder to an answer; some can be told method and path too."""

_PATIENCE = 30.0
_POST = {"text": "site is down again"}
_HEAD = b"POST /classify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
_OF_NO_OPERATION = {Code.NOT_FOUND, Code.METHOD_NOT_ALLOWED}
"""Codes that stand with no operation: they say that there is none."""

_PROVOCATIONS: list[tuple[Code, Provocation]] = []
_WITH_FEEDBACK: list[tuple[Code, Provocation]] = []


def provokes(code: Code) -> Callable[[Provocation], Provocation]:
    """Enter a function among those whose answer is a refusal of that code."""

    def enter(provoke: Provocation) -> Provocation:
        _PROVOCATIONS.append((code, provoke))
        return provoke

    return enter


def provokes_with_feedback(code: Code) -> Callable[[Provocation], Provocation]:
    """The same, of `/feedback` and `/review`."""

    def enter(provoke: Provocation) -> Provocation:
        _WITH_FEEDBACK.append((code, provoke))
        return provoke

    return enter


def ask(client: httpx.Client, method: str = "POST", path: str = "/classify", **headers: str) -> httpx.Response:
    """Ask on a connection of its own, which outlives the client."""
    body = _POST if method == "POST" else None
    return httpx.request(method, f"{client.base_url}{path}", json=body, headers=headers, timeout=_PATIENCE)


def post(bundle: Bundle, content: bytes, *, media_type: str = JSON, encoding: str = "", **given: Any) -> httpx.Response:
    headers = {"Content-Type": media_type} | ({"Content-Encoding": encoding} if encoding else {})
    with serving_app(bundle, **given) as client:
        return client.post("/classify", content=content, headers=headers)


def send(bundle: Bundle, data: bytes, **given: Any) -> httpx.Response:
    """Send what no library would."""
    with serving_app(bundle, **given) as client:
        address = client.base_url.host, client.base_url.port or 0
        with socket.create_connection(address, _PATIENCE) as connection, HTTPResponse(connection) as answer:
            connection.sendall(data)
            answer.begin()
            return httpx.Response(answer.status, headers=answer.getheaders(), content=answer.read())


@dataclass(frozen=True)
class LoadingBundle(Bundle):
    """A bundle that is loaded once `gate` is set."""

    gate: threading.Event = field(default_factory=threading.Event)

    def engine(self, *arguments: Any) -> Engine:
        self.gate.wait(_PATIENCE)
        return Bundle.engine(self, *arguments)


@contextmanager
def held(bundle: Bundle, **given: Any) -> Iterator[httpx.Client]:
    """A service that scores nothing until the context ends."""
    gated = GatedBundle(bundle.path, bundle.manifest, bundle.taxonomy, bundle.policy)
    with serving_app(gated, **given) as client:
        try:
            yield client
        finally:
            gated.gate.set()


@contextmanager
def busy(bundle: Bundle, **given: Any) -> Iterator[httpx.Client]:
    """A service that has a post to answer until the context ends."""
    with ThreadPoolExecutor(1) as pool, held(bundle, **given) as client:
        pool.submit(ask, client)
        until(lambda: has_a_post(client))
        yield client


def has_a_post(client: httpx.Client) -> bool:
    return "triage_queued_posts 1.0" in client.get("/metrics").text


@provokes(Code.INVALID_HTTP)
def garbage(bundle: Bundle, _: Path) -> httpx.Response:
    return send(bundle, _HEAD + b"Transfer-Encoding: chunked\r\n\r\nlots\r\n")


@provokes(Code.INVALID_JSON)
def cut_json(bundle: Bundle, _: Path) -> httpx.Response:
    return post(bundle, b"{")


@provokes(Code.INVALID_ENCODING)
def torn_gzip(bundle: Bundle, _: Path) -> httpx.Response:
    return post(bundle, gzip.compress(json.dumps(_POST).encode())[:-1], encoding="gzip")


@provokes(Code.UNAUTHORIZED)
def no_key(bundle: Bundle, folder: Path, *operation: str) -> httpx.Response:
    add_key(folder / "keys.json", "somebody")
    with serving_app(bundle, keys_file=folder / "keys.json") as client:
        return ask(client, *operation)


@provokes(Code.NOT_FOUND)
def no_such_path(bundle: Bundle, _: Path) -> httpx.Response:
    with serving_app(bundle) as client:
        return ask(client, "POST", "/nothing")


@provokes(Code.METHOD_NOT_ALLOWED)
def no_such_method(bundle: Bundle, _: Path) -> httpx.Response:
    with serving_app(bundle) as client:
        return ask(client, "GET", "/classify")


@provokes(Code.CLIENT_TOO_SLOW)
def slow_head(bundle: Bundle, _: Path) -> httpx.Response:
    return send(bundle, _HEAD, client_seconds=0.2)


@provokes(Code.CLIENT_TOO_SLOW)
def slow_body(bundle: Bundle, _: Path) -> httpx.Response:
    return send(bundle, _HEAD + b"Content-Length: 99\r\n\r\n{", client_seconds=0.2)


@provokes(Code.CLIENT_TOO_SLOW)
def slow_body_by_default(bundle: Bundle, _: Path) -> httpx.Response:
    """The time to send a request is the same as the time to answer it."""
    return send(bundle, _HEAD + b"Content-Length: 99\r\n\r\n{", client_seconds=0.2, timeout_seconds=0.2)


@provokes(Code.BODY_TOO_LARGE)
def large_body(bundle: Bundle, _: Path) -> httpx.Response:
    return post(bundle, b" " * 1025, max_body_bytes=1024)


@provokes(Code.BODY_TOO_LARGE)
def many_values(bundle: Bundle, _: Path) -> httpx.Response:
    return post(bundle, b"[" * 100_000)


@provokes(Code.BODY_TOO_LARGE)
def large_when_unpacked(bundle: Bundle, _: Path) -> httpx.Response:
    return post(bundle, gzip.compress(b" " * 1025), encoding="gzip", max_body_bytes=1024)


@provokes(Code.TOO_MANY_POSTS)
def many_posts(bundle: Bundle, _: Path) -> httpx.Response:
    return post(bundle, json.dumps({"posts": [_POST] * 3}).encode(), max_posts=2)


@provokes(Code.UNSUPPORTED_MEDIA_TYPE)
def plain_text(bundle: Bundle, _: Path) -> httpx.Response:
    return post(bundle, b"site is down again", media_type="text/plain")


@provokes(Code.UNSUPPORTED_MEDIA_TYPE)
def another_encoding(bundle: Bundle, _: Path) -> httpx.Response:
    return post(bundle, json.dumps(_POST).encode(), encoding="br")


@provokes(Code.UNKNOWN_HOST)
def another_host(bundle: Bundle, _: Path, *operation: str) -> httpx.Response:
    with serving_app(bundle) as client:
        return ask(client, *operation, Host="rebound.example")


@provokes(Code.INVALID_REQUEST)
def wrong_field(bundle: Bundle, _: Path) -> httpx.Response:
    return post(bundle, b'{"txt": "site is down again"}')


@provokes(Code.INVALID_REQUEST)
def wrong_deadline(bundle: Bundle, _: Path) -> httpx.Response:
    with serving_app(bundle) as client:
        return ask(client, **{DEADLINE: "soon"})


@provokes(Code.QUEUE_FULL)
def full_of_posts(bundle: Bundle, _: Path) -> httpx.Response:
    with busy(bundle, max_posts=1, max_queued_posts=1) as client:
        return ask(client)


@provokes(Code.QUEUE_FULL)
def full_of_bytes(bundle: Bundle, _: Path) -> httpx.Response:
    with busy(bundle, max_body_bytes=1024, max_queued_bytes=1024) as client:
        return client.post("/classify", content=b" " * 1024, headers={"Content-Type": JSON})


@provokes(Code.RATE_LIMITED)
def too_fast(bundle: Bundle, folder: Path) -> httpx.Response:
    key = f"Bearer {add_key(folder / 'keys.json', 'somebody', posts_per_second=0.1)}"
    with serving_app(bundle, keys_file=folder / "keys.json") as client:
        assert ask(client, Authorization=key).status_code == 200
        return ask(client, Authorization=key)


@provokes(Code.HEADERS_TOO_LARGE)
def large_head(bundle: Bundle, _: Path) -> httpx.Response:
    return send(bundle, _HEAD + b"X: " + b"x" * 65_536)


@provokes(Code.INTERNAL_ERROR)
def broken_engine(bundle: Bundle, _: Path) -> httpx.Response:
    with serving_app(BrokenBundle(bundle.path, bundle.manifest, bundle.taxonomy, bundle.policy)) as client:
        return ask(client)


@provokes(Code.TOO_MANY_CONNECTIONS)
def one_connection_too_many(bundle: Bundle, _: Path) -> httpx.Response:
    with serving_app(bundle, max_connections=1) as client:  # whose own is kept alive
        return ask(client)


@provokes(Code.LOADING)
def not_loaded_yet(bundle: Bundle, _: Path, *operation: str) -> httpx.Response:
    loading = LoadingBundle(bundle.path, bundle.manifest, bundle.taxonomy, bundle.policy)
    with serving_app(loading, ready=False) as client:
        try:
            return ask(client, *operation)
        finally:
            loading.gate.set()


@provokes(Code.DRAINING)
def draining(bundle: Bundle, _: Path, *operation: str) -> httpx.Response:
    with serving_app(bundle) as client:
        client.drain()
        return ask(client, *operation)


@provokes(Code.DRAINING)
def shut_down(bundle: Bundle, _: Path) -> httpx.Response:
    gated = GatedBundle(bundle.path, bundle.manifest, bundle.taxonomy, bundle.policy)
    with ThreadPoolExecutor(1) as pool:
        with serving_app(gated, drain_seconds=1) as client:
            answer = pool.submit(ask, client)
            answer.add_done_callback(lambda _: gated.gate.set())
            until(lambda: has_a_post(client))
        return answer.result()


@provokes(Code.TIMEOUT)
def late(bundle: Bundle, _: Path) -> httpx.Response:
    with held(bundle, timeout_seconds=0.1) as client:
        return ask(client)


@provokes(Code.TIMEOUT)
def later_than_wished(bundle: Bundle, _: Path) -> httpx.Response:
    with held(bundle) as client:
        return ask(client, **{DEADLINE: "100"})


@provokes(Code.TIMEOUT)
def body_later_than_wished(bundle: Bundle, _: Path) -> httpx.Response:
    return send(bundle, _HEAD + b"Content-Length: 99\r\nX-Deadline-Ms: 100\r\n\r\n{")


def judge(bundle: Bundle, **given: Any) -> httpx.Response:
    """Feedback on an answer."""
    with serving_app(bundle, **given) as client:
        [result] = ask(client).json()["results"]
        judged = {"answer": result.get("answer", "of none"), "labels": {"intent": "outage"}}
        return client.post("/feedback", json=judged)


@provokes_with_feedback(Code.FEEDBACK_OFF)
def no_feedback(bundle: Bundle, _: Path) -> httpx.Response:
    return judge(bundle, feedback="off")


@provokes_with_feedback(Code.STORE_UNAVAILABLE)
def broken_store(bundle: Bundle, folder: Path) -> httpx.Response:
    return judge(bundle, feedback=str(folder / "missing" / "feedback.db"))


@provokes_with_feedback(Code.TOO_MANY_POSTS)
def too_much_feedback(bundle: Bundle, _: Path) -> httpx.Response:
    with serving_app(bundle, max_posts=1) as client:
        return client.post("/feedback", json={"feedback": [{"answer": "x"}] * 2})


@provokes_with_feedback(Code.INVALID_REQUEST)
def no_answer_named(bundle: Bundle, _: Path) -> httpx.Response:
    with serving_app(bundle) as client:
        return client.post("/feedback", json={})


@provokes_with_feedback(Code.TEXT_NOT_STORED)
def no_texts(bundle: Bundle, _: Path) -> httpx.Response:
    with serving_app(bundle) as client:
        return client.get("/review")


@pytest.fixture(scope="module")
def document(client: httpx.Client) -> Document:
    found: Document = client.get("/openapi.json").json()
    return found


def assert_documented(answer: httpx.Response, code: Code, document: Document, operation: Document) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (STATUS[code], PROBLEM_JSON)
    sent = answer.json()
    validator(document, "ProblemDocument").validate(sent)
    assert (sent["code"], sent["status"]) == (code, answer.status_code)
    assert sent["request_id"] == answer.headers["x-request-id"]
    if code in _OF_NO_OPERATION:
        assert str(answer.status_code) not in operation["responses"]
        assert "retry-after" not in answer.headers
        return
    entry = operation["responses"][str(answer.status_code)]
    example = entry["content"][PROBLEM_JSON]["examples"][code]["value"]
    assert sent.keys() == example.keys()
    assert sent["title"] == example["title"]
    assert ("retry-after" in answer.headers) == ("Retry-After" in entry.get("headers", {}))
    assert int(answer.headers.get("retry-after", 1)) >= 1


@pytest.mark.parametrize(
    ("code", "provoke"), [pytest.param(code, provoke, id=provoke.__name__) for code, provoke in _PROVOCATIONS]
)
def test_the_documented_code_is_the_code_that_is_sent(
    code: Code, provoke: Provocation, bundle: Bundle, tmp_path: Path, document: Document
) -> None:
    assert_documented(provoke(bundle, tmp_path), code, document, document["paths"]["/classify"]["post"])


@pytest.mark.parametrize("code", Code)
def test_every_code_is_provoked(code: Code) -> None:
    assert code in {provoked for provoked, _ in (*_PROVOCATIONS, *_WITH_FEEDBACK)}


@pytest.mark.parametrize(
    ("code", "provoke"), [pytest.param(code, provoke, id=provoke.__name__) for code, provoke in _WITH_FEEDBACK]
)
def test_the_routes_of_feedback_send_the_codes_that_they_document(
    code: Code, provoke: Provocation, bundle: Bundle, tmp_path: Path, document: Document
) -> None:
    path, method = ("/review", "get") if code is Code.TEXT_NOT_STORED else ("/feedback", "post")
    assert_documented(provoke(bundle, tmp_path), code, document, document["paths"][path][method])


@pytest.mark.parametrize(
    ("path", "code", "provoke"),
    [
        ("/readyz", Code.LOADING, not_loaded_yet),
        ("/readyz", Code.DRAINING, draining),
        ("/model", Code.LOADING, not_loaded_yet),
        ("/model", Code.DRAINING, draining),
        ("/model", Code.UNAUTHORIZED, no_key),
        ("/model", Code.UNKNOWN_HOST, another_host),
        ("/review", Code.LOADING, not_loaded_yet),
        ("/review", Code.DRAINING, draining),
        ("/review", Code.UNAUTHORIZED, no_key),
        ("/metrics", Code.UNAUTHORIZED, no_key),
        ("/metrics", Code.UNKNOWN_HOST, another_host),
    ],
)
def test_a_status_route_sends_the_code_that_it_documents(
    path: str, code: Code, provoke: Provocation, bundle: Bundle, tmp_path: Path, document: Document
) -> None:
    assert_documented(provoke(bundle, tmp_path, "GET", path), code, document, document["paths"][path]["get"])


@pytest.mark.parametrize("path", ["/classify", "/livez", "/readyz", "/model", "/metrics"])
def test_a_method_that_is_not_documented_is_told_those_that_are(
    path: str, client: httpx.Client, document: Document
) -> None:
    methods: Document = document["paths"][path]
    answer = client.delete(path)
    for operation in methods.values():
        assert_documented(answer, Code.METHOD_NOT_ALLOWED, document, operation)
    assert answer.headers["allow"] == ", ".join(method.upper() for method in methods)


def examples(node: Any, *place: str) -> Iterator[tuple[tuple[str, ...], Document, Any]]:
    """Where each example of a document stands, its schema, and the example."""
    if isinstance(node, list):
        for index, each in enumerate(node):
            yield from examples(each, *place, str(index))
    if not isinstance(node, dict):
        return
    if "schema" in node:  # a parameter, a header or a body
        given = [node["example"]] if "example" in node else []
        given += [example["value"] for example in node.get("examples", {}).values()]
        for example in given:
            for value in map(json.loads, example.splitlines()) if place[-1] == NDJSON else [example]:
                yield place, node["schema"], value
    elif isinstance(node.get("examples"), list):  # a schema
        for example in node["examples"]:
            yield place, node, example
    for name, inner in node.items():
        yield from examples(inner, *place, name)


def test_every_example_is_as_its_schema_says(document: Document) -> None:
    found = list(examples(document))
    for place, schema, example in found:
        valid = jsonschema_rs.validator_for({**schema, "components": document["components"]})
        assert valid.is_valid(example), place
    kinds = Counter(place[-1] for place, _, _ in found)
    assert kinds[PROBLEM_JSON] >= len(set(Code) - _OF_NO_OPERATION)
    assert kinds[NDJSON] == 2
    assert kinds["text"] == 2


@schemathesis.serializer(NDJSON)
def as_lines(_: schemathesis.SerializationContext, value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    return b"\n".join(json.dumps(line).encode() for line in (value if isinstance(value, list) else [value]))


def is_fault(failure: Failure, case: schemathesis.Case[Any], response: schemathesis.Response) -> bool:
    """Whether something is wrong, and not only thought to be by who knows nothing but the document."""
    if isinstance(failure, AcceptedNegativeData):
        if any("unknown-property" in name for name in case.headers):  # headers that mean nothing to us are no fault
            return False
        # Of lines, a wrong one fails alone, and the answer is a 200.
        return not (case.media_type == NDJSON and case.meta and case.meta.is_negative_at(ParameterLocation.BODY))
    if isinstance(failure, RejectedPositiveData):
        faults = response.json().get("errors", [])
        # 2.0 is an integer for JSON Schema, and none here; it has no word for times that are not over.
        known = [
            fault["field"] in {"options.top_k", "count"} or fault["message"].endswith("a time from 1970 to now")
            for fault in faults
        ]
        return not known or not all(known)
    if isinstance(failure, ServerError):  # what it asked for
        return not (response.status_code == STATUS[Code.TIMEOUT] and DEADLINE in case.headers)
    return True


def for_schemathesis(document: Document) -> Document:
    """With what the document can say in words only."""
    deadline, _ = document["paths"]["/classify"]["post"]["parameters"]
    deadline["example"] = 60_000  # or most requests would have a millisecond
    lines = document["paths"]["/classify"]["post"]["requestBody"]["content"][NDJSON]
    lines["schema"] = {"type": "array", "items": lines["schema"]}
    heads = document["components"]["schemas"]["Options"]["properties"]["heads"]["anyOf"][0]
    heads["items"]["enum"] = ["intent", "urgency", "department"]  # those of the model that is served
    claim = document["components"]["schemas"]["ClaimRequest"]["properties"]
    claim["labels"] |= {"properties": {"urgency": {"enum": ["low", "high"]}}, "additionalProperties": False}
    return document


@pytest.mark.parametrize("keys", [False, True], ids=["open", "keys"])
def test_schemathesis_finds_nothing(keys: bool, serving: Serving, tmp_path: Path) -> None:
    headers = {"Authorization": f"Bearer {add_key(tmp_path / 'keys.json', 'somebody')}"} if keys else {}
    with serving(store_text=True, **({"keys_file": tmp_path / "keys.json"} if keys else {})) as client:
        document = client.get("/openapi.json").json()
        line = validator(document, "StreamLine")
        config = {
            "base-url": str(client.base_url),
            "headers": headers,
            "continue-on-failure": True,
            "generation": {"max-examples": 100, "deterministic": True, "database": "none"},
        }
        schema = schemathesis.openapi.from_dict(
            for_schemathesis(document), config=schemathesis.Config.from_dict(config)
        )
        schema.hook("filter_failure")(lambda context, failure, case, response: is_fault(failure, case, response))
        happened = list(from_schema(schema).execute())

    assert [event for event in happened if isinstance(event, events.NonFatalError | events.FatalError)] == []
    answered: Counter[tuple[str, int]] = Counter()
    for event in happened:
        if not isinstance(event, events.ScenarioFinished):
            continue
        for checks in event.recorder.checks.values():
            for check in checks:
                info = check.failure_info
                assert info is None, f"{check.name}: {info.failure.message}\n{info.code_sample}"
        for interaction in event.recorder.interactions.values():
            response = interaction.response
            assert response is not None
            answered[event.label or "", response.status_code] += 1
            assert response.status_code < 500 or DEADLINE in response.request.headers
            if response.status_code == 200 and response.headers["content-type"] == [NDJSON]:
                assert all(line.is_valid(json.loads(each)) for each in response.content.splitlines())
    for operation in ("GET /livez", "GET /readyz", "GET /model", "GET /metrics", "POST /classify", "POST /feedback"):
        assert answered[operation, 200]
    assert answered["POST /classify", 422]
    assert (answered["POST /classify", 401] > 0) == keys
