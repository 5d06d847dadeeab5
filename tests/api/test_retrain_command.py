"""`triage retrain` as its user runs it, on toy posts and a tiny encoder."""

import json
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from data.examples import read_examples
from data.normalise import fingerprint
from data.splitting.parts import split_into_parts
from data.taxonomy import Taxonomy
from model.bundle import Bundle
from model.policy import Policy
from model.registry import Registry
from tests.api.command_line import Outcome, Triage
from tests.tiny import WORDS
from tests.training.conftest import stopping_at as stopping_at  # noqa: PLC0414  # a fixture
from training.recipe import Recipe

POSTS = 360
LENIENT = ("--margin", 1, "--label-margin", 1, "--share-margin", 1)
FEW = ("--set", "most_posts=200")  # the starter corpus has many
QUICK = (
    "--epochs",
    2,
    "--set",
    "batch_size=16",
    "--set",
    "noise=0",
    "--set",
    "encoder_lr=0.002",
    "--set",
    "head_lr=0.01",
)
KINDS: list[tuple[str, dict[str, str | None]]] = [
    ("refund please order", {"intent": "refund", "urgency": "normal", "department": "support"}),
    ("site is down again", {"intent": "outage", "urgency": "high", "department": "it"}),
    ("win cash now", {"intent": "spam", "urgency": "low", "department": None}),
]

Change = Callable[[dict[str, Any]], None]


def write(path: Path, change: Change = lambda row: None, first: int = 0, posts: int = POSTS) -> Path:
    """Posts in groups of two whose words tell their labels, changed row by row."""
    words = WORDS.split()
    tails = [f"{a} {b} {c}" for c in words for b in words[10:] for a in words[:10]][first : first + posts]
    rows = []
    for number, tail in enumerate(tails, start=first):
        text, labels = KINDS[number // 2 % 3]
        row: dict[str, Any] = {"text": f"{text} {tail}", "thread": f"t{number // 2}", **labels}
        change(row)
        rows.append(row)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def to(head: str, old: str, new: str) -> Change:
    """Gives a label another name."""

    def change(row: dict[str, Any]) -> None:
        if row.get(head) == old:
            row[head] = new

    return change


@pytest.fixture
def cli(triage: Triage) -> Callable[..., Outcome]:
    return partial(triage, "retrain")


@pytest.fixture
def history(tmp_path: Path) -> Path:
    return write(tmp_path / "history.jsonl")


def test_a_challenger_as_good_as_the_champion_passes_and_waits_for_promotion(
    cli: Triage, history: Path, models: Registry, bundle: Bundle
) -> None:
    found = cli(history, *QUICK, *LENIENT, "--mix", "history")
    assert found.code == 0, found.stderr
    assert "verdict: not worse" in found.stdout
    assert "training 1 of 1: history, " in found.stderr
    assert "promote it: triage models promote toy@2" in found.stderr
    assert models.promoted() == "toy@1"
    challenger = Bundle.load(models.resolve("toy@2"))
    assert challenger.taxonomy == bundle.taxonomy  # kinds, order, definitions and routing
    assert challenger.manifest.provenance["recipe"]["encoder"] == bundle.manifest.provenance["recipe"]["encoder"]
    assert "toy@2" in challenger.card()


def test_it_is_promoted_on_request_and_a_report_tells_what_changes(
    cli: Triage, history: Path, models: Registry, tmp_path: Path
) -> None:
    found = cli(history, *QUICK, *LENIENT, "--mix", "history", "--promote", "--json", "--report", "report.md")
    assert found.code == 0, found.stderr
    plain = found.plain
    assert (plain["challenger"], plain["champion"], plain["promoted"]) == ("toy@2", "toy@1", "toy@2")
    assert (plain["verdict"], plain["passed"], plain["mix"]) == ("not worse", True, "history")
    assert plain["comparison"]["n"] == plain["comparison"]["users"]["posts"] == plain["posts"]["test"]
    assert sum(plain["posts"].values()) == POSTS
    assert plain["labels"] == {
        "new": [], "renamed": {}, "dropped": [], "kept": [], "without_a_post": [], "in_the_posts": {},
    }  # fmt: skip
    assert models.promoted() == "toy@2"
    report = (tmp_path / "report.md").read_text()
    assert report.startswith("# toy@2 against toy@1\n")
    assert "**The challenger is not worse.**" in report
    assert "a person looks at " in report
    assert "site is down" not in report + found.stdout + found.stderr
    assert not list(models.root.glob(".runs/retrain-*"))


def test_a_worse_challenger_is_not_promoted(cli: Triage, history: Path, models: Registry, recipe: Recipe) -> None:
    posts = read_examples([history], _heads()).examples
    test = {example.post.text for example in split_into_parts(posts, recipe.seed).test}
    swap = {"refund": "outage", "outage": "spam", "spam": "refund"}

    def confused(row: dict[str, Any]) -> None:
        if row["text"] not in test:  # what teaches is wrong, what judges is right
            row["intent"] = swap[row["intent"]]

    write(history, confused)
    found = cli(history, *QUICK, "--mix", "history", "--promote")
    assert found.code == 1, found.stderr
    assert "verdict: worse" in found.stdout
    assert "toy@2 did not pass, and not promoted; toy@1 stays promoted" in found.stderr
    assert models.promoted() == "toy@1"


def _heads() -> Taxonomy:
    return Taxonomy.from_dict(
        {
            "name": "t",
            "heads": [
                {"name": "intent", "labels": ["refund", "outage", "spam"]},
                {"name": "urgency", "labels": ["low", "normal", "high"]},
                {"name": "department", "optional": True, "labels": ["support", "it"]},
            ],
        }
    )


def test_a_label_that_the_history_lacks_is_not_lost_silently(cli: Triage, tmp_path: Path, models: Registry) -> None:
    write(tmp_path / "new.jsonl", to("intent", "refund", "money_back"))
    found = cli("new.jsonl", *QUICK, "--mix", "history")
    assert (found.code, found.stdout) == (2, "")
    assert "no post of intent.refund (of the champion)" in found.stderr
    for way in ("--rename intent.refund=NEW", "--drop intent.refund", "--keep intent.refund"):
        assert way in found.stderr
    assert models.references() == ["toy@1"]
    assert not list(models.root.glob(".runs/retrain-*"))  # nothing was trained


def test_a_renamed_label_is_not_held_against_the_champion(cli: Triage, tmp_path: Path, models: Registry) -> None:
    write(tmp_path / "new.jsonl", to("intent", "refund", "money_back"))
    write(tmp_path / "old.jsonl", first=POSTS, posts=60)
    found = cli(
        "new.jsonl", *QUICK, "--rename", "intent.refund=money_back", "--old", "old.jsonl", "--mix", "history+old",
        "--json",
    )  # fmt: skip
    assert found.code in {0, 1}, found.stderr
    plain = found.plain
    recall = plain["comparison"]["heads"]["intent"]["recall"]
    assert recall.keys() == {"money_back", "outage", "spam"}
    write(tmp_path / "as_it_was.jsonl")
    before = cli("as_it_was.jsonl", *QUICK, "--mix", "history", "--champion", "toy@1", "--json").plain["comparison"]
    assert recall["money_back"]["champion"] == before["heads"]["intent"]["recall"]["refund"]["champion"] > 0.5
    assert plain["comparison"]["left_out"] == []
    assert plain["labels"]["renamed"] == {"intent.refund": "money_back"}
    assert plain["labels"]["in_the_posts"] == {"intent.refund is now intent.money_back": 20}
    assert 0 < plain["mixes"][0]["taught"]["old"] < 60  # without near copies of what judges
    taxonomy = Bundle.load(models.resolve("toy@2")).taxonomy
    assert taxonomy.head("intent").labels == ("money_back", "outage", "spam")
    assert taxonomy.head("urgency").kind == "ordinal"
    assert taxonomy.routing is not None


def test_dropped_labels_and_heads_teach_nothing_and_new_labels_are_named(
    cli: Triage, tmp_path: Path, models: Registry
) -> None:
    def change(row: dict[str, Any]) -> None:
        if row["intent"] == "spam":
            row["intent"] = "praise"
        if int(row["thread"][1:]) % 2:
            del row["urgency"]

    write(tmp_path / "new.jsonl", change)
    found = cli("new.jsonl", *QUICK, "--mix", "history", "--drop", "intent.spam", "--drop", "urgency", "--json")
    assert found.code in {0, 1}, found.stderr
    labels = found.plain["labels"]
    assert labels["new"] == ["intent.praise"]
    assert labels["dropped"] == ["intent.spam", "urgency"]
    assert labels["in_the_posts"] == {
        "urgency.normal dropped": 60,
        "urgency.high dropped": 60,
        "urgency.low dropped": 60,
    }
    taxonomy = Bundle.load(models.resolve("toy@2")).taxonomy
    assert [head.name for head in taxonomy] == ["intent", "department"]
    assert taxonomy.head("intent").labels == ("refund", "outage", "praise")
    assert any("only the challenger knows: praise" in line for line in found.plain["comparison"]["left_out"])


def test_no_post_of_the_test_part_teaches_from_old_history(cli: Triage, history: Path, models: Registry) -> None:
    found = cli(history, *QUICK, "--old", history, "--mix", "history+old")
    assert found.code == 2
    assert "expected measure, all or one of history" in found.stderr  # nothing of it is left to teach


def test_the_test_part_stays_as_the_history_grows(
    cli: Triage, tmp_path: Path, models: Registry, recipe: Recipe
) -> None:
    learned = []
    for version, posts in ((2, POSTS), (3, POSTS + 90)):
        path = write(tmp_path / "history.jsonl", posts=posts)
        found = cli(path, *QUICK, "--mix", "history", "--champion", "toy@1", "--json")
        assert found.code in {0, 1}, found.stderr
        parts = split_into_parts(read_examples([path], _heads()).examples, recipe.seed)
        test = {fingerprint(example.post.text) for example in parts.test}
        rows = Bundle.load(models.resolve(f"toy@{version}")).training_rows()
        assert not test & rows
        learned.append((test, rows))
    assert learned[0][0] <= learned[1][0]
    assert not learned[0][0] & learned[1][1]


def test_what_teaches_is_counted_as_the_recipe_takes_it(
    cli: Triage, history: Path, tmp_path: Path, models: Registry
) -> None:
    write(tmp_path / "old.jsonl", first=POSTS, posts=90)
    found = cli(
        history, *QUICK, "--set", "most_posts=100", "--old", "old.jsonl", "--mix", "history+old", "--json", "--report",
        "report.md",
    )  # fmt: skip
    assert found.code in {0, 1}, found.stderr
    challenger = Bundle.load(models.resolve("toy@2"))
    provenance = challenger.manifest.provenance
    [mix] = found.plain["mixes"]
    assert sum(mix["taught"].values()) == provenance["data"]["posts"]["train"] < 150
    assert min(mix["taught"].values()) > 0
    assert provenance["retraining"]["mixes"][0]["taught"] == mix["taught"]
    total = sum(mix["taught"].values())
    assert f"history+old, {total} posts teach" in found.stderr
    assert f"| **history+old** | {total} |" in (tmp_path / "report.md").read_text()
    assert f"history {mix['taught']['history']}, old {mix['taught']['old']}" in challenger.card()


def test_old_history_of_which_nothing_can_teach_is_said(cli: Triage, history: Path) -> None:
    found = cli(history, *QUICK, "--old", history, "--mix", "history")
    assert f"old: none of its {POSTS} posts teaches" in found.stderr


def test_few_posts_a_label_have_a_preset_of_their_own(cli: Triage, tmp_path: Path, models: Registry) -> None:
    write(tmp_path / "short.jsonl", posts=60)
    quick = ("--mix", "history", "--champion", "none", "--name", "short", "--encoder")
    encoder = Bundle.load(models.resolve("toy@1")).manifest.provenance["recipe"]["encoder"]
    found = cli("short.jsonl", *quick, encoder, "--set", "contrastive_epochs=0")
    assert found.code == 0, found.stderr
    assert "history: few posts a label: the preset few" in found.stderr
    assert Bundle.load(models.resolve("short@1")).manifest.provenance["recipe"]["probe"] is True
    found = cli("short.jsonl", *quick, encoder, "--preset", "quick")
    assert "few posts a label" not in found.stderr
    assert Bundle.load(models.resolve("short@2")).manifest.provenance["recipe"]["probe"] is False


@pytest.mark.slow
def test_every_mix_is_trained_and_the_best_is_published(
    cli: Triage, history: Path, tmp_path: Path, models: Registry
) -> None:
    write(tmp_path / "old.jsonl", to("intent", "refund", "spam"), first=POSTS, posts=300)  # wrong, so it cannot help
    found = cli(history, *QUICK, *FEW, "--old", "old.jsonl", "--json")
    assert found.code in {0, 1}, found.stderr
    plain = found.plain
    # The starter corpus has the head urgency with these very labels.
    assert [mix["mix"] for mix in plain["mixes"]] == [
        "history", "history+starter", "history+old", "history+starter+old",
    ]  # fmt: skip
    scores = {mix["mix"]: mix["dev_macro_f1"] for mix in plain["mixes"]}
    assert scores[plain["mix"]] == max(scores.values())
    assert models.references() == ["toy@1", "toy@2"]
    told = Bundle.load(models.resolve("toy@2")).manifest.provenance["retraining"]
    assert {mix["mix"]: mix["dev_macro_f1"] for mix in told["mixes"]} == scores
    assert "training 4 of 4" in found.stderr


def test_interrupted_it_goes_on_with_the_same_command(
    cli: Triage,
    history: Path,
    tmp_path: Path,
    models: Registry,
    stopping_at: Callable[..., AbstractContextManager[None]],
) -> None:
    write(tmp_path / "old.jsonl", first=POSTS, posts=60)
    command = (history, *QUICK, "--old", "old.jsonl", "--mix", "history+old", "--json")
    with stopping_at(20, signal.SIGTERM):
        stopped = cli(*command)
    assert stopped.code == 130
    assert "give the same command to go on" in stopped.stderr
    assert models.references() == ["toy@1"]
    found = cli(*command)
    assert found.code in {0, 1}, found.stderr
    assert "it goes on" in found.stderr
    assert models.references() == ["toy@1", "toy@2"]
    assert not list(models.root.glob(".runs/retrain-*"))


def test_without_a_champion_it_is_judged_by_itself(
    cli: Triage, history: Path, tmp_path: Path, tiny_encoder: Path
) -> None:
    arguments = (history, *QUICK, "--mix", "history", "--encoder", tiny_encoder)
    found = cli(*arguments, "--champion", "none", "--name", "alone", "--report", "report.md")
    assert found.code == 0, found.stderr
    assert "There is no champion" in (tmp_path / "report.md").read_text()
    assert "promote it: triage models promote alone@1" in found.stderr
    first = cli(*arguments, "--models", "empty", "--json")
    assert first.code == 0, first.stderr
    assert "no bundle is promoted" in first.stderr
    assert (first.plain["champion"], first.plain["verdict"]) == (None, "no champion")
    assert first.plain["promoted"] == "history@1"


def test_a_champion_that_has_learned_the_whole_test_part_is_told_before_anything_is_trained(
    cli: Triage, history: Path, models: Registry
) -> None:
    assert cli(history, *QUICK, *LENIENT, "--mix", "history", "--promote").code == 0
    lines = history.read_text().splitlines(keepends=True)
    seen = Bundle.load(models.resolve("toy@2")).training_rows()
    history.write_text("".join(line for line in lines if fingerprint(json.loads(line)["text"]) in seen))
    found = cli(history, *QUICK, "--mix", "history", "--seed", 1)
    assert found.code == 2
    assert "posts of the test part stand in the training data of toy@2" in found.stderr


def test_tuned_thresholds_are_said_to_be_lost(cli: Triage, history: Path, models: Registry, bundle: Bundle) -> None:
    heads = {**bundle.policy.heads, "urgency": bundle.policy.heads["urgency"].model_copy(update={"threshold": 0.1})}
    policy = Policy.model_validate(
        {**bundle.policy.model_dump(), "heads": {n: h.model_dump() for n, h in heads.items()}}
    )
    models.publish_policy(bundle, policy, {"targets": []}, lambda folder, manifest: "card")
    found = cli(history, *QUICK, "--mix", "history", "--champion", "toy@2")
    assert "the thresholds of toy@2 were tuned, those of toy@3 are plain" in found.stderr
    assert "were tuned" in found.stdout


def test_it_goes_on_from_the_champions_weights_on_request(cli: Triage, history: Path, models: Registry) -> None:
    found = cli(history, *QUICK, "--mix", "history", "--warm", "--json")
    assert found.code in {0, 1}, found.stderr
    warm = Bundle.load(models.resolve("toy@2"))
    assert warm.manifest.parent == "toy@1"
    taught = Bundle.load(models.resolve("toy@1")).training_rows()
    assert taught < warm.training_rows()
    known = cli(history, *QUICK, "--mix", "history", "--warm", "--champion", "toy@2", "--seed", 4, "--json")
    assert known.code in {0, 1}, known.stderr
    posts = Bundle.load(models.resolve("toy@3")).manifest.provenance["data"]["posts"]
    left = known.plain["posts"]["test"] - known.plain["comparison"]["set_aside"]
    assert posts["test"] == known.plain["figures"]["n"] == left < known.plain["posts"]["test"]
    assert posts["calibration"] < known.plain["posts"]["calibration"]


def test_several_processes_are_refused(cli: Triage, history: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    found = cli(history, *QUICK)
    assert (found.code, found.stdout) == (2, "")
    assert "start it in a single process" in found.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--mix", "everything"), "--mix is 'everything'"),
        (("--drop", "intent.refnd"), "--drop intent.refnd: expected a head or label"),
        (("--rename", "intents.refund=x"), "--rename intents.refund: expected a head or label"),
        (("--warm", "--encoder", "x"), "give it or --encoder"),
        (("--warm", "--set", "encoder=x"), "give it or --encoder"),
        (("--champion", "none", "--warm"), "there is none"),
        (("--champion", "toy@9"), "no bundle 'toy@9'"),
        (("--set", "epoch=3"), "expected NAME=VALUE"),
        (("--report", "models"), "--report is 'models', a folder; expected the name of a file"),
        (("--drop", "intent", "--drop", "urgency", "--drop", "department"), "at least one head"),
    ],
)
def test_wishes_that_cannot_be_met_are_bad_input(
    cli: Triage, history: Path, models: Registry, arguments: tuple[str, ...], said: str
) -> None:
    found = cli(history, *arguments)
    assert (found.code, found.stdout) == (2, "")
    assert said in found.stderr
    assert models.references() == ["toy@1"]
