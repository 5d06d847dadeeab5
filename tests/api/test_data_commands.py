"""`triage data` as its user meets it: a real process on real files."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from data.tables.reading import read_rows
from data.tables.rows import Row
from tests.api.command_line import Triage, command_line

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


def rows_in(path: Path) -> list[Row]:
    return [row for row in read_rows(path) if isinstance(row, Row)]


def test_an_export_is_imported_split_and_checked(history: Path) -> None:
    target = imported(history)
    assert rows_in(target)[2].values["department"] is None
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
    parts = {name: rows_in(folder / f"{name}.jsonl") for name in ("train", "dev", "calibration", "test")}
    assert sum(map(len, parts.values())) == 40
    groups = [{row.values["group"] for row in part} for part in parts.values()]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 20
    checked = triage("check", *sorted(folder.glob("*.jsonl")), "--no-audit", folder=history.parent)
    assert checked.returncode == 0, checked.stdout
    assert "nothing to mend" in checked.stdout


def test_a_split_by_time_puts_the_newest_into_the_test_part(history: Path) -> None:
    target = imported(history)
    assert triage("split", target, "--by", "time", "-o", history.parent / "t", folder=history.parent).returncode == 0
    times = [
        [row.values["time"] for row in rows_in(history.parent / "t" / f"{name}.jsonl")]
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


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Triage:
    """The command, in the test process and in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return partial(command_line(monkeypatch, capsys), "data")


def written(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_what_may_be_meant_so_is_a_caution_and_does_not_fail_the_check(tmp_path: Path, here: Triage) -> None:
    for name, year in (("train", 2026), ("test", 2025)):
        rows = [
            {"text": f"{name} {index}", "intent": "xy"[index % 2], "author": "me", "time": f"{year}-01-01"}
            for index in range(20)
        ]
        written(tmp_path / f"{name}.jsonl", [*rows, {"text": f"{name} z", "intent": "X"}])
    done = here("check", "test.jsonl", "train.jsonl", "--no-audit")
    assert done.code == 0, done.stdout
    for said in (
        "of 42 posts have 42 no group, 2 no author, 2 no time",
        "1 authors wrote in both test.jsonl and train.jsonl (20 posts of the latter)",
        "20 of 20 posts in train.jsonl are newer than the oldest in test.jsonl",
        "intent: X: 2 different posts in 2 groups",
        "'X' (2 posts) and 'x' (20 posts) differ only by case",
        "nothing to mend",
    ):
        assert said in done.stdout


def test_ten_thousand_faults_are_counted_shown_in_part_and_written_whole(tmp_path: Path, here: Triage) -> None:
    rows = [{"text": f"SECRET {index // 2}", "intent": "xy"[index % 2]} for index in range(6000)]
    path = written(tmp_path / "posts.jsonl", rows)
    done = here("check", path.name, "--no-audit", "--json", "--faults", "faults.jsonl")
    assert done.code == 1
    found = json.loads(done.stdout)
    assert found["counts"] == {"conflict": 3000}
    assert len(found["faults"]) == 1000
    assert found["faults"][0] == {
        "kind": "conflict",
        "where": ["posts.jsonl:1", "posts.jsonl:2"],
        "message": "2 equal posts, intent: x and y",
    }
    assert [row.values["kind"] for row in rows_in(tmp_path / "faults.jsonl")].count("conflict") == 3000
    assert "SECRET" not in done.stdout + done.stderr + (tmp_path / "faults.jsonl").read_text()
    shown = here("check", path.name, "--no-audit")
    assert "conflict: 3000" in shown.stdout
    assert "… and 2990 more" in shown.stdout
    assert len(shown.stdout.splitlines()) < 40


def test_a_split_tells_what_it_did_and_gives_the_same_bytes_again(tmp_path: Path, here: Triage) -> None:
    dealer = Random(5)  # noqa: S311  # made-up posts, no secret
    rows = [
        {"text": " ".join(dealer.sample(WORDS, 9)), "intent": "xyz"[at % 3 if at else 2], "author": f"a{at // 4}"}
        for at in range(20)
    ] * 2 + [{"text": "a post of a lone label", "intent": "w"}]
    written(tmp_path / "posts.jsonl", rows)
    arguments = ("split", "posts.jsonl", "--by", "author", "--shares", "0.4,0.2,0.2,0.2", "--seed", 3)
    for folder in ("one", "two"):
        done = here(*arguments, "-o", folder)
        assert done.code == 0, done.stderr
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert one == two
    assert set(one) == {"train.jsonl", "dev.jsonl", "calibration.jsonl", "test.jsonl", "split.json"}
    manifest = json.loads(one["split.json"])
    assert (manifest["by"], manifest["seed"], manifest["near_copies"]) == ("author", 3, True)
    assert sum(part["posts"] for part in manifest["parts"].values()) == 41
    assert "1 of 41 posts name no author" in done.stderr
    assert "has no post with intent w" in done.stderr
    checked = here("check", *(f"one/{name}" for name in sorted(one) if name.endswith("l")), "--no-audit")
    assert "leak" not in checked.stdout


def test_posts_left_out_by_time_are_counted_by_reason(tmp_path: Path, here: Triage) -> None:
    long = "the parcel was left in the rain again and nobody rang the bell"
    texts = [f"{word} {index}" for index, word in enumerate(WORDS[:16])]
    texts = [long, *texts, long.upper(), long.replace("rain", "snow")]
    rows = [
        {"text": text, "intent": "xy"[day % 2], "time": f"2026-01-{day:02d}"} for day, text in enumerate(texts, start=1)
    ]
    written(tmp_path / "posts.jsonl", rows)
    done = here("split", "posts.jsonl", "--by", "time", "--shares", ".4,.2,.1,.3", "-o", "p")
    assert done.code == 0, done.stderr
    assert "1 left out: equal post in an earlier part; 1 left out: near copy in an earlier part" in done.stderr
    assert json.loads((tmp_path / "p" / "split.json").read_text())["left_out"] == {
        "equal_post_in_an_earlier_part": 1,
        "near_copy_in_an_earlier_part": 1,
        "group_or_thread_in_an_earlier_part": 0,
    }


def test_a_split_by_time_passes_the_check_and_one_at_random_tells_what_it_tore(tmp_path: Path, here: Triage) -> None:
    rows = [
        {
            "text": f"{WORDS[at % 30]} {at}",
            "intent": "xy"[at % 2],
            "thread": f"t{at * 7 % 20}",
            "time": f"2026-01-{1 + at // 2:02d}",
        }
        for at in range(60)
    ]
    written(tmp_path / "posts.jsonl", rows)
    timely = here("split", "posts.jsonl", "--by", "time", "--shares", ".4,0,0,.6", "-o", "p")
    assert timely.code == 2
    assert "36 of 60 posts were left out (group or thread in an earlier part)" in timely.stderr.replace("\n", " ")
    written(tmp_path / "posts.jsonl", [*rows, {**rows[0], "text": "new", "thread": "n", "time": "2026-02-28"}])
    done = here("split", "posts.jsonl", "--by", "time", "--shares", ".4,0,0,.6", "-o", "p")
    assert (done.code, done.stderr.count("left out: group or thread in an earlier part")) == (0, 1), done.stderr
    assert "group_leak" not in here("check", "p/train.jsonl", "p/test.jsonl", "--no-audit").stdout
    done = here("split", "posts.jsonl", "--by", "random", "-o", "q")
    assert "groups or threads stand in two parts; --by group keeps each in one" in done.stderr


def test_what_is_split_is_not_replaced(tmp_path: Path, here: Triage) -> None:
    rows = [{"text": f"{WORDS[at % 30]} {at}", "intent": "xy"[at % 2]} for at in range(60)]
    mine = written(tmp_path / "train.jsonl", rows)
    before = mine.read_bytes()
    done = here("split", "train.jsonl", "-o", ".")
    assert (done.code, mine.read_bytes()) == (2, before)
    assert "train.jsonl: is to be split, and would be replaced" in done.stderr.replace("\n", " ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--no-audit", "--faults", "posts.jsonl"), "--faults is posts.jsonl, which is read"),
        (("--no-audit", "--faults", "../here/posts.jsonl"), "--faults is ../here/posts.jsonl, which is read"),
        (("--suspects", "posts.jsonl"), "--suspects is posts.jsonl, which is read"),
        (("--suspects", "s.jsonl", "--faults", "s.jsonl"), "--faults is s.jsonl, and so is --suspects"),
        (("--suspects", "reviewed.jsonl"), "reviewed.jsonl: exists, and 1 of its rows are reviewed"),
    ],
)
def test_check_writes_over_nothing_that_it_reads_and_over_no_review(
    arguments: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: Triage
) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    written(folder / "posts.jsonl", [{"text": f"post {index}", "intent": "xy"[index % 2]} for index in range(20)])
    written(folder / "reviewed.jsonl", [{"fingerprint": "f", "verdict": "right", "label": ""}])
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    done = here("check", "posts.jsonl", *arguments)
    assert done.code == 2
    assert said in done.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_more_cautions_than_are_kept_are_counted(tmp_path: Path, here: Triage) -> None:
    written(tmp_path / "posts.jsonl", [{"text": "one", "intent": "l0"}])
    labels = ", ".join(f"l{index}" for index in range(1300))
    (tmp_path / "t.yaml").write_text(f"name: t\nheads: [{{name: intent, labels: [{labels}]}}]\n")
    (tmp_path / ".faults.jsonl.incomplete-abcdefgh").touch()  # of a check that was killed
    done = here("check", "posts.jsonl", "--no-audit", "--taxonomy", "t.yaml", "--faults", "faults.jsonl")
    assert "caution, rare_label: 1300" in done.stdout
    assert "… and 1290 more" in done.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"posts.jsonl", "t.yaml", "faults.jsonl"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("check", "-"), "standard input cannot be read twice"),
        (("check", "export.csv", "--faults", "f.csv"), "--faults is f.csv; the file is JSONL"),
        (("import", "export.csv", "--label", "intent", "-o", "o.jsonl"), "--label 'intent': expected HEAD=COLUMN"),
        (("import", "nowhere.csv", "--label", "a=b", "-o", "o.jsonl"), "nowhere.csv: cannot be read"),
        (
            ("split", "export.csv", "--by", "mood", "-o", "parts"),
            "--by is 'mood'; expected group, author, time or random",
        ),
        (("split", "export.csv", "--shares", "1,1", "-o", "parts"), "expected four numbers that sum to 1"),
        (
            ("split", "export.csv", "--shares", "nan,.1,.1,.1", "--by", "time", "-o", "parts"),
            "expected four numbers that sum to 1",
        ),
        (("check", "--taxonomy", "t.yaml"), "--taxonomy goes with files"),
    ],
)
def test_a_wrong_argument_is_one_line(history: Path, arguments: tuple[str, ...], said: str) -> None:
    done = triage(*arguments, folder=history.parent)
    assert done.returncode == 2
    assert said in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
    assert not (history.parent / "o.jsonl").exists()
