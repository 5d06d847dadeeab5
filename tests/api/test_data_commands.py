"""`triage data` as its user meets it: a real process on real files."""

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from data.tables import Row, read_rows

VOCABULARY = (
    "late parcel invoice login password refund broken thanks apply shift lawyer price quote hello driver app gate flat "
    "queue meter badge seat router bonus ticket photo scarf lamp tea mast glue oil"
)
WORDS = VOCABULARY.split()


def triage(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "api.cli", "data", *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "", "COLUMNS": "100"},
    )


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """Forty posts on two heads, in a helpdesk's own columns."""
    lines = ["message,topic,team,case,created"]
    for index in range(40):
        words = " ".join(WORDS[(index * step + index // 7) % len(WORDS)] for step in (1, 3, 5, 7, 11))
        topic, team = [("returns", "care"), ("faults", "tech"), ("noise", "-")][index % 3]
        lines.append(f"{words} number {index},{topic},{team},C{index // 2},2026-01-{1 + index % 28:02d}T09:00:00Z")
    path = tmp_path / "export.csv"
    path.write_text("\n".join([*lines, ",returns,care,C99,2026-01-01T00:00:00Z"]) + "\n")
    return path


def imported(history: Path) -> Path:
    target = history.parent / "history.jsonl"
    done = triage(
        "import", history, "--text", "message", "--label", "intent=topic", "--label", "department=team",
        "--rename", "department.-=null", "--group", "case", "--time", "created", "-o", target,
        folder=history.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "wrote 40 posts" in done.stderr
    assert f"{history}:42: message: the text is empty" in done.stderr
    return target


def rows(path: Path) -> list[Row]:
    return [row for row in read_rows(path) if isinstance(row, Row)]


def test_an_export_is_imported_split_and_checked(history: Path) -> None:
    target = imported(history)
    assert rows(target)[2].values["department"] is None
    folder = history.parent / "parts"
    done = triage(
        "split",
        target,
        "--by",
        "group",
        "--seed",
        1,
        "--shares",
        "0.4,0.2,0.2,0.2",
        "-o",
        folder,
        folder=history.parent,
    )
    assert done.returncode == 0, done.stderr
    parts = {name: rows(folder / f"{name}.jsonl") for name in ("train", "dev", "calibration", "test")}
    assert sum(map(len, parts.values())) == 40
    groups = [{row.values["group"] for row in part} for part in parts.values()]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 20
    checked = triage("check", *sorted(folder.iterdir()), "--no-audit", folder=history.parent)
    assert checked.returncode == 0, checked.stdout
    assert "nothing to mend" in checked.stdout


def test_a_split_by_time_puts_the_newest_into_the_test_part(history: Path) -> None:
    target = imported(history)
    assert triage("split", target, "--by", "time", "-o", history.parent / "t", folder=history.parent).returncode == 0
    times = [
        [row.values["time"] for row in rows(history.parent / "t" / f"{name}.jsonl")]
        for name in ("train", "dev", "calibration", "test")
    ]
    assert [max(earlier) <= min(later) for earlier, later in pairwise(times)] == [True] * 3


def test_a_random_split_depends_on_the_seed_alone(history: Path) -> None:
    target = imported(history)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        arguments = ("--by", "random", "--shares", "0.4,0.2,0.2,0.2", "--seed", seed)
        assert triage("split", target, *arguments, "-o", history.parent / name, folder=history.parent).returncode == 0
    first, again, other = ((history.parent / name / "train.jsonl").read_text() for name in "abc")
    assert first == again != other


def test_a_leak_between_files_fails_the_check_and_is_named_without_its_text(tmp_path: Path) -> None:
    post = {"text": "SECRET parcel was left in the rain again by your driver", "intent": "x"}
    fillers = [{"text": f"{WORDS[index]} {WORDS[-index]} {index}", "intent": "xy"[index % 2]} for index in range(8)]
    for name in ("a", "b"):
        lines = [json.dumps({**row, "text": f"{row['text']} {name}"}) for row in fillers] + [json.dumps(post)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    done = triage("check", "a.jsonl", "b.jsonl", "--no-audit", folder=tmp_path)
    assert done.returncode == 1
    assert "leak: 1" in done.stdout
    assert "a.jsonl:9 and b.jsonl:9: 2 equal posts in a.jsonl and b.jsonl" in done.stdout
    assert "SECRET" not in done.stdout + done.stderr
    machine = triage("check", "a.jsonl", "b.jsonl", "--no-audit", "--json", folder=tmp_path)
    assert machine.returncode == 1
    assert [fault["kind"] for fault in json.loads(machine.stdout)["faults"]] == ["leak"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("import", "export.csv", "--label", "intent", "-o", "o.jsonl"), "--label 'intent': expected HEAD=COLUMN"),
        (("import", "nowhere.csv", "--label", "a=b", "-o", "o.jsonl"), "nowhere.csv: cannot be read"),
        (("split", "export.csv", "--by", "mood", "-o", "parts"), "--by is 'mood'; expected group, time or random"),
        (("split", "export.csv", "--shares", "1,1", "-o", "parts"), "expected four numbers that sum to 1"),
        (("check", "--taxonomy", "t.yaml"), "--taxonomy goes with files"),
    ],
)
def test_a_wrong_argument_is_one_line(history: Path, arguments: tuple[str, ...], said: str) -> None:
    done = triage(*arguments, folder=history.parent)
    assert done.returncode == 2
    assert said in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
    assert not (history.parent / "o.jsonl").exists()
