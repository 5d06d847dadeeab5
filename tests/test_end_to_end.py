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

from data.starter_corpus import STARTER, read_starter
from data.taxonomy import DEFAULT_TAXONOMY
from evaluation.speed import largest_shift
from model.bundle import Bundle
from model.engine import Engine
from model.export import export_onnx
from model.network import TriageNetwork
from model.quantize import quantize
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
    assert [path.name for path in folder.glob(".runs/*")] == ["logs"]
    return folder


@contextmanager
def service(models: Path, **environment: str) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """`triage serve` as a process; ends when it is ready, and with it when it ends."""
    process = subprocess.Popen(
        [*TRIAGE, "serve", "--port", "0", "--models", str(models)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TRIAGE_FEEDBACK": str(models / "feedback.db"), **environment},
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
    operators = provenance["graph"]["float32"]["operators"]
    assert (operators["Attention"], operators["LayerNormalization"], operators["BiasGelu"]) == (6, 13, 6)
    assert (provenance["graph"]["int8"]["products"], provenance["graph"]["int8"]["tables"]) == (24, 1)


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
    assert [{**result, "answer": None} for result in after] == [{**result, "answer": None} for result in before]
    for one, many in zip(alone, before, strict=True):
        for head, answer in many["labels"].items():
            assert one["labels"][head]["label"] == answer["label"]
            assert one["labels"][head]["confidence"] == pytest.approx(answer["confidence"], abs=1.5e-6)


def test_int8_answers_alike_alone_and_in_any_batch_in_process_and_over_http(models: Path, tmp_path: Path) -> None:
    """On the graph of the real encoder, gate or no gate."""
    bundle = Bundle.load(Registry(models).resolve())
    network = TriageNetwork.from_pretrained(bundle.weights())
    texts = [example.post.text for example in read_starter() if example.metadata["writer"] == "w93"][:160]
    posts = bundle.tokenizer().encode(texts)
    export_onnx(network, tmp_path / "float32.onnx")
    quantize(tmp_path / "float32.onnx", tmp_path / "int8.onnx", posts[:40])
    for graph in ("float32.onnx", "int8.onnx"):
        engine = Engine(tmp_path / graph, bundle.tokenizer(), [head.name for head in bundle.taxonomy])
        shift, others = largest_shift(engine, posts)
        assert shift <= 1e-6
        assert others == 0
        engine.close()
    with service(models, TRIAGE_CACHED_POSTS="0") as (_, client):
        batches = [texts[:7], texts[7:71], texts[71:]]
        together = [result for batch in batches for result in ask(client, batch)]
        for text, result in list(zip(texts, together, strict=True))[::4]:
            [alone] = ask(client, [text])
            assert alone["route"] == result["route"]
            for head, answer in result["labels"].items():
                assert alone["labels"][head]["label"] == answer["label"]
                assert alone["labels"][head]["decision"] == answer["decision"]
                # Both are rounded to six digits, and may be on either side of a half.
                assert alone["labels"][head]["confidence"] == pytest.approx(answer["confidence"], abs=1.5e-6)


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
