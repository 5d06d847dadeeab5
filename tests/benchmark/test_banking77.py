"""Who teaches, who picks the epoch, who is scored; and what is counted."""

import json
from collections import Counter
from pathlib import Path

import pytest

from data.errors import DataError
from data.posts import Example
from tests.benchmark import banking77
from tests.benchmark.__main__ import DATA, main
from training.recipe import Recipe


def texts(examples: list[Example]) -> set[str]:
    return {example.post.text for example in examples}


def test_a_cut_has_as_many_of_each_label_as_the_whole_and_is_drawn_by_the_seed(examples: list[Example]) -> None:
    given = [Example(example.post, {banking77.HEAD: example.labels["intent"]}) for example in examples]
    teaching, judging = banking77.cut(given, 0.2, seed=1)
    assert Counter(example.labels[banking77.HEAD] for example in judging) == {"refund": 4, "outage": 4, "spam": 4}
    assert texts(teaching) | texts(judging) == texts(given)
    assert len(teaching) + len(judging) == len(given)
    assert banking77.cut(given, 0.2, seed=1) == (teaching, judging) != banking77.cut(given, 0.2, seed=2)
    with pytest.raises(DataError, match="2 posts are to be cut off; expected at least one of each of 3 labels"):
        banking77.cut(given, 0.03, seed=1)
    with pytest.raises(DataError, match="there is one of outage"):
        banking77.cut([*given[::3], given[1]], 0.2, seed=1)


def test_nothing_of_the_cut_teaches_and_nothing_of_the_test_part_is_taken(
    banking: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(banking77, "CUT", 0.2)
    parts = banking77.job(banking / banking77.FILE, recipe).parts
    assert (len(parts.train), len(parts.dev)) == (32, 8)
    assert parts.dev == parts.calibration == parts.test
    whole, test = (texts(banking77.read(banking / banking77.NAME / f"{name}.csv")) for name in ("train", "test"))
    assert texts(parts.train) | texts(parts.dev) == whole
    assert not (texts(parts.train) | texts(parts.dev)) & test


def test_of_few_shots_only_those_that_teach_touch_a_weight(banking: Path, recipe: Recipe) -> None:
    parts = banking77.job(banking / banking77.FILE, recipe, 5).parts
    assert Counter(example.labels[banking77.HEAD] for example in parts.train) == {"refund": 5, "outage": 5, "spam": 5}
    assert parts.dev == parts.train
    assert parts.calibration == parts.test
    assert not texts(parts.train) & texts(parts.calibration)


@pytest.mark.parametrize("choice", [[], ["--shots", "5"], ["--on", "dev"]])
def test_one_command_scores_what_is_asked_for_and_trains_once(
    choice: list[str],
    banking: Path,
    recipe: Recipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(banking77, "CUT", 0.2)
    monkeypatch.setattr(banking77, "RECIPES", {None: recipe, 5: recipe})
    command = ["banking77", "--data", str(banking), "--work", str(tmp_path / "work"), "--json", *choice]
    assert main(command) == 0
    first = json.loads(capsys.readouterr().out)
    [run] = first["runs"]
    assert set(first["figures"]) == set(banking77.FIGURES)
    assert run["accuracy_ci95"][0] < run["accuracy"] or run["accuracy"] == 0
    assert ("aim" in first["figures"]["accuracy"]) == ("--on" not in choice)
    if not choice:
        assert run["left_out"] == 1  # it stands in the train part but for its marks
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out)["runs"] == first["runs"]
    assert len(list((tmp_path / "work").glob("*/*/1"))) == 1


@pytest.mark.parametrize("name", ["seq.in", "label"])
def test_torn_few_shot_files_are_refused(name: str, banking: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = banking / "banking77" / "fewshot" / "train_5" / name
    file.write_text("private\n")
    assert main(["banking77", "--shots", "5", "--data", str(banking)]) == 2
    said = capsys.readouterr().err
    assert "expected seq.in and label, with as many lines each" in said.replace("\n", " ")
    assert "private" not in said


def test_another_file_is_refused(banking: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (banking / banking77.FILE).write_text("text,label\nprivate,x\n")
    assert main(["banking77", "--data", str(banking)]) == 2
    assert "private" not in capsys.readouterr().err


@pytest.mark.skipif(not (DATA / banking77.FILE).is_file(), reason="the benchmarks are not on this machine")
def test_the_published_files_have_the_published_sizes(recipe: Recipe) -> None:
    path = DATA / banking77.FILE
    train, test = banking77.read(path), banking77.read(path.with_name("test.csv"))
    assert (len(train), len(test), len({example.labels["category"] for example in train})) == (10_003, 3_080, 77)
    assert len(banking77.job(path, recipe).parts.dev) == 500
    for shots in banking77.SHOTS:
        parts = banking77.job(path, recipe, shots).parts
        assert (len(parts.train), len(parts.calibration)) == (77 * shots, 77 * 20)
    words = {banking77._words(example.post.text) for example in train}
    assert sum(banking77._words(example.post.text) in words for example in test) == 25
