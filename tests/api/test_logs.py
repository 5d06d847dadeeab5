import json
import logging
from collections.abc import Iterator

import pytest

from api.logs import configure_logging
from api.settings import LogFormat
from tests.api.conftest import Serving


@pytest.fixture(autouse=True)
def _own_handlers() -> Iterator[None]:
    """Put pytest's handlers back."""
    root, uvicorn = logging.getLogger(), logging.getLogger("uvicorn")
    before, level, uvicorn_level = root.handlers[:], root.level, uvicorn.level
    yield
    root.handlers[:] = before
    root.setLevel(level)
    uvicorn.setLevel(uvicorn_level)


def test_for_machines_a_line_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogFormat.AUTO)  # no terminal is there
    logging.getLogger("triage").info("ready: %s", "toy@1", extra={"threads": 2})
    [line] = map(json.loads, capsys.readouterr().err.splitlines())
    assert line["message"] == "ready: toy@1"
    assert (line["level"], line["threads"]) == ("INFO", 2)
    assert "time" in line


def test_for_people_it_is_plain(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogFormat.PLAIN)
    logging.getLogger("triage").info("ready")
    assert capsys.readouterr().err.endswith("INFO ready\n")


def test_requests_are_logged_where_it_is_wished_for_and_without_their_text(
    serving: Serving, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure_logging(LogFormat.JSON)
    monkeypatch.setattr(logging.getLogger("httpx"), "disabled", True)  # the client's own log
    with serving(log_requests=True) as client:
        client.post("/classify?secret=sesame", json={"text": "sesame"}, headers={"X-Request-ID": "mine"})
        client.get("/sesame")
    logged = capsys.readouterr().err
    assert "sesame" not in logged
    [line] = [line for line in map(json.loads, logged.splitlines()) if line.get("request_id") == "mine"]
    assert (line["method"], line["route"], line["status"], line["key"]) == ("POST", "/classify", 422, None)
    assert line["milliseconds"] > 0
