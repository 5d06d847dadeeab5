"""Labels are flipped, cleaned and corrected, and what that wins back is counted."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from data.posts import Example
from tests.benchmark import cleaning
from tests.benchmark.__main__ import main
from tests.benchmark.measuring import trained
from training.pipeline import Job
from training.recipe import Recipe


def test_what_is_won_back_is_a_share_of_what_was_lost() -> None:
    accuracies = {"clean": 0.9, "flipped": 0.8, "removed": 0.85, "corrected": 0.91}
    assert cleaning.won_back(accuracies) == pytest.approx({"won_back_removed": 0.5, "won_back_corrected": 1.1})
    assert set(cleaning.won_back(accuracies)) == set(cleaning.AIMS)
    nothing_lost = dict.fromkeys(cleaning.ARMS, 0.9)
    assert set(cleaning.won_back(nothing_lost).values()) == {1.0}


def test_each_arm_is_taught_its_own_labels_and_is_trained_once(
    banking: Path,
    recipe: Recipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(cleaning, "CUT", 0.2)
    monkeypatch.setattr(cleaning, "RECIPE", recipe)
    jobs: dict[str, Job] = {}
    monkeypatch.setattr(cleaning, "trained", lambda job, work: trained(jobs.setdefault(job.name, job), work))
    # The last two flips are suspects, and one post besides, each of which is said to be spam.
    monkeypatch.setattr(cleaning, "suggestions", lambda examples, *rest: {3: "spam", 4: "spam", 5: "refund"})
    monkeypatch.setattr(cleaning, "flipped", _flip_first_five)
    command = ["cleaning", "--data", str(banking), "--work", str(tmp_path / "work"), "--json"]
    assert main(command) == 0
    result = json.loads(capsys.readouterr().out)
    [run] = result["runs"]
    assert set(result["figures"]) == set(cleaning.FIGURES)
    assert (run["flips"], run["suspects"]) == (5, 3)
    labels = {arm: _labels(jobs[f"cleaning-{arm}"]) for arm in cleaning.ARMS}
    assert len(labels["clean"]) == len(labels["flipped"]) == len(labels["corrected"]) == 40
    changed = [text for text, label in labels["flipped"].items() if label != labels["clean"][text]]
    assert len(changed) == 5
    assert labels["removed"].items() < labels["flipped"].items()
    assert len(labels["removed"]) == 37
    corrected = [str(label) for text, label in labels["corrected"].items() if text not in labels["removed"]]
    assert sorted(corrected) == ["refund", "spam", "spam"]
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out)["runs"] == result["runs"]
    assert len(list((tmp_path / "work").glob("*/*/1"))) == 4


def _flip_first_five(
    examples: Sequence[Example], labels: Sequence[str], share: float, seed: int
) -> tuple[list[Example], set[int]]:
    altered = list(examples)
    for row in range(5):
        other = labels[(labels.index(str(examples[row].labels["category"])) + 1) % len(labels)]
        altered[row] = Example(examples[row].post, {"category": other})
    return altered, set(range(5))


def _labels(job: Job) -> dict[str, str | None]:
    return {example.post.text: example.labels["category"] for example in [*job.parts.train, *job.parts.dev]}
