import json
import logging
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from model.bundle import Bundle
from tests import fuzz
from tests.api.conftest import Client, Serving, serving_app
from tests.api.test_app import BrokenBundle
from tests.fuzz import NO_ANSWER, OK, SECRET, Answer, Case, Contract, Served, Unexpected, make_case

SERVED = Served(max_posts=100, max_body_bytes=100_000, max_characters=1000, head="intent")
VALID = frozenset({OK})


@pytest.fixture(scope="module")
def contract(client: httpx.Client) -> Contract:
    return Contract.of(str(client.base_url))


def problem(**changed: Any) -> Answer:
    document = {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "code": "invalid_json",
        "detail": "the body is not JSON",
        "request_id": "a",
    }
    headers = {"content-type": "application/problem+json", "x-request-id": "a"}
    return Answer(400, headers, json.dumps(document | changed).encode())


def test_two_thousand_bodies_are_answered_as_documented(serving: Serving, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="triage"), serving() as client:
        counts = fuzz.fuzz(str(client.base_url), 2000, seed=1)

    assert counts.total() == 2000
    documented = {
        *((200, OK), (400, "invalid_json"), (400, "invalid_encoding"), (400, "invalid_http"), (413, "too_many_posts")),
        *((413, "body_too_large"), (415, "unsupported_media_type"), (421, "unknown_host"), (422, "invalid_request")),
        *((431, "headers_too_large"), (None, NO_ANSWER)),
    }
    assert documented <= set(counts)
    assert SECRET not in caplog.text


def test_a_body_is_made_again_from_its_seed() -> None:
    assert [make_case(seed, SERVED) for seed in range(500)] == [make_case(seed, SERVED) for seed in range(500)]
    assert len({make_case(seed, SERVED).data for seed in range(500)}) > 450


def test_an_answer_that_is_not_expected_ends_the_run_and_leaves_the_body(
    client: httpx.Client, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(fuzz, "SPOILS", {lambda random, plain, served: (fuzz.cut(random, plain, served)[0], VALID): 1})
    url = str(client.base_url)
    assert fuzz.main(["--url", url, "--bodies", "500", "--seed", "1"]) == 1
    [path] = tmp_path.iterdir()
    seed = path.stem.rpartition("-")[2]
    assert path.read_bytes() == make_case(int(seed), Contract.of(url).served).data
    told = " ".join(capsys.readouterr().err.split())
    assert "error: expected ok" in told
    assert f"--seed {seed} --bodies 1" in told


def test_a_service_that_fails_at_valid_requests_is_found_at_once(
    bundle: Bundle, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with serving_app(BrokenBundle(bundle.path, bundle.manifest, bundle.taxonomy, bundle.policy)) as client:
        assert fuzz.main(["--url", str(client.base_url), "--bodies", "1"]) == 1
    assert "a valid request: expected ok, found internal_error" in " ".join(capsys.readouterr().err.split())
    assert [path.name for path in tmp_path.iterdir()] == ["triage-fuzz-valid.http"]


def test_what_takes_its_time_to_refuse_lets_others_have_their_answers(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fuzz, "WRAPS", {fuzz.heavy: 1})
    with serving() as client:
        counts = fuzz.fuzz(str(client.base_url), 24, seed=1)
    assert {(200, OK), (413, "body_too_large"), (422, "invalid_request")} <= set(counts)


def test_a_service_that_is_silent_for_long_is_found(
    client: Client, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(fuzz, "_HEALTHY", 0.3)
    freeze = threading.Timer(0.5, client.loop.call_soon_threadsafe, (time.sleep, 1.0))
    freeze.start()
    assert fuzz.main(["--url", str(client.base_url), "--bodies", "100000", "--seed", "1"]) == 1
    freeze.join()
    assert "the service was silent for" in " ".join(capsys.readouterr().err.split())


def test_a_run_without_a_fault_ends_with_a_table(client: httpx.Client, capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz.main(["--url", str(client.base_url), "--bodies", "1", "--seed", "3"]) == 0
    assert "1 bodies" in capsys.readouterr().out


def test_an_answer_as_documented_is_taken(contract: Contract) -> None:
    assert contract.code_of(Case(b"", frozenset({"invalid_json"})), problem()) == "invalid_json"


@pytest.mark.parametrize(
    "answer",
    [
        None,
        problem(code="invalid_http"),
        problem(code="timeout"),
        problem(code="mood"),
        problem(status=422),
        problem(detail=f"not JSON: {SECRET}"),
        problem(errors=[{"field": SECRET, "message": "wrong"}]),
        problem(request_id="b"),
        problem(input="x"),
        problem(title=5),
        Answer(400, {"content-type": "application/problem+json"}, b"{"),
        Answer(400, {"content-type": "application/json", "x-request-id": "a"}, problem().body),
        Answer(500, problem().headers, problem(status=500).body),
    ],
)
def test_another_answer_is_not(answer: Answer | None, contract: Contract) -> None:
    with pytest.raises(Unexpected):
        contract.code_of(Case(b"", frozenset({"invalid_json"})), answer)


@pytest.mark.parametrize("media_type", ["application/json", "application/x-ndjson"])
@pytest.mark.parametrize("fault", ["none", "order", "summary", "field", "secret", "results"])
def test_results_are_counted_and_looked_at(
    media_type: str, fault: str, client: httpx.Client, contract: Contract
) -> None:
    posts = [{"text": "late"}, {"text": ""}, {"text": "help"}]
    body = json.dumps({"posts": posts}) if media_type == "application/json" else "\n".join(map(json.dumps, posts))
    given = client.post("/classify", content=body, headers={"content-type": media_type})
    *lines, last = map(json.loads, given.text.splitlines())
    results = lines or last["results"]
    if fault == "order":
        results.reverse()
    elif fault == "summary":
        last["summary"]["ok"] += 1
    elif fault == "field":
        results[0]["mood"] = "sad"
    elif fault == "secret":
        results[1]["error"]["message"] = SECRET
    answer = Answer(200, given.headers, b"\n".join(json.dumps(each).encode() for each in (*lines, last)))
    case = Case(b"", VALID, results=4 if fault == "results" else 3)
    if fault == "none":
        assert contract.code_of(case, answer) == OK
        return
    with pytest.raises(Unexpected):
        contract.code_of(case, answer)
