"""The walk through `evaluation/README.md`, its commands run as they stand there."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from model.bundle import Bundle
from model.decision import decide
from model.registry import Registry
from tests.conftest import WORDS

ROOT = Path(__file__).parents[1]
POSTS = 1500
EVERY = 80  # post's department is another than the model says


def commands() -> list[str]:
    """The lines that a newcomer types."""
    text = (ROOT / "evaluation" / "README.md").read_text()
    [walk] = re.findall(r"^## Ten minutes.*?(?=^## )", text, re.MULTILINE | re.DOTALL)
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
    typed = commands()
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
