"""The programs in the README of the clients are run as they stand there."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.api.conftest import Serving
from tests.api.scripted import NDJSON, Asked, Handler, Step, answers, labelled, labels, refuses, scripted, sends

ROOT = Path(__file__).parents[2]
README = (ROOT / "api" / "client" / "README.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
INTENTS = ("refund", "outage", "spam")
PATIENCE = 60.0

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def of(language: str) -> list[str]:
    return [program for found, program in PROGRAMS if found == language]


def command(language: str, program: str, url: str, folder: Path) -> list[str]:
    """How a program of the README is run, against another service than the one it names."""
    assert "localhost:8000" in program
    here = program.replace("http://localhost:8000", url).replace("localhost:8000", url)
    path = folder / {"python": "program.py", "js": "program.mjs", "sh": "program.sh"}[language]
    path.write_text(here, encoding="utf-8")
    return [{"python": sys.executable, "js": "node", "sh": "sh"}[language], str(path)]


def run(language: str, program: str, url: str, folder: Path) -> list[str]:
    """The lines that it writes."""
    found = subprocess.run(
        command(language, program, url, folder),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (found.returncode, found.stderr) == (0, "")
    return found.stdout.splitlines()


def test_there_are_programs_in_each_language() -> None:
    assert [(language, len(of(language))) for language in ("python", "sh", "js")] == [
        ("python", 3),
        ("sh", 1),
        ("js", 1),
    ]


def test_python(serving: Serving, tmp_path: Path) -> None:
    with serving() as client:
        one, correction, stream = (run("python", program, str(client.base_url), tmp_path) for program in of("python"))
    assert len(one) == 1
    assert one[0] in INTENTS
    assert correction == ["new"]
    assert [line.split()[0] for line in stream] == [f"t-{number}" for number in range(1000)]
    assert all(line.split()[1] in INTENTS for line in stream)


@needs_curl
def test_curl(client: httpx.Client, tmp_path: Path) -> None:
    [program] = of("sh")
    answer = json.loads("\n".join(run("sh", program, str(client.base_url), tmp_path)))
    assert answer["results"][0]["labels"]["intent"]["label"] in INTENTS


@needs_node
def test_javascript(client: httpx.Client, tmp_path: Path) -> None:
    [program] = of("js")
    one, first, second = run("js", program, str(client.base_url), tmp_path)
    assert one in INTENTS
    assert first.split() == ["0", one]
    assert second.split() == ["1", "text_empty"]


SUMMARY = {"summary": {"total": 1}}
PROBLEM = {"code": "draining", "detail": "the service is shutting down", "status": 503}


def lines_of(*lines: object, held: threading.Event | None = None) -> Step:
    """Answer batches as a service does, and a stream with these lines: with the first, and the others when told to."""
    first, *others = [json.dumps(line).encode() + b"\n" for line in lines]

    def step(handler: Handler, asked: Asked) -> None:
        if asked.headers["Content-Type"] != NDJSON:
            labels(handler, asked)
            return
        length = len(b"".join([first, *others]))
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (length, first))
        if held:
            held.wait(PATIENCE)
        handler.wfile.write(b"".join(others))

    return step


@needs_node
def test_javascript_has_each_result_as_it_comes(tmp_path: Path) -> None:
    """The second is only sent when the first was written."""
    held = threading.Event()
    step = lines_of(labelled(0, {"text": "late"}), labelled(1, {"text": "later"}), SUMMARY, held=held)
    with scripted(otherwise=step) as service:
        program = command("js", of("js")[0], service.url, tmp_path)
        with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert [process.stdout.readline() for _ in range(2)] == ["my parcel is lost\n", "0 late\n"]
            held.set()
            assert process.stdout.read() == "1 later\n"


@needs_node
@pytest.mark.parametrize(
    ("end", "told"),
    [([PROBLEM], "the service is shutting down"), ([], "the stream was cut")],
    ids=["given up", "cut"],
)
def test_javascript_tells_a_stream_that_was_cut(end: list[object], told: str, tmp_path: Path) -> None:
    with scripted(otherwise=lines_of(labelled(0, {"text": "late"}), *end)) as service:
        program = command("js", of("js")[0], service.url, tmp_path)
        found = subprocess.run(program, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert found.returncode == 1
    assert found.stdout == "my parcel is lost\n0 late\n"
    assert f"Error: {told}" in found.stderr


RETRY_DATE = "Mon, 01 Jan 2001 00:00:00 GMT"


@needs_node
def test_javascript_tries_again_when_it_is_told_to(tmp_path: Path) -> None:
    refusals = [
        refuses(503, "loading", Retry_After="1"),
        refuses(429, "queue_full", Retry_After=RETRY_DATE),
        refuses(502),
        sends(b""),
    ]
    began = time.monotonic()
    with scripted(refusals, otherwise=lines_of(SUMMARY)) as service:
        assert run("js", of("js")[0], service.url, tmp_path) == ["my parcel is lost"]
    assert time.monotonic() - began >= 1
    assert len(service.classified()) == 5


@needs_node
def test_javascript_does_not_try_what_will_not_pass(tmp_path: Path) -> None:
    with scripted([refuses(422, "invalid_request")]) as service:
        program = command("js", of("js")[0], service.url, tmp_path)
        found = subprocess.run(program, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert found.returncode == 1
    assert "Error: 422" in found.stderr
    assert len(service.asked) == 1


@needs_curl
def test_curl_tries_again_when_it_is_told_to(tmp_path: Path) -> None:
    began = time.monotonic()
    with scripted([refuses(503, "loading", Retry_After="1")], otherwise=answers({"label": "late"})) as service:
        found = subprocess.run(
            command("sh", of("sh")[0], service.url, tmp_path), capture_output=True, timeout=PATIENCE, check=True
        )
    assert json.loads(found.stdout) == {"label": "late"}
    assert time.monotonic() - began >= 1
