import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from data.posts import Example
from model.bundle import MANIFEST, REFERENCE
from tests.api.command_line import Triage


@pytest.fixture
def drift(triage: Triage) -> Triage:
    return partial(triage, "drift")


@pytest.fixture
def month(examples: list[Example], tmp_path: Path) -> Path:
    """Posts without labels, 240 of them."""
    path = tmp_path / "month.csv"
    path.write_text("text\n" + "".join(f"{example.post.text}\n" for example in examples * 4))
    return path


@pytest.fixture
def outage(examples: list[Example], tmp_path: Path) -> Path:
    """A day on which most posts are of one kind; labels beside them do no harm."""
    rows = [{"text": example.post.text, **example.labels} for example in examples]
    down = [row for row in rows if row["intent"] == "outage"]
    path = tmp_path / "outage.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in down * 8 + rows))
    return path


def test_posts_like_the_reference_end_with_0(drift: Triage, month: Path) -> None:
    found = drift("toy@1", month, "--reference", month)
    assert found.code == 0, found.stderr
    assert "no alarm" in found.stdout


def test_another_mix_ends_with_1_and_is_told_and_drawn(drift: Triage, month: Path, outage: Path) -> None:
    found = drift(outage, "--reference", month, "--json", "--plot", "drift.png")
    assert found.code == 1, found.stderr
    plain: dict[str, Any] = json.loads(found.stdout)
    assert set(plain) == {"posts", "alarm", "verdict", "inputs", "heads", "bundle"}
    assert plain["posts"] == {"reference": 240, "recent": 220}
    assert plain["alarm"] is True
    assert "only the mix of labels (intent" in plain["verdict"]
    head = plain["heads"]["intent"]
    assert head["verdict"] == "only the mix of labels changed"
    assert head["labels"]["distance"]["low"] > 0.1
    shares = head["labels"]["shares"]["outage"]
    assert (shares["reference"], shares["recent"]) == (pytest.approx(1 / 3), pytest.approx(180 / 220))
    assert shares["estimated"] > 0.7
    assert Path("drift.png").read_bytes().startswith(b"\x89PNG")
    assert "ALARM: only the mix of labels" in drift(outage, "--reference", month).stdout


def test_posts_that_taught_the_model_are_counted(drift: Triage, month: Path) -> None:
    assert "% of the posts of" in drift(month, "--reference", month).stderr


def test_a_bundle_without_a_reference_asks_for_one(drift: Triage, month: Path) -> None:
    manifest = Path("models/toy/1") / MANIFEST
    plain = json.loads(manifest.read_text())
    del plain["files"][REFERENCE]
    manifest.write_text(json.dumps(plain))
    found = drift(month)
    assert found.code == 2
    assert "--reference FILE, or train it anew" in found.stderr


def test_a_bundle_calibrated_on_a_handful_says_so(drift: Triage, month: Path) -> None:
    found = drift(month)
    assert found.code == 2
    assert "the reference has 9 posts; expected at least 50" in found.stderr


def test_a_column_that_is_not_there_is_told_without_any_text(drift: Triage, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("body,n\n" + "my secret,1\n" * 60)
    found = drift("toy@1", "in.csv", "--reference", "in.csv")
    assert found.code == 2
    assert "in.csv:2: text: expected a text; the row has ['body', 'n']" in found.stderr
    assert "secret" not in found.stderr
    assert drift("toy@1", "in.csv", "--reference", "in.csv", "--text", "body").code == 0
