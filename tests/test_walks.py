"""The walks through the READMEs of `data`, `evaluation` and `training`, their commands run as they stand there."""

import csv
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from data.examples import read_examples
from data.normalise import fingerprint
from data.posts import PARTS
from data.tables.reading import read_rows
from data.tables.rows import Row
from data.taxonomy import Taxonomy
from model.bundle import Bundle
from model.decision import decide
from model.registry import Registry
from tests.api.conftest import until
from tests.tickets import COPY, write_tickets
from tests.tiny import WORDS

ROOT = Path(__file__).parents[1]
TICKETS = 1000
POSTS = 1500
EVERY = 80  # post's department is another than the model says


def commands(package: str, title: str) -> list[str]:
    """The lines that a newcomer types, below a heading."""
    text = (ROOT / package / "README.md").read_text()
    [walk] = re.findall(rf"^###? {title}.*?(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
    return re.findall(r"^    (triage .*)$", walk, re.MULTILINE)


def labelled(bundle: Bundle, path: Path) -> None:
    """Posts that the model labels rightly but for some, in groups of two."""
    words = WORDS.split()
    texts = [
        f"{words[n % 20]} {words[(n * 7 + n // 20) % 20]} {words[(n * 3 + n // 50) % 20]} {n}" for n in range(POSTS)
    ]
    engine = bundle.engine()
    try:
        decisions = decide(engine.score(texts), bundle.policy)
    finally:
        engine.close()
    departments = bundle.taxonomy.head("department").labels
    rows = []
    for number, (text, decision) in enumerate(zip(texts, decisions, strict=True)):
        labels = {name: head.label for name, head in decision.heads.items()}
        if number % EVERY == 0:
            labels["department"] = next(label for label in departments if label != labels["department"])
        rows.append({"text": text, **labels, "thread": f"t{number // 2}", "channel": "tweet" if number % 3 else "chat"})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_a_newcomer_gets_from_labelled_posts_to_a_promoted_policy(
    bundle: Bundle, registry: Registry, tmp_path: Path
) -> None:
    models = Path(shutil.copytree(registry.root, tmp_path / "models"))
    name = bundle.manifest.name
    labelled(bundle, tmp_path / "labelled.jsonl")
    before = Registry(models).references()
    environment = {**os.environ, "TRIAGE_MODELS": str(models), "PYTHONPATH": str(ROOT)}
    typed = commands("evaluation", "Ten minutes")
    assert len(typed) == 7
    for line in typed:
        words = [re.sub(r"\bstarter\b", name, word) for word in shlex.split(line)[1:]]
        command = [sys.executable, "-m", "api.cli", *words]
        ended = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert ended.returncode == 0, f"{line}\n{ended.stdout}\n{ended.stderr}"
    [written] = set(Registry(models).references()) - set(before)
    assert Registry(models).promoted() == written
    tuned = Bundle.load(Registry(models).resolve(written))
    assert tuned.manifest.parent == bundle.manifest.reference
    assert tuned.policy.heads["department"].threshold != bundle.policy.heads["department"].threshold
    assert "<html" in (tmp_path / "report.html").read_text()
    assert (tmp_path / "drift.png").read_bytes().startswith(b"\x89PNG")


def reviewed(suspects: Path, right: dict[str, str]) -> tuple[int, int]:
    """What a person writes who knows the right departments: how many of the wrong ones are listed; rows in the list."""
    with suspects.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = 0
    for row in rows:
        if row["head"] == "department" and row["id"] in right:
            row["verdict"], row["label"] = "wrong", right[row["id"]]
            found += 1
        elif row["head"] == "department":
            row["verdict"] = "right"
    with suspects.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return found, len(rows)


@pytest.mark.slow
def test_a_newcomer_gets_from_a_helpdesks_export_to_parts_with_corrected_labels(tmp_path: Path) -> None:
    history = write_tickets(tmp_path / "tickets.json", TICKETS, wrong_every=20)
    typed = commands("data", "An afternoon")
    assert [line.split()[2] for line in typed] == ["import", "taxonomy", "split", "check", "correct"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    verb = f'triage() {{ {shlex.quote(sys.executable)} -m api.cli "$@"; }}; '
    wrong = 0
    for line in typed:
        ended = subprocess.run(
            ["/bin/bash", "-c", verb + line],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=240,
        )  # fmt: skip
        faulty = "check" in line  # tickets were sent twice
        assert ended.returncode == int(faulty), f"{line}\n{ended.stdout}\n{ended.stderr}"
        if faulty:
            assert "duplicate: " in ended.stdout
            assert "leak: " not in ended.stdout
            wrong, listed = reviewed(tmp_path / "suspects.csv", history.right)
            assert wrong >= 0.7 * len(history.right)
            assert listed > wrong
    report = json.loads((tmp_path / "history.report.json").read_text())
    assert report["faults"] == history.broken
    assert report["masked"]["phone"] > 50
    texts = (tmp_path / "history.jsonl").read_text()
    assert "wrote:" not in texts
    assert "<p>" not in texts
    assert "020 7946" not in texts
    assert "example.com" not in texts
    before, after = (_departments(tmp_path / folder, tmp_path / "taxonomy.yaml") for folder in ("parts", "mended"))
    changed = {name for name in before if before[name] != after[name]}
    assert changed
    assert all(after[name] == history.right[str(int(name) % COPY)] for name in changed)
    in_test = {str(row.values["id"]) for row in read_rows(tmp_path / "parts" / "test.jsonl") if isinstance(row, Row)}
    assert not changed & in_test
    assert (tmp_path / "parts" / "test.jsonl").read_bytes() == (tmp_path / "mended" / "test.jsonl").read_bytes()


def _departments(folder: Path, taxonomy: Path) -> dict[str, str | None]:
    """By the post's id."""
    files = [folder / f"{part}.jsonl" for part in PARTS]
    examples = read_examples(files, Taxonomy.read(taxonomy)).examples
    return {str(example.post.id): example.labels["department"] for example in examples}


TOPICS = {"refund please late": "money", "site down again": "site", "lawyer court help": "law", "win cash now": "junk"}
TEAMS = {"money": "care", "site": "tech", "law": "law office", "junk": "care"}


def write_export(path: Path, first: int, last: int) -> Path:
    """Short tickets whose words tell their labels; every tenth is of the customer of the one before."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Ticket", "Customer", "Message", "Topic", "Team"])
        for number in range(first, last):
            text, topic = list(TOPICS.items())[number % len(TOPICS)]
            code = "".join("bcdfghjkmn"[int(digit)] for digit in str(number))  # no word, and another in each
            writer.writerow([number, f"c{number - (number % 10 == 9)}", f"{text} {code}", topic, TEAMS[topic]])
    return path


@pytest.mark.slow
def test_a_newcomer_gets_from_an_export_to_a_better_model(tmp_path: Path, tiny_encoder: Path) -> None:
    write_export(tmp_path / "tickets.csv", 0, 2000)
    write_export(tmp_path / "newer.csv", 2000, 3000)
    typed = commands("training", "An evening")
    assert [" ".join(line.split()[1:3]) for line in typed] == [
        "data import", "data check", "data split", "train parts", "tune mine", "models promote", "data import",
        "data split", "retrain grown", "tune mine", "compare mine@2", "models promote",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TRIAGE_MODELS": str(tmp_path / "models")}
    quick = ["--epochs", "1", "--set", "noise=0", "--set", "encoder_lr=0.002", "--set", "head_lr=0.01"]
    for line in typed:
        words = shlex.split(line)[1:]
        if words[0] == "train":
            words += ["--encoder", str(tiny_encoder)]
        if words[0] in {"train", "retrain"}:
            words += quick
        ended = subprocess.run(
            [sys.executable, "-m", "api.cli", *words],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=240,
        )  # fmt: skip
        faulty = words[:2] == ["data", "check"]  # a few words give each label away
        assert ended.returncode == int(faulty), f"{line}\n{ended.stdout}\n{ended.stderr}"
        assert not faulty or "giveaway: " in ended.stdout
    models = Registry(tmp_path / "models")
    assert models.references() == ["mine@1", "mine@2", "mine@3", "mine@4"]
    assert models.promoted() == "mine@4"
    report = (tmp_path / "report.md").read_text()
    assert report.startswith("# mine@3 against mine@2\n")
    assert "The challenger is not worse" in report
    assert "the thresholds of mine@2 were tuned" in report
    challenger = Bundle.load(models.resolve("mine@3"))
    test = [row.values for row in read_rows(tmp_path / "grown" / "test.jsonl") if isinstance(row, Row)]
    before = [row.values for row in read_rows(tmp_path / "parts" / "test.jsonl") if isinstance(row, Row)]
    assert {row["id"] for row in before} <= {row["id"] for row in test}
    assert not {fingerprint(row["text"]) for row in test} & challenger.training_rows()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.slow
def test_a_newcomer_gets_from_a_corrected_post_to_the_next_model(
    bundle: Bundle, registry: Registry, tiny_encoder: Path, tmp_path: Path
) -> None:
    """The texts are kept, a post is answered, a person corrects it, and the next training run has learned it."""
    models = Path(shutil.copytree(registry.root, tmp_path / "models"))
    posts = tmp_path / "history.jsonl"
    labelled(bundle, posts)
    serve, import_, train = commands("", "Feedback")
    assert [line.split()[1] for line in (serve, import_, train)] == ["serve", "data", "train"]
    port = free_port()
    environment = {**os.environ, "TRIAGE_MODELS": str(models), "TRIAGE_PORT": str(port), "PYTHONPATH": str(ROOT)}
    environment.pop("TRIAGE_FEEDBACK", None)

    def start(line: str, *more: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "api.cli", *shlex.split(line)[1:], *more]
        return subprocess.Popen(
            command, cwd=tmp_path, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    text = "my lawyer will call you from 0049 170 1234567"
    with start(serve) as service, httpx.Client(base_url=f"http://localhost:{port}", timeout=30) as client:
        try:
            until(lambda: is_ready(client))
            [result] = client.post("/classify", json={"text": text}).json()["results"]
            said = result["labels"]["intent"]["label"]
            right = next(label for label in bundle.taxonomy.head("intent").labels if label != said)
            judged = {"answer": result["answer"], "labels": {"intent": right}, "reviewer": "ana", "saw_answer": True}
            assert client.post("/feedback", json=judged).json()["summary"]["new"] == 1
        finally:
            service.terminate()
            service.communicate(timeout=60)

    quick = ["--encoder", str(tiny_encoder), "--epochs", "1", "--set", "noise=0"]
    for line, more in ((import_, []), (train, [str(posts), "--name", "mine", *quick])):
        with start(line, *more) as process:
            told, _ = process.communicate(timeout=240)
        assert process.returncode == 0, f"{line}\n{told}"
    [row] = [json.loads(line) for line in (tmp_path / "corrections.jsonl").read_text().splitlines()]
    assert row["text"] == "my lawyer will call you from [number]"
    assert row["intent"] == right
    [provenance] = row["feedback"]
    assert provenance["model"] == bundle.manifest.reference
    assert provenance["said"]["intent"]["label"] == said
    assert provenance["saw_answer"] is True
    learned = Bundle.load(Registry(models).resolve("mine"))
    assert fingerprint(row["text"]) in learned.training_rows()
    assert "added 1 of 1 posts to what teaches" in told


def is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False
