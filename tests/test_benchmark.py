"""What `python -m tests.benchmark` makes of a benchmark; the figures themselves are the training's."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from data.errors import DataError
from data.posts import Example, Post
from evaluation.scored import ScoredPosts
from model.policy import HeadPolicy, Policy
from model.scores import Scores
from tests.benchmark import clinc150, label_errors
from tests.benchmark.__main__ import DATA, main
from tests.benchmark.measuring import Wanted
from tests.benchmark.results import over_seeds, table
from tests.load.scenarios import Bar
from training.recipe import Recipe

LABELS = ("lost_card", "weather")


@pytest.fixture(scope="session")
def benchmarks(examples: list[Example], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file of the benchmark's form."""
    rows = [[example.post.text, example.labels["intent"]] for example in examples]
    strange = [[f"my lawyer wrong court {number}", "oos"] for number in range(7)]
    parts = {"train": rows[:36], "val": rows[36:48], "test": rows[48:], "oos_test": strange}
    path = tmp_path_factory.mktemp("benchmarks") / clinc150.FILE
    path.parent.mkdir()
    path.write_text(json.dumps(parts))
    return path.parent.parent


def scores(logits: list[list[float]]) -> Scores:
    return Scores({"intent": np.array(logits, np.float32)}, np.zeros((len(logits), 3), np.float32))


def labelled(logits: list[list[float]], labels: list[str]) -> ScoredPosts:
    return ScoredPosts([Example(Post("x"), {"intent": label}) for label in labels], scores(logits))


def test_figures_by_hand() -> None:
    # One logit stands out, so that the energy is minus that one.
    validation = labelled([[float(size), -90.0] for size in range(1, 101)], ["lost_card"] * 100)
    test = labelled([[50.0, -90], [-90, 50], [50, -90], [2, -90]], ["lost_card", "weather", "weather", "lost_card"])
    strange = scores([[3.0, -90], [3.5, -90], [-90, 4.5], [1, -90], [49, -90]])
    policy = Policy(model_sha256="m", taxonomy_sha256="t", heads={"intent": HeadPolicy(labels=LABELS)})
    found = clinc150.figures(policy, validation, test, strange)
    assert found == {
        "accuracy": 0.75,
        "out_of_scope_recall": 0.6,  # novelties -3, -3.5, -4.5, -1, -49; three in a hundred of validation lie above -4
        "refused": 0.25,
        "auroc": 16 / 20,  # of 20 pairs, -2 beats all of the five but -1, and -50 is beaten by each
        "ece": pytest.approx(0.25),  # four bins of one post: sure each time, and wrong once
    }
    assert set(found) == set(clinc150.FIGURES) >= set(clinc150.AIMS)


def test_a_bundle_is_trained_once(
    benchmarks: Path, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clinc150, "RECIPE", recipe)
    wanted = Wanted(benchmarks / clinc150.FILE, [13, 14], tmp_path)
    first, other = clinc150.run(wanted).runs
    assert first["accuracy"] == 1.0
    assert first["out_of_scope_recall"] > first["refused"]
    assert clinc150.run(replace(wanted, seeds=[13])).runs == [first]
    assert other["seed"] == 14
    assert len(list(tmp_path.glob(f"*/{clinc150.NAME}/1"))) == 2


def test_only_the_train_part_teaches_and_only_in_scope(benchmarks: Path, recipe: Recipe) -> None:
    data = clinc150.read(benchmarks / clinc150.FILE)
    job = data.job(recipe)
    judging = [*job.parts.dev, *job.parts.calibration, *job.parts.test]
    assert len(job.parts.train) == 36
    assert not {example.post.text for example in data.test} & {example.post.text for example in judging}
    assert [len(head.labels) for head in data.taxonomy] == [3]


def test_one_command_prints_every_figure(
    benchmarks: Path, tiny_encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = ["--data", str(benchmarks), "--encoder", str(tiny_encoder), "--epochs", "1", "--work", str(tmp_path)]
    assert main(["clinc150", *short, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert set(result["figures"]) == set(clinc150.FIGURES)
    assert result["recipe"]["epochs"] == 1
    assert main(["clinc150", *short]) == 0
    shown = capsys.readouterr().out
    assert all(name.replace("_", " ") in shown for name in clinc150.FIGURES)


def test_the_table_has_the_spread_and_what_is_aimed_at() -> None:
    run = dict.fromkeys(clinc150.FIGURES, 0.5) | {"seed": 1, "precision": "int8", "best_epoch": 2.0}
    runs = [
        run | {"accuracy_ci95": [0.4, 0.6]},
        run | {"seed": 2, "accuracy": 1.0, "accuracy_ci95": [0.9, 1.0], "ece": 0.01},
        run | {"seed": 3, "accuracy": 0.9, "accuracy_ci95": [0.8, 1.0]},
    ]
    figures = over_seeds(runs, clinc150.FIGURES, clinc150.AIMS)
    accuracy = {"median": 0.9, "mean": 0.8, "min": 0.5, "max": 1.0, "ci95": [0.8, 1.0], "aim": "≥ 0.973", "met": False}
    assert figures["accuracy"] == accuracy | {"mean": pytest.approx(0.8)}
    assert "aim" not in figures["refused"]
    console = Console(width=140, record=True)
    recipe = {"epochs": 3, "seed": [1, 2, 3]}
    console.print(table({"benchmark": "b", "date": "d", "recipe": recipe, "figures": figures, "runs": runs}))
    shown = console.export_text()
    for part in (
        "0.9000 (0.5000 to 1.0000)",
        "0.8000 to 1.0000",
        "≥ 0.973",
        "missed",
        "epochs 3",
        "seed 1: int8, epoch 2",
    ):
        assert part in shown


def test_an_aim_stands_for_the_median() -> None:
    runs = [{"x": value} for value in (0.1, 0.9, 0.95)]
    assert over_seeds(runs, ["x"], {"x": Bar(0.9, least=True)})["x"]["met"]
    assert not over_seeds(runs[:2], ["x"], {"x": Bar(0.9, least=True)})["x"]["met"]


def test_where_the_benchmarks_are_not_there_is_nothing_to_measure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["clinc150", "--data", str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "--data" in captured.err


@pytest.mark.parametrize(
    "content", ["", "[]", '{"train": [["a", "b"]]}', '{"train": 1, "val": 2}', '{"train": [["private"]]}']
)
def test_another_file_is_refused(content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / clinc150.FILE
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(DataError, match=r"data_full\.json, lists of texts"):
        clinc150.read(path)
    assert main(["clinc150", "--data", str(tmp_path)]) == 2
    assert "private" not in capsys.readouterr().err


@pytest.mark.skipif(not (DATA / clinc150.FILE).is_file(), reason="the benchmarks are not on this machine")
def test_the_published_file_has_the_published_parts() -> None:
    data = clinc150.read(DATA / clinc150.FILE)
    assert [len(data.train), len(data.validation), len(data.test), len(data.strange)] == [15_000, 3_000, 4_500, 1_000]
    assert [len(head.labels) for head in data.taxonomy] == [150]


@pytest.fixture
def flipping(examples: list[Example], tmp_path: Path) -> Path:
    """A folder with a file of BANKING77's form."""
    path = tmp_path / label_errors.FILE
    path.parent.mkdir()
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "category"])
        writer.writerows([example.post.text, example.labels["intent"]] for example in examples)
    return tmp_path


def test_a_share_of_the_labels_is_flipped_to_others(examples: list[Example]) -> None:
    labels = ["outage", "refund", "spam"]
    given = [Example(example.post, {"category": example.labels["intent"]}) for example in examples]
    altered, rows = label_errors.flipped(given, labels, 0.2, seed=1)
    changed = {row for row, (old, new) in enumerate(zip(given, altered, strict=True)) if old.labels != new.labels}
    assert changed == rows
    assert len(rows) == 12
    assert {example.labels["category"] for example in altered} == set(labels)
    assert label_errors.flipped(given, labels, 0.2, seed=1)[1] == rows != label_errors.flipped(given, labels, 0.2, 2)[1]


def test_flips_are_looked_for_and_counted(
    flipping: Path, tiny_encoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["label_errors", "--data", str(flipping), "--encoder", str(tiny_encoder), "--seeds", "1", "2", "--json"]
    assert main(arguments) == 0
    result = json.loads(capsys.readouterr().out)
    assert set(result["figures"]) == set(label_errors.FIGURES) >= set(label_errors.AIMS)
    assert [run["seed"] for run in result["runs"]] == [1, 2]
    assert all(0 <= result["figures"][name]["mean"] <= 1 for name in label_errors.FIGURES)
    (flipping / label_errors.FILE).write_text("text,label\nprivate,x\n")
    assert main(arguments) == 2
    assert "private" not in capsys.readouterr().err
