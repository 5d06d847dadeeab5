"""Four heads of a history that comes in through the project's own import."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from data.normalise import same_text
from data.posts import PARTS, Example, Post
from evaluation.scored import ScoredPosts
from model.policy import Policy
from model.scores import Scores
from tests.benchmark import x_fincorp
from tests.benchmark.__main__ import DATA, main
from training.recipe import Recipe


def test_it_is_imported_and_dealt_out_with_its_labels(fincorp: Path, tmp_path: Path) -> None:
    parts = x_fincorp.prepare(fincorp / x_fincorp.FILE, tmp_path / "data")
    every = [example for name in PARTS for example in getattr(parts, name)]
    assert len(every) == 240
    assert Counter(example.labels["complaint"] for example in every) == {"yes": 160, "no": 80}
    assert Counter(example.labels["severity"] for example in every) == {"Blame": 80, "Disapproval": 80, None: 80}
    assert not any(example.metadata for example in every)
    assert x_fincorp.prepare(fincorp / x_fincorp.FILE, tmp_path / "data") == parts


def test_another_label_is_told(fincorp: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = fincorp / x_fincorp.FILE
    path.write_text(path.read_text().replace("Blame", "Elsewhere", 1))
    assert main(["x_fincorp", "--data", str(fincorp), "--work", str(tmp_path / "work")]) == 2
    assert "expected X-FINCORP's labels; 1 rows have others" in capsys.readouterr().err.replace("\n", " ")


@pytest.mark.parametrize("part", ["test", "dev"])
def test_one_command_scores_four_heads(
    part: str,
    fincorp: Path,
    recipe: Recipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(x_fincorp, "RECIPE", recipe)
    command = ["x_fincorp", "--data", str(fincorp), "--work", str(tmp_path / "work"), "--on", part]
    assert main([*command, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    [run] = result["runs"]
    assert set(result["figures"]) == set(x_fincorp.FIGURES)
    assert run["complaint_accuracy"] == run["sentiment_qwk"] == 1.0
    assert result["figures"]["severity_macro_f1"]["ci95"] == run["severity_macro_f1_ci95"]
    assert "complaint_qwk" not in run  # it has no order
    assert run["complaint_accepted"] == 0.0  # so few posts can promise nothing, and a person sees all


def test_what_is_accepted_and_wrong_is_counted_on_posts_that_no_threshold_was_found_on() -> None:
    policy = Policy.plain(x_fincorp.TAXONOMY, "m", {})
    # Every tenth is wrong, and less sure of itself than the others.
    tuning = said([(4.0, "yes")] * 90 + [(1.0, "no")] * 10)
    posts = said([(4.0, "yes")] * 6 + [(4.0, "no")] * 2 + [(1.0, "yes")] * 2)
    found = x_fincorp.accepted(posts, tuning, policy)
    assert found == {"complaint_accepted": 0.8, "complaint_accepted_error": 0.25}


def said(answers: list[tuple[float, str]]) -> ScoredPosts:
    """Posts that are taken for complaints, with the difference of their logits and the right label."""
    examples = [Example(Post(f"post {number}"), {"complaint": gold}) for number, (_, gold) in enumerate(answers)]
    logits = {head.name: np.zeros((len(answers), len(head.labels)), np.float32) for head in x_fincorp.TAXONOMY}
    logits["complaint"][:, 1] = [logit for logit, _ in answers]
    return ScoredPosts(examples, Scores(logits, np.zeros((len(answers), 3), np.float32)))


@pytest.mark.skipif(not (DATA / x_fincorp.FILE).is_file(), reason="the benchmarks are not on this machine")
def test_the_published_file_is_dealt_out_with_its_copies_together(tmp_path: Path) -> None:
    parts = x_fincorp.prepare(DATA / x_fincorp.FILE, tmp_path)
    sizes = {name: len(getattr(parts, name)) for name in PARTS}
    assert sum(sizes.values()) == 6172
    assert sizes["train"] == pytest.approx(0.7 * 6172, rel=0.05)
    known = {same_text(example.post.text) for example in parts.train}
    assert not any(same_text(example.post.text) in known for example in parts.test)
    for head in x_fincorp.TAXONOMY:
        assert {example.labels[head.name] for example in parts.test} - {None} == set(head.labels)
