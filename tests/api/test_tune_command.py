"""`triage tune` as its user runs it."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from data.posts import Example
from model import bundle as layout
from model.bundle import Bundle
from model.decision import decide
from model.registry import Registry
from tests.api.command_line import Triage
from tests.tiny import WORDS

POSTS = 330
WRONG = 11
"""Of the posts, where the department of the gold is the other one: one in thirty, evenly."""

EASY = "department:error<=0.15"


@pytest.fixture
def tune(triage: Triage) -> Triage:
    return partial(triage, "tune")


def rows_of(first: int, count: int) -> list[dict[str, str | None]]:
    """Posts like those of the toy, each with three of the words in an order of its own."""
    kinds: list[tuple[str, dict[str, str | None]]] = [
        ("refund please order", {"intent": "refund", "urgency": "normal", "department": "support"}),
        ("site is down again", {"intent": "outage", "urgency": "high", "department": "it"}),
        ("win cash now", {"intent": "spam", "urgency": "low", "department": None}),
    ]
    words = WORDS.split()
    tails = [f"{a} {b} {c}" for a in words[:10] for b in words[10:] for c in words[:9]][first : first + count]
    rows: list[dict[str, str | None]] = []
    for place, tail in enumerate(tails):
        text, labels = kinds[place % 3]
        row: dict[str, str | None] = {"text": f"{text} {tail}", **labels}
        if place % 30 == 0:
            row["department"] = "it"
        rows.append(row)
    return rows


def write(path: Path, rows: Sequence[dict[str, str | None]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    return write(tmp_path / "fresh.jsonl", rows_of(0, POSTS))


@pytest.fixture
def others(tmp_path: Path) -> Path:
    return write(tmp_path / "others.jsonl", rows_of(POSTS, 300))


def files_in(registry: Registry) -> list[Path]:
    """All but cached scores."""
    return sorted(path for path in registry.root.rglob("*") if ".scores" not in path.parts)


def scored_by_hand(models: Registry, reference: str, file: Path) -> list[tuple[dict[str, Any], Any]]:
    """Each row with what the bundle decides, by its own engine and policy."""
    bundle = Bundle.load(models.resolve(reference))
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    engine = bundle.engine()
    try:
        decisions = decide(engine.score([row["text"] for row in rows]), bundle.policy)
    finally:
        engine.close()
    return list(zip(rows, decisions, strict=True))


def test_the_tables_are_for_a_person(tune: Triage, models: Registry, fresh: Path, others: Path) -> None:
    before = files_in(models)
    found = tune(fresh, "--target", EASY, "--test", others, "--volume", "20000/day", "--review-minutes", 3)
    assert found.code == 0, found.stderr
    for shown in (
        "targets, on 330 independent posts",
        "department:error<=0.15@0.95",
        "the same, on 300 other posts",
        "other thresholds",
        "thresholds that change",
        "reviewers",
    ):
        assert shown in found.stdout
    assert "for posts drawn like those of fresh.jsonl (330 bear it out)" in found.stderr
    assert "refund please" not in found.stdout + found.stderr
    assert files_in(models) == before, "nothing is written without --apply"


def test_what_is_printed_for_machines_is_what_the_written_policy_decides(
    tune: Triage, models: Registry, fresh: Path, others: Path
) -> None:
    found = tune(
        fresh, "--target", EASY, "--test", others, "--json", "--apply", "--volume", "48/day", "--review-hours", 8
    )
    assert found.code == 0, found.stderr
    plain = found.plain
    (target,) = plain["targets"]
    assert (target["target"], target["kept"], target["posts"]) == ("department:error<=0.15@0.95", True, 220)
    assert plain["policy"]["heads"]["department"]["threshold"] == target["threshold"]
    assert plain["posts"] == {"parts": {"promised": POSTS}, "independent": POSTS, "stages": 1}
    assert len(plain["sweeps"]["department:error<=0.15@0.95"]) > 5

    for file, seen in ((fresh, target["seen"]), (others, target["tested"])):
        owned = [
            (row, decision.heads["department"])
            for row, decision in scored_by_hand(models, "toy@2", file)
            if row["department"] is not None
        ]
        accepted = [(row, answer) for row, answer in owned if answer.confidence >= target["threshold"]]
        wrong = sum(row["department"] != answer.label for row, answer in accepted)
        assert (seen["posts"], seen["counted"], seen["wrong"]) == (len(owned), len(accepted), wrong)
        assert seen["rate"] == wrong / len(accepted)
        assert seen["rate_ci95"][0] < seen["rate"] < seen["rate_ci95"][1]
    assert target["seen"]["wrong"] == WRONG

    shares = {
        side: [decision.action for _, decision in scored_by_hand(models, reference, others)].count("review") / 300
        for side, reference in (("before", "toy@1"), ("after", "toy@2"))
    }
    assert plain["review_share"] == shares
    assert plain["reviewers"] == {side: pytest.approx(48 * share * 2 / 480) for side, share in shares.items()}
    # Of other posts, as that is where the share to review is seen.
    changed = sum(
        (one.action, one.owner) != (two.action, two.owner)
        for (_, one), (_, two) in zip(
            scored_by_hand(models, "toy@1", others), scored_by_hand(models, "toy@2", others), strict=True
        )
        if one.action != two.action
    )
    assert sum(flip["posts"] for flip in plain["changes"]) == changed


def test_an_applied_policy_is_the_next_version_and_evaluates_with_its_thresholds(
    triage: Triage, tune: Triage, models: Registry, fresh: Path, others: Path
) -> None:
    found = tune("toy@1", fresh, "--target", "route:error<=0.15", "--target", "intent:error<=0.1", "--apply", "--json")
    assert found.code == 0, found.stderr
    assert "wrote" in found.stderr
    assert "serve it: triage models promote toy@2" in found.stderr
    child = Bundle.load(models.resolve("toy@2"))
    assert (child.manifest.parent, models.promoted()) == ("toy@1", "toy@1")
    assert child.policy.model_dump(mode="json") == found.plain["policy"]
    assert (
        child.policy.heads["department"].threshold
        != Bundle.load(models.resolve("toy@1")).policy.heads["department"].threshold
    )
    [tuned] = child.manifest.provenance["tuned"]
    assert [target["target"] for target in tuned["targets"]] == ["route:error<=0.15@0.95", "intent:error<=0.1@0.95"]
    assert [file["name"] for file in tuned["files"]] == ["fresh.jsonl"]
    assert str(fresh.parent) not in (models.resolve("toy@2") / layout.MANIFEST).read_text()

    figures = triage("evaluate", "toy@2", others, "--json").plain
    decisions = [decision for _, decision in scored_by_hand(models, "toy@2", others)]
    assert figures["bundle"]["policy"] == child.policy.version
    assert figures["routing"]["auto_rate"] == [each.action for each in decisions].count("auto") / 300
    listed = triage("models", "list", "--json")
    assert [(row["bundle"], row["parent"]) for row in listed.plain] == [("toy@1", None), ("toy@2", "toy@1")]
    assert triage("models", "promote", "toy@2").code == 0


@pytest.mark.parametrize("apply", [(), ("--apply",)])
def test_a_target_that_the_posts_cannot_bear_is_refused_with_the_number_that_would(
    tune: Triage, models: Registry, fresh: Path, apply: tuple[str, ...]
) -> None:
    before = files_in(models)
    found = tune(fresh, "--target", "urgency.high:recall>=0.99", "--target", EASY, *apply, "--json")
    assert found.code == 1
    refused, kept = found.plain["targets"]
    # 0.99 ** 299 < 0.05 <= 0.99 ** 298; 110 of the posts are of that label.
    assert (refused["kept"], refused["threshold"], refused["posts"]) == (False, None, 110)
    assert (refused["examples_needed"], refused["times_this_file"]) == (299, pytest.approx(299 / 110))
    assert kept["kept"]
    assert ("nothing is written: a target was refused" in found.stderr) == bool(apply)
    assert files_in(models) == before

    shown = tune(fresh, "--target", "urgency.high:recall>=0.99", *apply)
    assert shown.code == 1
    assert "urgency.high:recall>=0.99@0.95 cannot be promised on 110 posts; about 299 labelled high would do" in (
        shown.stderr
    )
    assert "2.7 times as long" in shown.stderr


def test_a_file_for_the_test_that_shares_posts_is_refused(tune: Triage, tmp_path: Path, fresh: Path) -> None:
    mixed = write(tmp_path / "mixed.jsonl", [*rows_of(POSTS, 100), *rows_of(0, 2)])
    found = tune(fresh, "--target", EASY, "--test", mixed)
    assert found.code == 2
    assert "fresh.jsonl and" in found.stderr
    assert "share 2 posts (" in found.stderr
    assert found.stdout == ""


def test_files_that_share_a_group_are_refused(tune: Triage, tmp_path: Path) -> None:
    one = write(tmp_path / "one.jsonl", [{**row, "group": "story"} for row in rows_of(0, 60)])
    two = write(tmp_path / "two.jsonl", [{**row, "group": "story"} for row in rows_of(60, 60)])
    found = tune(one, "--target", EASY, "--test", two)
    assert found.code == 2
    assert "share 1 groups (story)" in found.stderr


def test_bad_targets_are_all_named_at_once_before_anything_is_scored(tune: Triage, fresh: Path) -> None:
    found = tune(fresh, "--target", "team:error<=0.1", "--target", EASY, "--target", "urgency.worst:recall>=0.9")
    assert found.code == 2
    assert "there is no head 'team'" in found.stderr
    assert "urgency has no label 'worst'" in found.stderr
    assert "scoring" not in found.stderr
    assert found.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ((), "nothing is asked for: give --target, --costs, --label-sets, --out-of-scope or --recalibrate"),
        (("--label-sets", "1.5"), "--label-sets must lie between 0 and 1"),
        (("--label-sets", "0"), "--label-sets must lie between 0 and 1"),
        (("--target", EASY, "--out-of-scope", "0"), "--out-of-scope must lie between 0 and 1"),
        (("--target", EASY, "--volume", "lots"), "expected a volume such as 20000/day"),
        (("--costs", "absent.yaml"), "absent.yaml: cannot be read"),
        (("--label-sets", "0.999"), "intent, of the posts that a person reviews: sets that hold"),
    ],
)
def test_what_cannot_be_done_is_refused(tune: Triage, fresh: Path, arguments: tuple[str, ...], fault: str) -> None:
    found = tune(fresh, *arguments)
    assert found.code == 2
    assert fault in found.stderr
    assert found.stdout == ""


def test_rows_of_the_training_data_are_set_aside_or_refused(
    tune: Triage, tmp_path: Path, examples: list[Example]
) -> None:
    learned: list[dict[str, str | None]] = [{"text": each.post.text, **each.labels} for each in examples[:30]]
    few = write(tmp_path / "few.jsonl", [*rows_of(0, POSTS), *learned[:10]])
    found = tune(few, "--target", EASY, "--json")
    assert found.code == 0
    assert "set aside 10 of 340 rows that stand in the training data" in found.stderr
    assert found.plain["posts"]["parts"] == {"promised": POSTS}

    many = write(tmp_path / "many.jsonl", [*rows_of(0, POSTS), *learned])
    refused = tune(many, "--target", EASY)
    assert refused.code == 2
    assert "30 of 360 rows (8.3%) stand in the training data of toy@1" in refused.stderr
    allowed = tune(many, "--target", EASY, "--allow-training-rows", "--json")
    assert allowed.plain == found.plain | {"rests_on": allowed.plain["rests_on"]}

    nothing = tune(write(tmp_path / "learned.jsonl", learned), "--target", EASY, "--allow-training-rows")
    assert nothing.code == 2
    assert "nothing is left" in nothing.stderr


def test_posts_of_one_group_count_once(tune: Triage, tmp_path: Path) -> None:
    rows = [{**row, "group": f"story {place // 3}"} for place, row in enumerate(rows_of(0, POSTS))]
    found = tune(write(tmp_path / "stories.jsonl", rows), "--target", "urgency:error<=0.1")
    assert "targets, on 110 independent posts" in found.stdout
    assert "each group counting as one post (110 bear it out)" in found.stderr


def test_costs_choose_thresholds_and_levels(tune: Triage, tmp_path: Path, models: Registry, fresh: Path) -> None:
    costs = tmp_path / "costs.yaml"
    costs.write_text("review: 2\nlost: 20\nheads:\n  urgency: {missed: {high: 50}}\n  department: {other: 8}\n")
    found = tune(fresh, "--costs", costs, "--json", "--apply")
    assert found.code == 0, found.stderr
    policy = found.plain["policy"]
    assert policy["heads"]["urgency"]["costs"] == [[0, 0, 0], [0, 0, 0], [50, 50, 0]]
    paid = 0.0
    for row, decision in scored_by_hand(models, "toy@1", fresh):
        missed = row["urgency"] == "high" != decision.heads["urgency"].label
        misled = row["department"] not in (None, decision.heads["department"].label)
        acted = 50 * missed + 8 * misled
        paid += {"review": 2, "auto": acted, "ignore": 20 * (row["department"] is not None)}[decision.action]
    assert found.plain["cost_per_1000"]["before"] == pytest.approx(1000 * paid / POSTS)
    assert found.plain["cost_per_1000"]["after"] < 2000, "less than if a person saw every post"
    assert found.plain["targets"] == []
    [tuned] = Bundle.load(models.resolve("toy@2")).manifest.provenance["tuned"]
    assert tuned["costs"]["review"] == 2

    costs.write_text("review: 2\nheads: {team: {other: 1}}\n")
    refused = tune(fresh, "--costs", costs)
    assert refused.code == 2
    assert "heads.team: there is no such head" in refused.stderr


def test_each_part_that_others_build_on_gets_posts_of_its_own(tune: Triage, tmp_path: Path, fresh: Path) -> None:
    costs = tmp_path / "costs.yaml"
    costs.write_text("review: 2\nheads:\n  department: {other: 8}\n")
    arguments = ("--recalibrate", "--out-of-scope", 0.05, "--costs", costs, "--label-sets", 0.8, "--target", EASY)
    found = tune(fresh, *arguments, "--json")
    assert found.code == 0, found.stderr
    parts = found.plain["posts"]["parts"]
    assert set(parts) == {"fitted", "costed", "sets of labels", "promised"}
    assert sum(parts.values()) == POSTS
    assert min(parts.values()) > 40
    assert "taken for out of scope" in tune(fresh, *arguments).stdout
    policy = found.plain["policy"]
    assert policy["novelty"]["head"] == "intent"
    assert all(head["label_sets"]["coverage"] == 0.8 for head in policy["heads"].values())
    assert set(found.plain["calibration"]) == {"intent", "urgency", "department"}
    assert tune(fresh, *arguments, "--json").stdout == found.stdout, "the same command finds the same"
    dealt = tune(fresh, *arguments, "--json", "--seed", 14).plain["posts"]["parts"]
    assert dealt != parts


def test_a_second_run_scores_nothing(tune: Triage, fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = tune(fresh, "--target", EASY, "--json")

    def never(*_: object) -> None:
        raise RuntimeError("an engine was loaded")

    monkeypatch.setattr(Bundle, "engine", never)
    assert tune(fresh, "--target", EASY, "--json").stdout == first.stdout


def test_a_bundle_that_is_judged_by_what_it_was_tuned_on_says_so(
    triage: Triage, models: Registry, fresh: Path, others: Path
) -> None:
    assert triage("tune", fresh, "--target", EASY, "--apply").code == 0
    warning = "was tuned on these posts"
    assert warning in triage("evaluate", "toy@2", fresh).stderr
    assert warning in triage("compare", "toy@1", "toy@2", fresh).stderr
    assert warning not in triage("evaluate", "toy@2", others).stderr
    assert warning not in triage("evaluate", "toy@1", fresh).stderr


def test_sets_of_labels_do_not_outlive_what_they_were_fitted_to(tune: Triage, models: Registry, fresh: Path) -> None:
    assert tune(fresh, "--label-sets", "0.5", "--apply").code == 0
    assert tune("toy@2", fresh, "--target", EASY, "--apply").code == 0
    sets = [
        {head.label_sets is None for head in Bundle.load(models.resolve(reference)).policy.heads.values()}
        for reference in ("toy@2", "toy@3")
    ]
    assert sets == [{False}, {True}]


def test_heads_without_labels_are_left_alone(tune: Triage, tmp_path: Path) -> None:
    rows = [{"text": row["text"], "department": row["department"]} for row in rows_of(0, POSTS)]
    file = write(tmp_path / "departments.jsonl", rows)
    found = tune(file, "--label-sets", "0.8", "--out-of-scope", "0.05", "--target", EASY, "--json")
    assert found.code == 0, found.stderr
    heads = found.plain["policy"]["heads"]
    assert [head["label_sets"] is None for head in heads.values()] == [True, True, False]
    costs = tmp_path / "costs.yaml"
    costs.write_text("review: 2\nheads:\n  urgency: {other: 8}\n")
    refused = tune(file, "--costs", costs)
    assert refused.code == 2
    assert "costs of urgency are given, but 0 of the 330 posts" in refused.stderr


def test_what_contradicts_itself_is_refused(tune: Triage, tmp_path: Path, fresh: Path) -> None:
    costs = tmp_path / "costs.yaml"
    costs.write_text("review: 2\nheads:\n  department: {other: 8}\n")
    both = tune(fresh, "--costs", costs, "--target", EASY, "--target", "route:max-coverage")
    assert (both.code, "give one of them" in both.stderr) == (2, True)
    twice = tune(fresh, fresh, "--target", EASY)
    assert (twice.code, "one file is given twice" in twice.stderr) == (2, True)
