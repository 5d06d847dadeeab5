import json
import logging
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from api.answers import warnings_of
from api.problems import PROBLEM_JSON, STATUS, Code
from api.schemas import ClassifyResponse, WarningCode
from api.telemetry import MULTIPROCESS_FOLDER, Telemetry
from model.bundle import TOKENIZER, Bundle
from model.engine import Engine
from model.tokenizer import PostTokenizer
from tests.api.conftest import GatedBundle, Serving, run_by, serving_app, until

PRIVATE = "sesame-4711"


def classify(client: httpx.Client, body: Any) -> dict[str, Any]:
    answer = client.post("/classify", json=body)
    assert answer.status_code == 200, answer.text
    plain: dict[str, Any] = answer.json()
    ClassifyResponse.model_validate(plain)
    return plain


def assert_problem(answer: httpx.Response, code: Code) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (STATUS[code], PROBLEM_JSON)
    document: dict[str, Any] = answer.json()
    assert document["code"] == code
    assert document["status"] == answer.status_code
    assert document["request_id"] == answer.headers["x-request-id"]
    return document


def labels(result: dict[str, Any]) -> dict[str, str]:
    return {head: answer["label"] for head, answer in result["labels"].items()}


def test_a_single_post_is_answered_in_the_envelope_of_the_contract(client: httpx.Client) -> None:
    answer = classify(client, {"text": "site is down again"})

    assert list(answer) == ["request_id", "model", "results", "summary"]
    assert answer["model"] == {
        "name": "toy",
        "version": "1",
        "taxonomy": answer["model"]["taxonomy"],
        "policy": answer["model"]["policy"],
        "precision": "int8",
    }
    [result] = answer["results"]
    assert list(result) == ["index", "status", "answer", "labels", "route", "input", "warnings"]
    assert labels(result) == {"intent": "outage", "urgency": "high", "department": "it"}
    assert list(result["labels"]["intent"]) == ["label", "confidence", "threshold", "decision", "alternatives"]
    assert result["route"]["department"] == "it"
    assert result["input"] == {"tokens": 6, "truncated": False}
    assert answer["summary"]["total"] == answer["summary"]["ok"] == 1


def test_a_batch_keeps_its_order_and_its_ids(client: httpx.Client) -> None:
    texts = ["site is down again", "refund please order my late late late is late", "win cash now"]
    answer = classify(client, {"posts": [{"text": text, "id": f"t-{n}"} for n, text in enumerate(texts)]})

    assert [(result["index"], result["id"]) for result in answer["results"]] == [(0, "t-0"), (1, "t-1"), (2, "t-2")]
    assert [labels(result)["intent"] for result in answer["results"]] == ["outage", "refund", "spam"]


def test_one_bad_post_fails_alone(client: httpx.Client) -> None:
    texts = ["site is down", "", " \t\u200b", "x" * 1001, "refund please"]
    answer = classify(client, {"posts": [{"text": text} for text in texts]})

    codes = [result.get("error", {}).get("code") for result in answer["results"]]
    assert codes == [None, "text_empty", "text_empty", "text_too_long", None]
    assert answer["summary"] | {"auto": 0, "ignore": 0, "review": 0} == {
        "total": 5,
        "ok": 2,
        "failed": 3,
        "auto": 0,
        "ignore": 0,
        "review": 0,
    }


def test_a_batch_in_which_every_post_fails_is_still_answered(client: httpx.Client) -> None:
    assert classify(client, {"posts": [{"text": ""}, {"text": "\x00\x01"}]})["summary"]["failed"] == 2


@pytest.mark.parametrize("text", ["🔥😂", "half \ud83d of an emoji", "\ufeffsite", "[SEP] [CLS]", "ünïcödé"])
def test_odd_texts_are_answered(client: httpx.Client, text: str) -> None:
    body = json.dumps({"text": text})  # escapes what UTF-8 cannot hold
    answer = client.post("/classify", content=body, headers={"content-type": "application/json"})
    assert answer.json()["results"][0]["status"] == "ok"


def test_a_post_that_is_cut_says_so(client: httpx.Client) -> None:
    [result] = classify(client, {"text": "a " * 400})["results"]
    assert result["input"] == {"tokens": 242, "truncated": True}  # eight windows of 30 words between two markers
    assert result["warnings"] == ["truncated_middle"]


def test_a_long_post_that_is_read_in_windows_is_not_cut(client: httpx.Client) -> None:
    [result] = classify(client, {"text": "late " * 100})["results"]
    assert result["input"] == {"tokens": 102, "truncated": False}
    assert result["warnings"] == []


def test_a_model_that_reads_the_beginning_alone_says_so(client: httpx.Client, bundle: Bundle) -> None:
    tokenizer = PostTokenizer.from_file(bundle.path / TOKENIZER, 32)
    [post] = tokenizer.encode(["late " * 100])
    assert warnings_of(post) == [WarningCode.TRUNCATED]
    assert {code.value for code in WarningCode} == set(client.get("/model").json()["warnings"])


def test_runners_up_and_heads_are_chosen_by_options(client: httpx.Client) -> None:
    body = {"text": "site is down", "options": {"top_k": 2, "heads": ["urgency"]}}
    [result] = classify(client, body)["results"]

    assert list(result["labels"]) == ["urgency"]
    head = result["labels"]["urgency"]
    shown = [head["confidence"], *(runner_up["confidence"] for runner_up in head["alternatives"])]
    assert {head["label"], *(runner_up["label"] for runner_up in head["alternatives"])} == {"low", "normal", "high"}
    assert shown == sorted(shown, reverse=True)
    assert sum(shown) == pytest.approx(1, abs=3e-6)  # each is rounded to six digits


def test_metadata_never_changes_an_answer(client: httpx.Client) -> None:
    text = "my order is late"
    metadata = {"channel": "tweet", "thread": "7", "author": "me", "time": "2026-01-01T00:00:00Z", "language": "en"}
    plain, rich = classify(client, {"posts": [{"text": text}, {"text": text, **metadata}]})["results"]
    assert plain["labels"] == rich["labels"]


def test_the_same_text_gets_the_same_answer_alone_and_in_any_batch(client: httpx.Client) -> None:
    texts = [f"{'late ' * length}refund please" for length in [*range(16), 31, 60, 100, 150]]
    together = classify(client, {"posts": [{"text": text} for text in texts]})["results"]
    for text, result in zip(texts, together, strict=True):
        [alone] = classify(client, {"text": text})["results"]
        for head, answer in alone["labels"].items():
            assert answer["label"] == result["labels"][head]["label"]
            assert answer["confidence"] == pytest.approx(result["labels"][head]["confidence"], abs=1e-5)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe\xff", b"[" * 15_000, b'{"text": NaN}', b'{"text": "a"} {"text": "b"}', b"1" * 5000],
    ids=["empty", "cut", "binary", "deep", "NaN", "two", "long number"],
)
def test_what_is_not_json_is_a_400(serving: Serving, body: bytes) -> None:
    with serving() as client:
        answer = client.post("/classify", content=body, headers={"content-type": "application/json"})
    assert_problem(answer, Code.INVALID_JSON)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "body"),
        ("text", "body"),
        ({}, "text"),
        ({"text": 5}, "text"),
        ({"text": None}, "text"),
        ({"text": PRIVATE, "shout": True}, "shout"),
        ({"posts": []}, "posts"),
        ({"posts": None}, "posts"),
        ({"posts": "a"}, "posts"),
        ({"posts": [{"text": PRIVATE}, {"text": [PRIVATE]}]}, "posts.1.text"),
        ({"posts": [{"text": PRIVATE, "id": 7}]}, "posts.0.id"),
        ({"posts": [{"text": PRIVATE}], "text": PRIVATE}, "text"),
        ({"text": PRIVATE, "options": {"top_k": "2"}}, "options.top_k"),
        ({"text": PRIVATE, "options": {"top_k": 99}}, "options.top_k"),
        ({"text": PRIVATE, "options": {"heads": ["mood"]}}, "options.heads.0"),
        ({"text": PRIVATE, "options": {"heads": []}}, "options.heads"),
    ],
)
def test_a_wrong_field_is_named_and_its_value_is_not_repeated(client: httpx.Client, body: Any, field: str) -> None:
    answer = client.post("/classify", json=body)
    document = assert_problem(answer, Code.INVALID_REQUEST)
    assert field in [fault["field"] for fault in document["errors"]]
    assert PRIVATE not in answer.text


def test_too_many_posts_are_told_the_limit(client: httpx.Client) -> None:
    document = assert_problem(client.post("/classify", json={"posts": [{"text": "a"}] * 21}), Code.TOO_MANY_POSTS)
    assert (document["limit"], document["value"]) == (20, 21)


def test_ten_thousand_posts_are_refused_by_default(serving: Serving) -> None:
    with serving() as client:
        assert_problem(client.post("/classify", json={"posts": [{"text": "a"}] * 10_000}), Code.TOO_MANY_POSTS)


def test_a_body_over_the_limit_is_refused_by_its_declared_size(client: httpx.Client) -> None:
    document = assert_problem(client.post("/classify", json={"text": "a" * 2**20}), Code.BODY_TOO_LARGE)
    assert document["limit"] == 20_000
    assert document["value"] > 2**20


def test_a_body_over_the_limit_is_refused_while_it_arrives(client: httpx.Client) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"text": "'
        yield from [b"a" * 1000] * 100

    answer = client.post("/classify", content=chunks(), headers={"content-type": "application/json"})
    assert_problem(answer, Code.BODY_TOO_LARGE)


@pytest.mark.parametrize("media_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_another_content_type_is_refused(client: httpx.Client, media_type: str) -> None:
    answer = client.post("/classify", content=b'{"text": "a"}', headers={"content-type": media_type})
    assert_problem(answer, Code.UNSUPPORTED_MEDIA_TYPE)


def test_parameters_of_the_content_type_are_allowed(client: httpx.Client) -> None:
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    assert client.post("/classify", content=b'{"text": "late"}', headers=headers).status_code == 200


def test_unknown_paths_and_methods_are_problems_too(client: httpx.Client) -> None:
    assert_problem(client.get("/nothing"), Code.NOT_FOUND)
    answer = client.get("/classify")
    assert_problem(answer, Code.METHOD_NOT_ALLOWED)
    assert answer.headers["allow"] == "POST"


def test_the_callers_request_id_is_kept_if_it_is_a_plain_word(client: httpx.Client) -> None:
    kept = client.post("/classify", json={"text": "late"}, headers={"x-request-id": "abc-1"})
    assert kept.headers["x-request-id"] == kept.json()["request_id"] == "abc-1"
    assert client.get("/livez", headers={"x-request-id": "no words\t!"}).headers["x-request-id"] != "no words\t!"


def test_health_and_model_tell_what_is_served(client: httpx.Client, bundle: Bundle) -> None:
    assert client.get("/livez").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready", "model": "toy@1"}
    model = client.get("/model").json()
    assert model["taxonomy"] == json.loads(json.dumps(bundle.taxonomy.to_dict()))
    assert model["limits"]["max_posts"] == 20
    assert (model["limits"]["max_tokens"], model["limits"]["max_windows"]) == (32, 8)
    assert model["reasons"] == ["intent_below_threshold", "urgency_below_threshold", "department_below_threshold"]
    assert model["problems"] == [code.value for code in Code]


def test_answers_are_counted(serving: Serving) -> None:
    with serving() as client:
        classify(client, {"posts": [{"text": "site is down"}, {"text": ""}, {"text": "a " * 400}]})
        client.post("/classify", json={})
        lines = client.get("/metrics").text.splitlines()
    for line in (
        'triage_posts_total{status="ok"} 2.0',
        'triage_post_errors_total{code="text_empty"} 1.0',
        'triage_warnings_total{warning="truncated_middle"} 1.0',
        'triage_problems_total{code="invalid_request"} 1.0',
        'triage_requests_total{route="/classify",status="200"} 1.0',
        'triage_model{name="toy",precision="int8",version="1"} 1.0',
        "triage_queued_posts 0.0",
    ):
        assert line in lines


def test_the_docs_load_nothing_from_elsewhere(client: httpx.Client) -> None:
    page = client.get("/docs").text
    assert "http" not in page.replace("http-equiv", "")
    assert client.get("/swagger/swagger-ui-bundle.js").status_code == 200


def test_the_openapi_document_is_whole_and_names_every_refusal(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    text = json.dumps(document)
    schemas = document["components"]["schemas"]
    for reference in {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}:
        assert reference in schemas
    documented = document["paths"]["/classify"]["post"]["responses"]
    others = {Code.FEEDBACK_OFF, Code.TEXT_NOT_STORED, Code.STORE_UNAVAILABLE}
    route_codes = set(Code) - {Code.NOT_FOUND, Code.METHOD_NOT_ALLOWED} - others
    assert {int(status) for status in documented} == {200} | {int(STATUS[code]) for code in route_codes}
    for code in route_codes:
        assert f"`{code}`" in documented[str(int(STATUS[code]))]["description"]


@dataclass(frozen=True)
class BrokenBundle(Bundle):
    """A bundle whose engine, once it is warm, fails with the text of a post in its message."""

    def engine(self, *arguments: Any) -> Engine:
        def fail(windows: Sequence[list[int]]) -> NDArray[np.float32]:
            raise ValueError(PRIVATE)

        engine = Bundle.engine(self, *arguments)
        run_by(engine, fail)
        return engine


def test_an_unknown_error_says_nothing_of_the_post(bundle: Bundle, caplog: pytest.LogCaptureFixture) -> None:
    broken = BrokenBundle(bundle.path, bundle.manifest, bundle.taxonomy, bundle.policy)
    with caplog.at_level(logging.DEBUG), serving_app(broken) as client:
        answer = client.post("/classify", json={"text": PRIVATE})
        assert_problem(answer, Code.INTERNAL_ERROR)
        assert client.get("/livez").status_code == 200
    assert PRIVATE not in answer.text
    assert PRIVATE not in caplog.text
    assert "ValueError" in caplog.text


def test_a_client_that_hangs_up_is_no_error_of_ours(serving: Serving, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR), serving() as client:
        head = b"POST /classify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as connection:
            connection.sendall(head + b"Content-Length: 99\r\n\r\n{")
        hung_up = 'triage_requests_total{route="/classify",status="499"} 1.0'
        until(lambda: hung_up in client.get("/metrics").text)
    assert caplog.text == ""


def test_what_is_refused_before_it_is_a_request_is_counted_too(serving: Serving) -> None:
    with serving() as client:
        with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as connection:
            connection.sendall(b"hello\r\n\r\n")
            answer = connection.recv(10_000)
        assert b"x-content-type-options: nosniff" in answer.lower()
        assert 'triage_problems_total{code="invalid_http"} 1.0' in client.get("/metrics").text


@pytest.mark.parametrize("padding", [0, 300_000])
def test_nothing_more_is_scored_for_a_client_that_hung_up(bundle: Bundle, padding: int) -> None:
    gated = GatedBundle(bundle.path, bundle.manifest, bundle.taxonomy, bundle.policy)
    body = json.dumps({"posts": [{"text": "late " * 30}] * 100}).encode() + b" " * padding
    head = b"POST /classify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with serving_app(gated, threads=1, cached_posts=0) as client:
        with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as connection:
            connection.sendall(head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
            until(lambda: "triage_queued_posts 100.0" in client.get("/metrics").text)
        until(lambda: "triage_queued_posts 0.0" in client.get("/metrics").text)
        gated.gate.set()
        assert client.post("/classify", json={"text": "late"}).status_code == 200
        assert 'triage_requests_total{route="/classify",status="499"} 1.0' in client.get("/metrics").text
    assert len(gated.scored) < 50  # those of the run that was under way, and the one just asked for


def test_texts_are_never_logged(serving: Serving, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="triage"), serving() as client:
        for body in ({"text": PRIVATE}, {"text": [PRIVATE]}, {"posts": [{"text": PRIVATE, "x": 1}]}):
            client.post("/classify", json=body)
    assert PRIVATE not in caplog.text


@pytest.mark.parametrize("given", ["0", "-5", "1.5", "soon", "", "1000000000", "１０"])
def test_a_deadline_that_is_no_number_of_milliseconds_is_refused(client: httpx.Client, given: str) -> None:
    answer = client.post("/classify", json={"text": "late"}, headers={b"X-Deadline-Ms": given.encode()})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "X-Deadline-Ms"


@pytest.mark.parametrize("length", ["0" * 5000 + "16", "16" + "0" * 16])
def test_a_declared_length_of_many_digits_is_a_length(client: httpx.Client, length: str) -> None:
    """Python reads no number of thousands of digits."""
    body = b'{"text": "late"}'
    head = f"POST /classify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}"
    with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as connection:
        connection.sendall(head.encode() + b"\r\n\r\n" + body)
        status = int(connection.recv(10_000).split()[1])
    assert status == (200 if length.startswith("0") else 413)


def test_where_the_time_went_is_told_unless_it_is_not_to_be(serving: Serving, client: httpx.Client) -> None:
    assert "inference;dur=" in client.post("/classify", json={"text": "late"}).headers["server-timing"]
    with serving(server_timing=False) as silent:
        assert "server-timing" not in silent.post("/classify", json={"text": "late"}).headers


def test_metrics_are_told_after_their_folder_was_tidied_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MULTIPROCESS_FOLDER, str(tmp_path / "gone" / "metrics"))
    assert Telemetry().render() == b""


def test_metrics_are_told_while_another_process_is_just_making_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MULTIPROCESS_FOLDER, str(tmp_path))
    from prometheus_client.mmap_dict import MmapedDict, mmap_key  # reads the variable when imported

    (tmp_path / "counter_1.db").touch()
    written: Any = MmapedDict(str(tmp_path / "counter_2.db"))  # type: ignore[no-untyped-call]  # as the library has it
    key: Any = mmap_key("posts", "posts_total", [], [], "Posts")
    written.write_value(key, 3.0, 0.0)
    written.close()
    assert b"posts_total 3.0" in Telemetry().render()


@pytest.mark.parametrize("names", [4000, 3])
def test_a_stream_may_have_only_the_parameters_that_there_are(client: httpx.Client, names: int) -> None:
    query = "&".join(f"x{number}=" for number in range(names))
    answer = client.post(f"/classify?{query}", content=b"", headers={"content-type": "application/x-ndjson"})
    document = assert_problem(answer, Code.INVALID_REQUEST)
    assert [fault["field"] for fault in document["errors"]] == ["query"]


def test_a_request_within_its_deadline_is_answered(client: httpx.Client) -> None:
    answer = client.post("/classify", json={"text": "late"}, headers={"X-Deadline-Ms": "60000"})
    assert answer.status_code == 200
