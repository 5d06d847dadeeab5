"""The main job with nothing left out: train on a part of the corpus with the real encoder, be interrupted, resume,
export, serve in a process of its own, be killed, serve again.
"""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from data.starter_corpus import STARTER
from data.taxonomy import DEFAULT_TAXONOMY
from model.bundle import Bundle
from model.registry import Registry

pytestmark = pytest.mark.slow

README = Path(__file__).parent.parent / "README.md"
TRIAGE = [sys.executable, "-m", "api.cli"]
WRITERS = ("w01", "w03", "w05", "w09")

POSTS = [
    "@acme no internet in the whole of Leith since 6, neighbours too",
    "I'd like a quote for 40 licences please",
    "my manager cut my shifts after I reported him, still happening",
    "you have until Friday, then my solicitor files at the county court",
    "lol what a game last night",
]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with one bundle, `part@1`, from a run that was interrupted after its first epoch and resumed."""
    folder = tmp_path_factory.mktemp("models")
    files = [str(STARTER / "posts" / f"{writer}.jsonl") for writer in WRITERS]
    command = [*TRIAGE, "train", *files, "--taxonomy", str(DEFAULT_TAXONOMY), "--name", "part"]
    command += ["--preset", "quick", "--epochs", "4", "--models", str(folder)]

    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as first:
        assert first.stderr is not None
        for line in first.stderr:
            if line.startswith("epoch 1"):
                first.send_signal(signal.SIGINT)
                break
        rest = first.stderr.read()
    assert first.returncode == 130, rest
    assert "--resume" in rest
    assert Registry(folder).references() == []

    second = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=False)
    assert second.returncode == 0, second.stderr
    epochs = re.findall(r"^epoch (\d)", second.stderr, re.MULTILINE)
    assert epochs == ["2", "3", "4"], "a resumed run does not begin anew"
    assert list(folder.glob(".runs/*")) == []
    return folder


@contextmanager
def service(models: Path, **environment: str) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """`triage serve` as a process; ends when it is ready, and with it when it ends."""
    process = subprocess.Popen(
        [*TRIAGE, "serve", "--port", "0", "--models", str(models)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    assert process.stderr is not None
    log = []
    port = None
    for line in process.stderr:
        log.append(line)
        if found := re.search(r"serving part@1 on http://127\.0\.0\.1:(\d+)", line):
            port = found[1]
        if "ready: part@1" in line:
            break
    assert port, "".join(log)
    drain = threading.Thread(target=process.stderr.read)  # or the pipe would fill up
    drain.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            yield process, client
    finally:
        process.kill()
        process.wait()
        drain.join()
        process.stderr.close()


def ask(client: httpx.Client, texts: list[str]) -> list[dict[str, Any]]:
    answer = client.post("/classify", json={"posts": [{"text": text} for text in texts]})
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def test_the_bundle_learned_something_and_can_be_traced(models: Path) -> None:
    bundle = Bundle.load(Registry(models).resolve())
    figures = bundle.metrics()["heads"]
    assert figures["department"]["accuracy"] > 0.5  # the commonest department has a third of the posts
    assert figures["intent"]["accuracy"] > 0.3  # one in 24 by chance
    provenance = bundle.manifest.provenance
    assert [file["name"] for file in provenance["data"]["files"]] == [f"{writer}.jsonl" for writer in WRITERS]
    operators = provenance["graph"]["operators"]
    assert (operators["Attention"], operators["EmbedLayerNormalization"], operators["BiasGelu"]) == (6, 1, 6)


def test_it_serves_is_killed_and_serves_the_same_answers_again(models: Path) -> None:
    with service(models) as (process, client):
        before = ask(client, POSTS)
        process.send_signal(signal.SIGKILL)
        assert process.wait(30) == -signal.SIGKILL
        with pytest.raises(httpx.TransportError):
            client.get("/livez")
    with service(models) as (process, client):
        after = ask(client, POSTS)
        alone = [ask(client, [text])[0] for text in POSTS]
    assert after == before
    for one, many in zip(alone, before, strict=True):
        for head, answer in many["labels"].items():
            assert one["labels"][head]["label"] == answer["label"]
            assert one["labels"][head]["confidence"] == pytest.approx(answer["confidence"], abs=1e-5)


def test_sigterm_lets_the_requests_under_way_finish(models: Path) -> None:
    texts = [f"{text} {'and so on ' * 10}{index}" for index in range(200) for text in POSTS]
    with service(models) as (process, client):
        answers: list[Any] = []
        request = threading.Thread(target=lambda: answers.append(client.post("/classify", json=_batch(texts))))
        request.start()
        while request.is_alive() and "triage_queued_posts 1000.0" not in client.get("/metrics").text:
            pass
        assert request.is_alive()
        process.send_signal(signal.SIGTERM)
        request.join()
        assert process.wait(60) == 0
    [answer] = answers
    assert answer.status_code == 200
    assert answer.json()["summary"]["ok"] == len(texts)


def test_the_lines_of_the_readme_give_answers_of_the_shape_printed_there(models: Path) -> None:
    pairs = re.findall(r"```sh\n(curl .*?)```\n+```json\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(pairs) >= 3
    with service(models) as (_, client):
        for command, printed in pairs:
            line = command.replace("localhost:8000", f"127.0.0.1:{client.base_url.port}").replace("\\\n", " ")
            found = subprocess.run(shlex.split(line), check=True, capture_output=True, text=True)
            assert shape(json.loads(found.stdout)) == shape(json.loads(printed)), command


def shape(plain: Any) -> Any:
    """Keys, lengths and types; an optional owner may be null, a list of reasons may be empty or not."""
    if isinstance(plain, dict):
        return {
            key: "optional" if key in ("department", "reasons") and not isinstance(value, dict) else shape(value)
            for key, value in plain.items()
        }
    if isinstance(plain, list):
        return [shape(item) for item in plain]
    return type(plain).__name__


def _batch(texts: list[str]) -> dict[str, Any]:
    return {"posts": [{"text": text} for text in texts]}
