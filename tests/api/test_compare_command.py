"""`triage compare` as its user runs it, on bundles that differ in their policy or their labels."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from data.posts import Example
from data.taxonomy import Taxonomy
from model import bundle as layout
from model.bundle import About, Bundle, seal
from model.policy import Policy
from model.registry import Registry
from tests.api.command_line import Triage
from tests.tiny import WORDS

POSTS = 330


Change = Callable[[dict[str, Any], dict[str, Any]], None]


@pytest.fixture
def cli(triage: Triage) -> Triage:
    return partial(triage, "compare")


@pytest.fixture
def challenger(models: Registry, bundle: Bundle) -> Callable[[Change], None]:
    """Publish `toy@2`: the same network with another policy or taxonomy."""

    def publish(change: Change) -> None:
        taxonomy, policy = bundle.taxonomy.to_dict(), json.loads(bundle.policy.model_dump_json())
        change(taxonomy, policy)
        policy["taxonomy_sha256"] = Taxonomy.from_dict(taxonomy).sha256

        def fill(folder: Path, version: int) -> None:
            for name in (layout.MODEL, layout.TOKENIZER, layout.TRAINING_ROWS):
                shutil.copy2(bundle.path / name, folder / name)
            (folder / layout.TAXONOMY).write_text(json.dumps(taxonomy))
            Policy.model_validate(policy).write(folder / layout.POLICY)
            seal(folder, About(name="toy", version=version, precision="int8", max_tokens=32))

        models.publish("toy", fill)

    return publish


def write(path: Path, kinds: list[tuple[str, dict[str, str | None]]], count: int) -> None:
    """Posts that taught nobody anything: each has three of the words in an order of its own."""
    words = WORDS.split()
    tails = [f"{a} {b} {c}" for a in words[:10] for b in words[10:] for c in words[:5]]
    rows = [
        {"text": f"{text} {tail}", **labels} for tail, (text, labels) in zip(tails[:count], kinds * count, strict=False)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """Posts like those of the toy."""
    kinds: list[tuple[str, dict[str, str | None]]] = [
        ("refund please order", {"intent": "refund", "urgency": "normal", "department": "support"}),
        ("site is down again", {"intent": "outage", "urgency": "high", "department": "it"}),
        ("win cash now", {"intent": "spam", "urgency": "low", "department": None}),
    ]
    write(tmp_path / "fresh.jsonl", kinds, POSTS)
    return tmp_path / "fresh.jsonl"


def cautious(taxonomy: dict[str, Any], policy: dict[str, Any]) -> None:
    policy["heads"]["urgency"] |= {"threshold": 1.0, "label_thresholds": {}}


def renamed(taxonomy: dict[str, Any], policy: dict[str, Any]) -> None:
    taxonomy["heads"][0]["labels"][0] = policy["heads"]["intent"]["labels"][0] = "money_back"


def other_questions(taxonomy: dict[str, Any], policy: dict[str, Any]) -> None:
    taxonomy |= {"heads": [{"name": "tone", "labels": ["rude", "kind"]}], "routing": None}
    del taxonomy["routing"]
    policy |= {"heads": {"tone": {"labels": ["rude", "kind"]}}, "owner": None, "unowned": {}}


def test_a_model_is_not_worse_than_itself(cli: Triage, fresh: Path) -> None:
    found = cli("toy@1", "toy@1", fresh, "--json")
    assert found.code == 0, found.stderr
    plain = json.loads(found.stdout)
    assert (plain["n"], plain["set_aside"], plain["flips"], plain["examples"]) == (POSTS, 0, [], [])
    assert (plain["verdict"]["word"], plain["left_out"]) == ("not worse", [])
    assert plain["champion"] == plain["challenger"]
    assert plain["champion"]["reference"] == "toy@1"
    assert plain["heads"]["intent"]["accuracy"]["standing"] == "not worse"
    assert plain["heads"]["department"]["accuracy"]["n"] == POSTS * 2 // 3
    assert plain["routing"]["auto_rate"]["difference"] == 0
    assert plain["heads"]["urgency"]["recall"].keys() == {"low", "normal", "high"}
    assert found.stderr.count("330/330") == 2


def test_margins_are_heeded(cli: Triage, fresh: Path) -> None:
    assert cli("toy@1", "toy@1", fresh, "--margin", "0.001").code == 1
    found = json.loads(cli("toy@1", "toy@1", fresh, "--label-margin", "0.01", "--share-margin", "0.3", "--json").stdout)
    assert found["routing"]["auto_rate"]["margin"] == 0.3
    assert {recall["standing"] for recall in found["heads"]["intent"]["recall"].values()} == {"unknown"}
    assert found["verdict"]["word"] == "not worse"


def test_a_worse_challenger_fails_with_status_1(cli: Triage, fresh: Path, challenger: Callable[[Change], None]) -> None:
    challenger(cautious)
    found = cli("toy@1", "toy@2", fresh)
    assert found.code == 1
    assert "verdict: worse (automatic share)" in found.stdout
    assert "before: toy@1; after: toy@2" in found.stdout
    assert "auto: it" in found.stdout
    assert json.loads(cli("toy@1", "toy@2", fresh, "--json").stdout)["verdict"]["word"] == "worse"


def test_texts_are_shown_only_on_request(cli: Triage, fresh: Path, challenger: Callable[[Change], None]) -> None:
    challenger(cautious)
    secret = "site is down again"
    plain = [("toy@1", "toy@2", fresh), ("toy@1", "toy@2", fresh, "--examples", 3)]
    for arguments in (*plain, *((*each, "--json") for each in plain)):
        found = cli(*arguments)
        assert secret not in found.stdout + found.stderr
    assert "fresh.jsonl:" in cli("toy@1", "toy@2", fresh, "--examples", 3).stdout
    assert secret in cli("toy@1", "toy@2", fresh, "--examples", 300, "--texts").stdout
    examples = json.loads(cli("toy@1", "toy@2", fresh, "--examples", 3, "--texts", "--json").stdout)["examples"]
    lines = [json.loads(line)["text"] for line in fresh.read_text().splitlines()]
    assert [post["text"] for post in examples] == [lines[post["row"]] for post in examples]
    assert len(examples) == 3


def test_renamed_labels_are_said_and_left_out(cli: Triage, fresh: Path, challenger: Callable[[Change], None]) -> None:
    challenger(renamed)
    found = cli("toy@1", "toy@2", fresh, "--json")
    plain = json.loads(found.stdout)
    assert plain["left_out"] == [
        "intent: labels that only the champion knows: refund",
        "intent: labels that only the challenger knows: money_back",
        f"intent: {POSTS // 3} posts whose label only one of the two knows",
    ]
    assert plain["heads"]["intent"]["recall"].keys() == {"outage", "spam"}
    assert (
        "not compared: intent: labels that only the challenger knows: money_back" in cli("toy@1", "toy@2", fresh).stderr
    )


def test_other_questions_are_bad_input(cli: Triage, fresh: Path, challenger: Callable[[Change], None]) -> None:
    challenger(other_questions)
    found = cli("toy@1", "toy@2", fresh)
    assert (found.code, found.stdout) == (2, "")
    assert "no head with a label in common" in found.stderr


def test_posts_that_taught_either_are_set_aside(cli: Triage, examples: list[Example], tmp_path: Path) -> None:
    path = tmp_path / "seen.jsonl"
    path.write_text("".join(json.dumps({"text": each.post.text, **each.labels}) + "\n" for each in examples))
    refused = cli("toy@1", "toy@1", path)
    assert refused.code == 2
    assert "stand in the training data of toy@1" in refused.stderr
    found = cli("toy@1", "toy@1", path, "--allow-training-rows", "--json")
    assert found.code == 1  # the rest is too little to say
    plain = json.loads(found.stdout)
    assert plain["verdict"]["word"] == "unclear"
    assert plain["n"] + plain["set_aside"] == 60
    assert plain["set_aside"] >= 39
    assert f"set aside {plain['set_aside']} of 60 posts" in found.stderr
    path.write_text("".join(json.dumps({"text": each.post.text, **each.labels}) + "\n" for each in examples[:10]))
    nothing = cli("toy@1", "toy@1", path, "--allow-training-rows")
    assert (nothing.code, nothing.stdout) == (2, "")
    assert "all 10 posts stand in the training data" in nothing.stderr


def test_missing_bundles_and_files_are_bad_input(cli: Triage, fresh: Path) -> None:
    assert cli("toy@1", "toy@9", fresh).code == 2
    assert cli("toy@1", "toy@1", "nothing.jsonl").code == 2
    assert cli("toy@1", "toy@1").code == 2
