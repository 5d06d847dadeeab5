"""`triage data correct` as its user meets it: what was changed, what was left alone, and why."""

import json
from pathlib import Path

import pytest

from data.normalise import fingerprint
from tests.api.command_line import Triage, command_line


@pytest.fixture
def triage(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Triage:
    monkeypatch.chdir(tmp_path)
    return command_line(monkeypatch, capsys)


@pytest.fixture(autouse=True)
def parts(tmp_path: Path) -> None:
    """Parts of a split and a review of them."""
    folder = tmp_path / "parts"
    folder.mkdir()
    for name, posts in {
        "train": [("parcel late", "outage"), ("site down", "outage"), ("my money back", "refund")],
        "dev": [("parcel  LATE", "outage")],
        "test": [("parcel late", "outage"), ("SECRET words", "refund")],
    }.items():
        lines = [json.dumps({"text": text, "intent": intent}) for text, intent in posts]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    rows = [
        ("parcel late", "outage", "refund", "wrong"),
        ("SECRET words", "refund", "outage", "wrong"),
        ("gone by now", "refund", "outage", "wrong"),
        ("site down", "outage", "refund", "right"),
        ("my money back", "refund", "outage", ""),
    ]
    (tmp_path / "review.jsonl").write_text(
        "".join(
            json.dumps(
                {
                    "fingerprint": fingerprint(text),
                    "head": "intent",
                    "given": given,
                    "suggested": suggested,
                    "verdict": verdict,
                    "label": "",
                    "text": text,
                }
            )
            + "\n"
            for text, given, suggested, verdict in rows
        )
    )


def test_a_review_is_applied_and_told(triage: Triage, tmp_path: Path) -> None:
    done = triage("data", "correct", "parts", "--review", "review.jsonl", "-o", "mended")
    assert done.code == 0, done.stderr
    first = json.loads((tmp_path / "mended" / "train.jsonl").read_text().splitlines()[0])
    assert first == {"text": "parcel late", "intent": "refund"}
    assert (tmp_path / "mended" / "test.jsonl").read_bytes() == (tmp_path / "parts" / "test.jsonl").read_bytes()
    assert "intent" in done.stdout
    assert "corrections of posts in the test part: 2; left alone there, because a test whose" in done.stderr
    assert "corrections that match no post (its text, head and given label): 1\n  review.jsonl:3\n" in done.stderr
    assert "corrected posts: train 1, dev 1; 1 labels stand, 1 were not reviewed; wrote mended" in done.stderr
    assert "SECRET" not in done.stdout + done.stderr


def test_a_label_that_no_post_carries_is_known_from_a_taxonomy(triage: Triage, tmp_path: Path) -> None:
    review = tmp_path / "review.jsonl"
    review.write_text(review.read_text().replace('"suggested": "refund"', '"suggested": "null"'))
    refused = triage("data", "correct", "parts", "--review", "review.jsonl", "-o", "mended")
    assert refused.code == 2
    (tmp_path / "t.yaml").write_text("name: t\nheads: [{name: intent, optional: true, labels: [outage, refund]}]\n")
    done = triage("data", "correct", "parts", "--review", "review.jsonl", "-o", "mended", "--taxonomy", "t.yaml")
    assert done.code == 0, done.stderr
    assert '"intent": null' in (tmp_path / "mended" / "train.jsonl").read_text()


def test_the_same_for_machines(triage: Triage) -> None:
    done = triage("data", "correct", "parts", "--review", "review.jsonl", "-o", "mended", "--json")
    assert done.plain == {
        "corrected": {"train": 1, "dev": 1},
        "labels": {"intent": {"outage": {"refund": 2}}},
        "right": 1,
        "not_reviewed": 1,
        "left_alone_in_test": 2,
        "unmatched": ["review.jsonl:3"],
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("parts", "--review", "nowhere.jsonl", "-o", "new"), "nowhere.jsonl: cannot be read"),
        (("parts", "--review", "review.jsonl", "-o", "parts"), "parts: exists; name a new folder"),
        (("nowhere", "--review", "review.jsonl", "-o", "new"), "nowhere: expected a folder with parts of a split"),
        (("parts", "--review", "review.jsonl", "-o", "new", "--taxonomy", "no.yaml"), "no.yaml"),
        (("parts", "--review", "parts/dev.jsonl", "-o", "new"), "parts/dev.jsonl:1: fingerprint: expected a text"),
    ],
)
def test_a_wrong_argument_is_said_in_words(
    arguments: tuple[str, ...], said: str, triage: Triage, tmp_path: Path
) -> None:
    done = triage("data", "correct", *arguments)
    assert done.code == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "new").exists()
