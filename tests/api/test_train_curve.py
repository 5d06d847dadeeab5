"""`triage train --curve`: more labels, or not."""

import json
from pathlib import Path

import pytest

from data.posts import Example
from tests.api.command_line import Triage, command_line


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Triage:
    """Run `triage` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return command_line(monkeypatch, capsys)


@pytest.fixture
def labelled(examples: list[Example], tmp_path: Path) -> Path:
    path = tmp_path / "labelled.jsonl"
    rows = [{"text": example.post.text, "group": example.group, **example.labels} for example in examples]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_one_command_trains_the_bundle_draws_the_curve_and_says_whether_more_would_help(
    cli: Triage, labelled: Path, tiny_encoder: Path
) -> None:
    told = cli("train", labelled, "--encoder", tiny_encoder, "--epochs", 1, "--curve", "curve.svg")
    assert told.code == 0, told.stderr
    assert "learning curve: all" in told.stderr
    assert "wrote curve.svg" in told.stderr
    assert Path("curve.svg").read_text().startswith("<?xml")
    for head in ("intent", "urgency", "department"):
        assert f"{head}: too little to tell" in told.stdout, "so few posts test it"
    assert [path.name for path in Path("models", "labelled").iterdir()] == ["1"]
    assert list(Path("models", ".runs").glob("curve-*")) == []


def test_for_machines_it_is_one_document_with_the_points_of_the_curve(
    cli: Triage, labelled: Path, tiny_encoder: Path
) -> None:
    told = cli("train", labelled, "--encoder", tiny_encoder, "--epochs", 1, "--curve", "curve.svg", "--json")
    assert told.code == 0, told.stderr
    found = told.plain
    assert found["bundle"] == "labelled@1"
    points = found["curve"]["points"]
    assert [point["posts"] for point in points] == sorted({point["posts"] for point in points})
    assert len(points) > 1
    last = points[-1]["heads"]["intent"]
    assert last == {key: found["metrics"]["heads"]["intent"][key] for key in last}, "the last point is the bundle's"
    assert found["curve"]["twice_the_posts"]["intent"]["trend"] == "unknown"


def test_without_a_curve_there_is_none_in_the_document(cli: Triage, labelled: Path, tiny_encoder: Path) -> None:
    found = cli("train", labelled, "--encoder", tiny_encoder, "--epochs", 1, "--json").plain
    assert set(found) == {"bundle", "path", "metrics"}


def test_a_curve_of_posts_that_the_first_weights_have_learned_is_refused(
    cli: Triage, labelled: Path, tiny_encoder: Path
) -> None:
    assert cli("train", labelled, "--encoder", tiny_encoder, "--epochs", 1).code == 0
    refused = cli("train", labelled, "--from", "labelled@1", "--epochs", 1, "--curve", "curve.svg")
    assert (refused.code, "have taught labelled@1 already" in refused.stderr) == (2, True)
    assert [path.name for path in Path("models", "labelled").iterdir()] == ["1"]


def test_a_bundle_that_goes_on_from_another_names_the_encoder_of_that(
    cli: Triage, labelled: Path, tiny_encoder: Path
) -> None:
    assert cli("train", labelled, "--encoder", tiny_encoder, "--epochs", 1).code == 0
    refused = cli("train", labelled, "--from", "labelled@1", "--set", "encoder=other")
    assert (refused.code, "--from brings an encoder of its own" in refused.stderr) == (2, True)
    assert cli("train", labelled, "--from", "labelled@1", "--epochs", 1).code == 0
    first, second = (
        json.loads(Path("models", "labelled", number, "manifest.json").read_text())["provenance"] for number in "12"
    )
    assert second["encoder"] == second["recipe"]["encoder"] == first["encoder"]


def test_what_cannot_be_drawn_is_refused_before_training(
    cli: Triage, labelled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = cli("train", labelled, "--curve", "curve.png")
    assert (refused.code, "expected the name of an SVG file" in refused.stderr) == (2, True)
    monkeypatch.setenv("WORLD_SIZE", "2")
    refused = cli("train", labelled, "--curve", "curve.svg")
    assert (refused.code, "start it in a single process" in refused.stderr) == (2, True)
    assert not Path("models").exists()
