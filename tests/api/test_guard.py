from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.datastructures import Headers

from api.guard import Guard
from api.keys import add_key, remove_key
from api.problems import PROBLEM_JSON, Code, Problem
from api.settings import Settings
from tests.api.conftest import Serving, until

POST = {"json": {"text": "site is down"}}


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


@pytest.fixture
def guarded(serving: Serving, keys: Path) -> Iterator[tuple[httpx.Client, str]]:
    """A service that asks for keys, and one."""
    secret = add_key(keys, "shop")
    with serving(keys_file=keys) as client:
        yield client, secret


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def test_without_a_valid_key_nothing_is_told(guarded: tuple[httpx.Client, str]) -> None:
    client, secret = guarded
    basic = {"Authorization": f"Basic {secret}"}
    for headers in ({}, bearer("triage_wrong"), bearer(secret[:-1]), basic, {"Authorization": "Bearer"}):
        for answer in (
            client.post("/classify", headers=headers, json={"text": "site is down"}),
            client.get("/model", headers=headers),
            client.get("/metrics", headers=headers),
        ):
            assert (answer.status_code, answer.headers["content-type"]) == (401, PROBLEM_JSON)
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.json()["code"] == Code.UNAUTHORIZED
    for path in ("/livez", "/readyz", "/docs", "/openapi.json", "/swagger/swagger-ui.css"):
        assert client.get(path).status_code == 200
    assert client.post("/classify", headers=bearer(secret), json={"text": "down"}).status_code == 200
    assert client.get("/model", headers={"authorization": f"bearer  {secret}"}).status_code == 200


def test_a_key_is_changed_for_another_while_the_service_runs(guarded: tuple[httpx.Client, str], keys: Path) -> None:
    client, old = guarded
    new = add_key(keys, "shop-2")
    until(lambda: client.get("/model", headers=bearer(new)).status_code == 200)
    assert client.get("/model", headers=bearer(old)).status_code == 200
    remove_key(keys, "shop")
    until(lambda: client.get("/model", headers=bearer(old)).status_code == 401)
    assert client.get("/model", headers=bearer(new)).status_code == 200


def test_a_key_that_sends_more_than_its_rate_is_told_to_wait(serving: Serving, keys: Path) -> None:
    slow, free = add_key(keys, "slow", posts_per_second=1.5), add_key(keys, "free")
    batch = {"posts": [{"text": "late"}] * 15}
    with serving(keys_file=keys) as client:
        assert client.post("/classify", headers=bearer(slow), json=batch).status_code == 200
        answer = client.post("/classify", headers=bearer(slow), json={"text": "late"})
        assert client.post("/classify", headers=bearer(free), json=batch).status_code == 200
    assert (answer.status_code, answer.json()["code"], answer.json()["limit"]) == (429, Code.RATE_LIMITED, 1.5)
    assert 8 <= int(answer.headers["retry-after"]) <= 10


def test_a_stream_over_its_rate_is_slowed_down_not_refused(serving: Serving, keys: Path) -> None:
    secret = add_key(keys, "slow", posts_per_second=400)
    body = b'{"text": "late"}\n' * 640
    with serving(keys_file=keys) as client:
        headers = bearer(secret) | {"Content-Type": "application/x-ndjson"}
        answer = client.post("/classify", headers=headers, content=body)
    assert '"ok": 640' in answer.text.splitlines()[-1]
    assert answer.elapsed.total_seconds() > 0.3  # 640 posts at 400 a second, of which a second's worth came at once


def test_bad_lines_of_a_stream_count_against_its_rate(serving: Serving, keys: Path) -> None:
    secret = add_key(keys, "slow", posts_per_second=400)
    with serving(keys_file=keys) as client:
        headers = bearer(secret) | {"Content-Type": "application/x-ndjson"}
        answer = client.post("/classify", headers=headers, content=b"1\n" * 640)
    assert '"failed": 640' in answer.text.splitlines()[-1]
    assert answer.elapsed.total_seconds() > 0.3  # as above


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost", True),
        ("LOCALHOST:8000", True),
        ("127.0.0.1:1", True),
        ("[::1]:8000", True),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("", False),
    ],
)
def test_only_the_hosts_that_are_ours_are_answered_for(tmp_path: Path, host: str, allowed: bool) -> None:
    guard = Guard(Settings(), tmp_path)
    if allowed:
        assert guard.check("/classify", Headers({"host": host})) is None
    else:
        with pytest.raises(Problem) as error:
            guard.check("/classify", Headers({"host": host}))
        assert error.value.code is Code.UNKNOWN_HOST
    assert guard.check("/readyz", Headers({"host": host})) is None  # probes ask by address


@pytest.mark.parametrize("host", ["[fd00::5]", "[FD00::5]:8000"])
def test_an_address_of_ipv6_that_is_listened_on_is_answered_for(tmp_path: Path, host: str) -> None:
    assert Guard(Settings(host="fd00::5"), tmp_path).check("/classify", Headers({"host": host})) is None


def test_other_hosts_are_a_setting(tmp_path: Path) -> None:
    named = Guard(Settings(allowed_hosts="triage.example.com, localhost"), tmp_path)
    assert named.check("/model", Headers({"host": "triage.example.com:443"})) is None
    every = Guard(Settings(allowed_hosts="*"), tmp_path)
    assert every.check("/model", Headers({"host": "anything"})) is None


def test_pages_of_other_origins_may_call_only_where_they_are_named(serving: Serving) -> None:
    ask = {"Origin": "https://desk.example", "Access-Control-Request-Method": "POST"}
    with serving() as client:
        assert client.options("/classify", headers=ask).status_code == 405
        answer = client.post("/classify", headers=ask, json={"text": "late"})
        assert "access-control-allow-origin" not in answer.headers
    with serving(cors_origins="https://desk.example") as client:
        answer = client.options("/classify", headers=ask)
        assert answer.headers["access-control-allow-origin"] == "https://desk.example"
        answer = client.options("/classify", headers=ask | {"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in answer.headers


def test_every_answer_carries_careful_headers(client: httpx.Client) -> None:
    for answer in (client.get("/livez"), client.get("/nowhere"), client.post("/classify", json={"text": "late"})):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "server" not in answer.headers
    assert "script-src 'self' 'sha256-" in client.get("/docs").headers["content-security-policy"]
