"""Suspects written for review, in every format; judgements read back; whatever else stands there is named."""

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from data.errors import DataError
from data.normalise import fingerprint
from data.posts import Example, Post
from data.reviewing.suspects import (
    Correction,
    Labelling,
    Review,
    by_label,
    read_review,
    refuse_review,
    write_suspects,
)
from data.tables.reading import read_rows
from data.tables.rows import Row


@dataclass(frozen=True)
class Suspect:
    index: int
    head: str
    given: str
    suggested: str
    probability: float


EXAMPLES = [
    Example(Post("Where is my PARCEL?", id="7"), {"intent": "refund"}, origin="h.jsonl:1"),
    Example(Post('=HYPERLINK("http://example.com") late, again'), {"intent": "outage"}, origin="h.jsonl:2"),
    Example(Post("where is my parcel?"), {"intent": "refund"}, origin="h.jsonl:3"),
]
SUSPECTS = [
    Suspect(0, "intent", "refund", "delivery", 0.01),
    Suspect(1, "intent", "outage", "null", 0.1234567),
    Suspect(2, "intent", "refund", "delivery", 0.2),
]


def rows(path: Path) -> list[dict[str, Any]]:
    return [row.values for row in read_rows(path) if isinstance(row, Row)]


def reviewed(path: Path, **cells: Any) -> Path:
    """One row as it is written, with other cells."""
    row = {"fingerprint": "f", "head": "intent", "given": "a", "suggested": "b", "verdict": "wrong", "label": ""}
    path.write_text(json.dumps({**row, **cells}) + "\n")
    return path


def test_a_row_holds_what_a_reader_and_a_program_need(tmp_path: Path) -> None:
    path = tmp_path / "suspects.jsonl"
    assert write_suspects(path, SUSPECTS, EXAMPLES) == 2
    assert rows(path) == [
        {
            "where": "h.jsonl:1",
            "id": "7",
            "fingerprint": fingerprint("where is my parcel?"),
            "head": "intent",
            "given": "refund",
            "suggested": "delivery",
            "probability": 0.01,
            "verdict": "",
            "label": "",
            "text": "Where is my PARCEL?",
        },
        {
            "where": "h.jsonl:2",
            "fingerprint": fingerprint(EXAMPLES[1].post.text),
            "head": "intent",
            "given": "outage",
            "suggested": "null",
            "probability": 0.123457,
            "verdict": "",
            "label": "",
            "text": EXAMPLES[1].post.text,
        },
    ]


@pytest.mark.parametrize("ending", ["jsonl", "csv", "tsv", "parquet"])
def test_what_is_written_reads_back_as_not_reviewed(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"suspects.{ending}"
    write_suspects(path, SUSPECTS, EXAMPLES)
    assert read_review(path) == Review({}, right=0, unreviewed=2)


@pytest.mark.parametrize("ending", ["csv", "tsv"])
def test_a_spreadsheet_is_given_no_formula(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"suspects.{ending}"
    write_suspects(path, SUSPECTS, EXAMPLES)
    assert [row["text"][:2] for row in rows(path)] == ["Wh", "'="]


def test_verdicts_filled_in_a_spreadsheet_are_read_back(tmp_path: Path) -> None:
    path = tmp_path / "suspects.csv"
    write_suspects(path, SUSPECTS, EXAMPLES)
    filled = rows(path)
    filled[0] |= {"verdict": " Wrong", "label": "outage "}
    filled[1] |= {"verdict": "wrong"}
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(filled[0]))
        writer.writeheader()
        writer.writerows(reversed(filled))
    assert read_review(path) == Review(
        {
            Labelling(fingerprint(EXAMPLES[1].post.text), "intent", "outage"): Correction("null", f"{path}:2"),
            Labelling(fingerprint(EXAMPLES[0].post.text), "intent", "refund"): Correction("outage", f"{path}:3"),
        },
        right=0,
        unreviewed=0,
    )


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("label", ["=1+1", "@x", "0012", "3/4", "May 5", "TRUE", "'tis", ".5", "late"])
def test_a_label_that_a_spreadsheet_would_change_is_shielded_and_read_back(
    label: str, kept: bool, tmp_path: Path
) -> None:
    path = tmp_path / "suspects.csv"
    write_suspects(path, [Suspect(0, "intent", label, "b", 0.1), Suspect(1, "intent", "a", label, 0.2)], EXAMPLES)
    filled = [row | {"verdict": "wrong"} for row in rows(path)]
    shown = [filled[0]["given"], filled[1]["suggested"]]
    assert shown == [label if label == "late" else f"'{label}"] * 2
    if not kept:  # by a spreadsheet that took the apostrophe for its own sign of a text
        filled[0]["given"] = filled[1]["suggested"] = label
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(filled[0]))
        writer.writeheader()
        writer.writerows(filled)
    assert read_review(path).corrections == {
        Labelling(fingerprint(EXAMPLES[0].post.text), "intent", label): Correction("b", f"{path}:2"),
        Labelling(fingerprint(EXAMPLES[1].post.text), "intent", "a"): Correction(label, f"{path}:3"),
    }


def test_an_apostrophe_in_a_file_that_no_spreadsheet_wrote_is_a_labels_own(tmp_path: Path) -> None:
    [found] = read_review(reviewed(tmp_path / "r.jsonl", given="'0012")).corrections
    assert found.given == "'0012"


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
@pytest.mark.parametrize("cells", [{"verdict": "right"}, {"label": "b"}])
def test_no_suspects_are_written_over_a_review(ending: str, cells: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / f"suspects.{ending}"
    write_suspects(path, SUSPECTS, EXAMPLES)
    write_suspects(path, SUSPECTS, EXAMPLES)  # of which none is reviewed
    filled = rows(path)
    filled[1] |= cells
    with path.open("w", newline="") as file:
        if ending == "jsonl":
            file.writelines(json.dumps(row) + "\n" for row in filled)
        else:
            writer = csv.DictWriter(file, list(filled[0]))
            writer.writeheader()
            writer.writerows(filled)
    before = path.read_bytes()
    with pytest.raises(DataError, match="exists, and 1 of its rows are reviewed"):
        write_suspects(path, SUSPECTS, EXAMPLES)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", ['{"text": "SECRET", "intent": "a"}\n', "torn SECRET\n"])
def test_no_suspects_are_written_over_something_else(content: str, write: Callable[..., Path]) -> None:
    path = write("posts.jsonl", content)
    with pytest.raises(DataError, match="something else than suspects") as error:
        refuse_review(path)
    assert "SECRET" not in str(error.value)
    refuse_review(write("empty.jsonl", ""))


def test_a_killed_writers_suspects_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".suspects.csv.incomplete-abcdefgh").touch()
    write_suspects(tmp_path / "suspects.csv", SUSPECTS, EXAMPLES)
    assert [path.name for path in tmp_path.iterdir()] == ["suspects.csv"]


def test_a_review_in_another_encoding_is_told_how_to_save_it(tmp_path: Path) -> None:
    path = reviewed(tmp_path / "r.jsonl", label="café")
    path.write_bytes(path.read_text().encode().replace(b"caf\\u00e9", b"caf\xe9"))
    with pytest.raises(DataError, match=r"r\.jsonl:1: not UTF-8; save the review as UTF-8") as error:
        read_review(path)
    assert "import" not in str(error.value)


def test_a_label_that_stands_is_no_correction(tmp_path: Path) -> None:
    for cells in ({"verdict": "right"}, {"verdict": "right", "label": "a"}):
        assert read_review(reviewed(tmp_path / "r.jsonl", **cells)) == Review({}, right=1, unreviewed=0)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"verdict": "SECRET words"}, ":1: verdict: expected right, wrong or nothing"),
        ({"verdict": None}, ":1: verdict: expected a text"),
        ({"verdict": "", "label": "SECRET"}, ":1: label: a label is given, so the verdict should be wrong; found none"),
        ({"verdict": "right", "label": "b"}, ":1: label: a label is given, so the verdict should be wrong; found righ"),
        ({"label": None}, ":1: label: expected a text"),
        ({"label": "a"}, ":1: label: the same as given"),
        ({"suggested": ""}, ":1: label: the verdict is wrong, but neither label nor suggested"),
        ({"fingerprint": " "}, ":1: fingerprint: expected a text, found an empty cell"),
        ({"head": 3}, ":1: head: expected a text"),
        ({"head": "SECRET words"}, ":1: head: expected the name of a head"),
        ({"head": "text"}, ":1: head: expected the name of a head"),
    ],
)
def test_what_is_no_judgement_is_named_by_line_without_its_text(
    cells: dict[str, Any], said: str, tmp_path: Path
) -> None:
    path = reviewed(tmp_path / "r.jsonl", **cells)
    with pytest.raises(DataError) as error:
        read_review(path)
    assert f"{path}{said}" in str(error.value)
    assert "SECRET" not in str(error.value)


def test_equal_posts_judged_otherwise_are_a_contradiction(tmp_path: Path, write: Callable[..., Path]) -> None:
    one = reviewed(tmp_path / "r.jsonl").read_text()
    assert len(read_review(write("twice.jsonl", one + one)).corrections) == 1
    for other in ({"label": "c"}, {"verdict": "right"}):
        path = write("both.jsonl", one + reviewed(tmp_path / "r.jsonl", **other).read_text())
        with pytest.raises(DataError, match=r"both\.jsonl:2: verdict: .* judged otherwise at .*both\.jsonl:1"):
            read_review(path)


def test_every_row_at_fault_is_counted_and_the_first_are_named(write: Callable[..., Path]) -> None:
    path = write("r.jsonl", "{}\n" * 11 + "torn\n")
    with pytest.raises(DataError) as error:
        read_review(path)
    assert "12 row(s)" in str(error.value)
    assert f"{path}:10: fingerprint" in str(error.value)
    assert "… and 2 more" in str(error.value)


def test_counts_are_nested_by_head_and_label() -> None:
    counts = {("x", "a", "b"): 2, ("x", "a", "c"): 5, ("y", "null", "b"): 1}
    assert by_label(counts) == {"x": {"a": {"c": 5, "b": 2}}, "y": {"null": {"b": 1}}}
