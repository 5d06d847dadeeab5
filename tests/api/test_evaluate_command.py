"""`triage evaluate` as its user meets it."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from data.posts import Example
from model.engine import Engine
from tests.api.command_line import Triage

LEARNED = 39
"""Posts of the fixture that taught the bundle or picked its epoch; the other 21 did not."""


@pytest.fixture
def evaluate(triage: Triage) -> Triage:
    return partial(triage, "evaluate")


def file_of(path: Path, examples: list[Example]) -> Path:
    rows = [
        {
            "text": example.post.text,
            "group": example.group,
            "channel": "tweet" if row % 2 else "email",
            **example.labels,
        }
        for row, example in enumerate(examples)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def held_out(tmp_path: Path, examples: list[Example]) -> Path:
    return file_of(tmp_path / "held_out.jsonl", examples[LEARNED:])


def test_the_documented_figures_are_printed_for_machines(evaluate: Triage, held_out: Path) -> None:
    figures: dict[str, Any] = json.loads(evaluate(held_out, "--json").stdout)
    assert set(figures) == {"n", "heads", "decided", "routing", "bundle", "training_rows"}
    of_a_head = {
        *("n", "accuracy", "accuracy_ci95", "macro_f1", "macro_f1_ci95", "weighted_f1", "weighted_f1_ci95"),
        *("ece", "brier", "log_loss", "per_label", "confusion", "risk_coverage"),
    }
    of_levels = {f"{name}{part}" for name in ("mae", "qwk", "two_levels_off", "top_missed") for part in ("", "_ci95")}
    assert set(figures["heads"]["intent"]) == of_a_head | {"uncalibrated"}
    assert set(figures["heads"]["urgency"]) == of_a_head | of_levels | {"uncalibrated"}
    assert set(figures["decided"]["urgency"]) == of_a_head | of_levels
    assert set(figures["heads"]["intent"]["per_label"]["spam"]) == {
        *("precision", "precision_ci95", "recall", "recall_ci95", "f1", "f1_ci95", "support"),
    }
    assert figures["bundle"]["reference"] == "toy@1"
    assert figures["n"] == 21
    assert figures["training_rows"]["set_aside"] == 0


def test_the_tables_are_for_a_person(evaluate: Triage, held_out: Path) -> None:
    found = evaluate("toy", held_out, "--slice", "channel", "--slice", "length")
    assert found.code == 0
    for shown in ("21 posts", "wrong owner among these", "before calibration", "top missed", "intent by channel"):
        assert shown in found.stdout
    assert "warning: channel: 2 of 2 slices have too few posts" in found.stderr
    assert "refund please" not in found.stdout + found.stderr


def test_a_second_run_scores_nothing(evaluate: Triage, held_out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise RuntimeError("an engine was loaded")

    first = evaluate(held_out, "--json")
    monkeypatch.setattr(Engine, "__init__", never)
    assert evaluate(held_out, "--json").stdout == first.stdout


def test_a_file_that_the_bundle_has_learned_is_refused(
    evaluate: Triage, tmp_path: Path, examples: list[Example]
) -> None:
    path = file_of(tmp_path / "all.jsonl", examples)
    refused = evaluate(path)
    assert refused.code == 2
    assert "39 of 60 rows (65.0%) stand in the training data of toy@1" in refused.stderr
    assert "--allow-training-rows" in refused.stderr
    assert refused.stdout == ""


def test_rows_that_were_learned_are_set_aside_and_both_figures_printed(
    evaluate: Triage, held_out: Path, tmp_path: Path, examples: list[Example]
) -> None:
    path = file_of(tmp_path / "all.jsonl", examples)
    allowed = evaluate(path, "--allow-training-rows")
    assert allowed.code == 0
    assert "set aside 39 of 60 rows that stand in the training data; accuracy with them: intent" in allowed.stderr
    figures = json.loads(evaluate(path, "--allow-training-rows", "--json").stdout)
    alone = json.loads(evaluate(held_out, "--json").stdout)
    assert figures["heads"]["intent"]["confusion"] == alone["heads"]["intent"]["confusion"]
    assert (figures["n"], figures["training_rows"]["set_aside"], figures["training_rows"]["of"]) == (21, 39, 60)
    with_them = figures["training_rows"]["accuracy_with_them"]["intent"]
    assert with_them * 60 >= figures["heads"]["intent"]["accuracy"] * 21


def test_nothing_but_learned_rows_is_refused_whatever_is_allowed(
    evaluate: Triage, tmp_path: Path, examples: list[Example]
) -> None:
    found = evaluate(file_of(tmp_path / "learned.jsonl", examples[:10]), "--allow-training-rows")
    assert found.code == 2
    assert "every row stands in the training data of toy@1" in found.stderr


def test_a_column_that_there_is_not_is_refused_before_anything_is_scored(evaluate: Triage, held_out: Path) -> None:
    found = evaluate(held_out, "--slice", "chanel")
    assert found.code == 2
    assert "--slice chanel: no post has a value there" in found.stderr
    assert "'channel'" in found.stderr
    assert "scoring" not in found.stderr


def test_what_posts_cost_is_told_where_costs_are_given(evaluate: Triage, held_out: Path, tmp_path: Path) -> None:
    (tmp_path / "costs.yaml").write_text("review: 3\n")  # nothing else costs anything
    plain = json.loads(evaluate(held_out, "--costs", "costs.yaml", "--json").stdout)
    reviewed = 1 - plain["routing"]["auto_rate"] - plain["routing"]["ignored_rate"]
    assert reviewed > 0
    assert plain["cost_per_1000"] == pytest.approx(3000 * reviewed)
    assert "1,000 posts cost" in evaluate(held_out, "--costs", "costs.yaml").stdout


def test_a_report_is_written_with_texts_or_without(evaluate: Triage, tmp_path: Path, examples: list[Example]) -> None:
    words = [example.post.text for example in examples[LEARNED:]]
    wrong = [replace(example, labels={"intent": "refund"}) for example in examples[LEARNED:]]
    file = file_of(tmp_path / "held_out.jsonl", wrong)
    found = evaluate(file, "--report", "pages/with.html")
    assert found.code == 0, found.stderr
    assert "it holds texts of posts" in found.stderr
    page = (tmp_path / "pages" / "with.html").read_text()
    assert "How far toy@1 can be trusted" in page
    assert any(text in page for text in words)

    assert evaluate(file, "--report", "without.html", "--no-texts", "--slice", "channel").code == 0
    page = (tmp_path / "without.html").read_text()
    assert not any(text in page for text in words)
    assert '"name":"tweet"' in page


def test_a_report_tells_what_was_set_aside(evaluate: Triage, tmp_path: Path, examples: list[Example]) -> None:
    everything = file_of(tmp_path / "all.jsonl", examples)
    assert evaluate(everything, "--allow-training-rows", "--report", "out.html").code == 0
    assert "39 of 60 rows stand in the training data and were set aside" in (tmp_path / "out.html").read_text()


def test_an_interrupted_run_says_that_it_can_be_gone_on_with(
    evaluate: Triage, held_out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Engine, "score", interrupted)
    found = evaluate(held_out)
    assert found.code == 130
    assert "give the same command to go on" in found.stderr
