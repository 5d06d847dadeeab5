import json
from dataclasses import replace
from pathlib import Path

import pytest

from api.commands.jobs import History, bundle_name, job_of, unlearned
from api.commands.recipes import FEW, has_few, recipe_of
from data.errors import ConfigurationError, DataError
from data.files import file_sha256
from data.normalise import fingerprint
from data.posts import PARTS, Example
from model.bundle import Bundle
from training.pipeline import Job


@pytest.fixture
def history(examples: list[Example], tmp_path: Path) -> Path:
    """The toy posts as a file."""
    rows = [{"text": example.post.text, "case": example.group, **example.labels} for example in examples]
    path = tmp_path / "history.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_preset_for_a_quick_start_takes_some_of_many_posts_and_says_so(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = replace(recipe_of("quick"), most_posts=20)
    some, every = (
        job_of([history], each, taxonomy=None, dev=None, name=None)
        for each in (recipe, replace(recipe, most_posts=None))
    )
    assert 5 < len(some.parts.train) < len(every.parts.train)
    assert {example.post.text for example in some.parts.train} < {example.post.text for example in every.parts.train}
    assert some.parts.test == every.parts.test
    said = capsys.readouterr().err
    assert said.count("posts that could teach, this preset takes 20; full takes all") == 1
    assert f"train {len(some.parts.train)}, " in said


@pytest.fixture
def folder(history: Path) -> Path:
    """The toy posts as the folder of a split, twelve of them in the test part."""
    parts = history.parent / "parts"
    parts.mkdir()
    lines = history.read_text().splitlines(keepends=True)
    about = {}
    for name, (first, last) in zip(PARTS, ((0, 30), (30, 39), (39, 48), (48, 60)), strict=True):
        path = parts / f"{name}.jsonl"
        path.write_text("".join(lines[first:last]))
        about[name] = {"posts": last - first, "sha256": file_sha256(path)}
    (parts / "split.json").write_text(json.dumps({"parts": about}))
    return parts


def test_a_folder_of_parts_is_taken_as_it_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job = job_of([folder], recipe_of("full"), taxonomy=None, dev=None, name=None)
    assert [len(getattr(job.parts, name)) for name in PARTS] == [30, 9, 9, 12]
    assert {head.name for head in job.taxonomy} == {"intent", "urgency", "department"}
    assert job.name == "parts"
    assert list(job.sources) == [folder / f"{name}.jsonl" for name in PARTS]
    assert "warning" not in capsys.readouterr().err


def test_a_part_that_was_changed_is_said_and_must_not_hold_what_judges(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train, test = folder / "train.jsonl", folder / "test.jsonl"
    train.write_text(train.read_text().replace('"normal"', '"high"'))
    job_of([folder], recipe_of("full"), taxonomy=None, dev=None, name=None)
    assert "warning: " in capsys.readouterr().err
    train.write_text(train.read_text() + test.read_text().splitlines(keepends=True)[0])
    with pytest.raises(DataError, match=r"test\.jsonl:1: stands in the part train too"):
        job_of([folder], recipe_of("full"), taxonomy=None, dev=None, name=None)


def test_corrections_teach_in_place_of_what_they_correct_and_never_what_judges(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def job(*added: Path) -> Job:
        return job_of([folder], recipe_of("full"), taxonomy=None, dev=None, name=None, added=added)

    before = job().parts
    right, judging = before.train[0], before.test[0]
    corrections = [
        {"text": right.post.text.upper(), "intent": "spam", "feedback": [{"model": "toy@1"}]},
        {"text": judging.post.text, "intent": "spam"},
        {"text": "a lawyer will write to you about my money", "intent": "refund", "department": None},
    ]
    path = tmp_path / "corrections.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in corrections))
    after = job(path)
    assert (after.parts.dev, after.parts.calibration, after.parts.test) == (before.dev, before.calibration, before.test)
    labels = {fingerprint(example.post.text): dict(example.labels) for example in after.parts.train}
    assert len(after.parts.train) == len(labels) == len(before.train) + 1
    assert labels[fingerprint(right.post.text)] == {"intent": "spam"}
    assert labels[fingerprint("a lawyer will write to you about my money")] == {"intent": "refund", "department": None}
    assert path in after.sources
    assert after.identity() != job().identity()
    assert "added 2 of 3 posts to what teaches, in place of 1 that were there" in capsys.readouterr().err


def test_a_folder_comes_alone(folder: Path, history: Path) -> None:
    with pytest.raises(ConfigurationError, match="one folder that triage data split wrote"):
        job_of([folder, history], recipe_of("full"), taxonomy=None, dev=None, name=None)
    with pytest.raises(ConfigurationError, match="has a dev part of its own"):
        job_of([folder], recipe_of("full"), taxonomy=None, dev=history, name=None)
    with pytest.raises(ConfigurationError, match="cannot be read twice"):
        job_of([Path("-")], recipe_of("full"), taxonomy=None, dev=None, name=None)
    with pytest.raises(DataError, match=r"found no split\.json"):
        job_of([folder.parent], recipe_of("full"), taxonomy=None, dev=None, name=None)


def test_a_job_can_go_on_from_a_bundle(history: Path, bundle: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    job = job_of([history], recipe_of("full"), taxonomy=None, dev=None, name=None, start=bundle)
    assert job.start == bundle
    assert "from toy@1" in capsys.readouterr().err


def test_what_taught_the_first_weights_judges_nothing_that_comes_of_them(
    history: Path, bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    cold, warm = (
        job_of([history], recipe_of("full"), taxonomy=None, dev=None, name=None, start=start).parts
        for start in (None, bundle)
    )
    known, said = bundle.training_rows(), capsys.readouterr().err
    for name in ("calibration", "test"):
        every, left = getattr(cold, name), getattr(warm, name)
        assert left == [example for example in every if fingerprint(example.post.text) not in known]
        assert 0 < len(left) < len(every)
        assert f"set aside {len(every) - len(left)} of {len(every)} posts of the {name} part that taught toy@1" in said
    assert (warm.train, warm.dev) == (cold.train, cold.dev)
    taught = [example for example in cold.train if fingerprint(example.post.text) in known]
    with pytest.raises(DataError, match="posts of the test part stand in the training data of toy@1"):
        unlearned(replace(cold, test=taught), bundle)


@pytest.mark.parametrize(
    ("file", "name"), [("Tickets 2026 (final).csv", "Tickets-2026-final"), ("äöü.csv", "model"), ("a.b.csv", "a.b")]
)
def test_a_bundle_is_named_as_its_file(file: str, name: str) -> None:
    assert bundle_name(History([Path(file)])) == name


def test_few_is_what_half_of_the_labels_of_the_largest_head_have(history: Path) -> None:
    job = job_of([history], recipe_of("full"), taxonomy=None, dev=None, name=None)
    [some] = [example for example in job.parts.train if example.labels["intent"] == "refund"][:1]
    others = [replace(some, labels={"urgency": "low"})] * 1000  # another head does not make up for it
    for count, expected in ((FEW, True), (FEW + 1, False)):
        taught = [replace(some, labels={"intent": label}) for label in ("refund", "outage")] * count
        taught += [replace(some, labels={"intent": "spam"})]
        assert has_few(replace(job, parts=replace(job.parts, train=taught + others))) is expected
