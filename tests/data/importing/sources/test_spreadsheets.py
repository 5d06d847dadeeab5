"""Workbooks as people keep them."""

import datetime as dt
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from data.errors import DataError
from data.importing.sources.source import Source
from data.tables.rows import BadRow, Row

SECRET = "my card was stolen"


def workbook(path: Path, **sheets: Iterable[Iterable[Any]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book["Sheet"])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    book.save(path)
    return path


def edited(path: Path, member: str, pattern: bytes, replacement: bytes) -> None:
    """Change a part of the workbook."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert re.search(pattern, parts[member])
    parts[member] = re.sub(pattern, replacement, parts[member])
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def values(path: Path, sheet: str | None = None) -> list[dict[str, Any]]:
    return [row.values for row in Source(str(path), sheet=sheet).rows() if isinstance(row, Row)]


def test_cells_become_what_json_can_hold(tmp_path: Path) -> None:
    header = ["id", "score", "share", "open", "created", "day", "clock", "note", 2024]
    cells = [
        7.0,
        2.5,
        1e20,
        True,
        dt.datetime.fromisoformat("2024-03-01T09:30"),
        dt.date(2024, 3, 2),
        dt.time(8, 5),
        None,
        "a\nb",
    ]
    [row] = values(workbook(tmp_path / "posts.xlsx", Cases=[header, cells]))
    assert row == {
        "id": 7,
        "score": 2.5,
        "share": 10**20,
        "open": True,
        "created": "2024-03-01T09:30:00",
        "day": "2024-03-02T00:00:00",
        "clock": "08:05:00",
        "note": "",
        "2024": "a\nb",
    }
    assert type(row["id"]) is int


def test_the_header_is_the_first_row_with_cells_and_empty_rows_are_left_out(tmp_path: Path) -> None:
    rows: list[list[Any]] = [[], [None, None], ["text", None, "intent"], ["a", "stray", "x"], [], ["", None, ""], ["b"]]
    path = workbook(tmp_path / "posts.xlsx", Cases=rows)
    assert list(Source(str(path)).rows()) == [
        Row(str(path), 4, {"text": "a", "intent": "x"}),
        Row(str(path), 7, {"text": "b", "intent": ""}),
    ]
    assert [row.line for row in Source(str(path)).rows(1)] == [7]


def test_merged_cells_formulas_and_errors_are_what_excel_shows(tmp_path: Path) -> None:
    path = tmp_path / "posts.xlsx"
    book = openpyxl.Workbook()
    sheet = book["Sheet"]
    for row in (["text", "intent", "sum"], ["one", "both", "=1+1"], ["two", None, "#REF!"], ["_x000D_\nthree", "", 1]):
        sheet.append(row)
    sheet.merge_cells("B2:B3")
    book.save(path)
    # As Excel saves it: with the value that it computed.
    edited(path, "xl/worksheets/sheet1.xml", rb"<f>1\+1</f><v ?/>|<f>1\+1</f><v></v>", b"<f>1+1</f><v>2</v>")
    assert values(path) == [
        {"text": "one", "intent": "both", "sum": 2},
        {"text": "two", "intent": "", "sum": ""},
        {"text": "\r\nthree", "intent": "", "sum": 1},
    ]


def test_a_sheet_is_chosen_by_its_name(tmp_path: Path) -> None:
    path = workbook(tmp_path / "posts.xlsx", First=[["a"], [1]], Second=[["b"], [2]])
    assert values(path) == [{"a": 1}]
    assert values(path, "Second") == [{"b": 2}]
    with pytest.raises(DataError, match=r"posts.xlsx: no sheet 'Third'; it has \['First', 'Second'\]"):
        values(path, "Third")


def test_a_wrong_size_in_the_sheet_is_not_believed(tmp_path: Path) -> None:
    path = workbook(tmp_path / "posts.xlsx", Cases=[["a", "b"], [1, 2], [3, 4]])
    edited(path, "xl/worksheets/sheet1.xml", rb'ref="A1:B3"', b'ref="A1"')
    assert values(path) == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]


def test_warnings_of_parts_that_are_not_read_stay_inside(tmp_path: Path) -> None:
    path = workbook(tmp_path / "posts.xlsx", Cases=[["a", "when"], *([1, dt.date(2024, 1, 1)] for _ in range(300))])
    # A date that no calendar has, which openpyxl warns of when it reads the row.
    edited(path, "xl/worksheets/sheet1.xml", rb"<v>45292</v>(?=</c></row><row r=\"250\")", b"<v>99999999999</v>")
    assert values(path)[247] == {"a": 1, "when": ""}
    assert len(values(path)) == 300


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "the sheet is empty; expected a header"),
        ([[None]], "the sheet is empty; expected a header"),
        ([["a", "b", "a"]], r":1: columns of equal name: \['a'\]"),
    ],
)
def test_a_sheet_without_a_header_is_refused(tmp_path: Path, rows: list[list[Any]], said: str) -> None:
    with pytest.raises(DataError, match=said):
        values(workbook(tmp_path / "posts.xlsx", Cases=rows))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(1000), "encrypted, or of Excel before 2007; save it without"),
        (b"text,intent\n", "not an Excel workbook; save it as .xlsx or .csv"),
        (b"", "not an Excel workbook; save it as .xlsx or .csv"),
    ],
    ids=["encrypted", "CSV", "empty"],
)
def test_what_is_no_workbook_is_refused_with_what_to_do(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "posts.xlsx"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"posts.xlsx: {re.escape(said)}"):
        values(path)


def test_another_archive_is_no_workbook(tmp_path: Path) -> None:
    path = tmp_path / "posts.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "x")
    with pytest.raises(DataError, match=r"posts.xlsx: not an Excel workbook, or damaged"):
        values(path)


def test_a_sheet_that_breaks_gives_the_rows_before_and_says_where(tmp_path: Path) -> None:
    path = workbook(tmp_path / "posts.xlsx", Cases=[["a"], *([f"{SECRET} {row}"] for row in range(300))])
    edited(path, "xl/worksheets/sheet1.xml", rb'(?s)<row r="251".*', b"<row <broken")
    *good, bad = Source(str(path)).rows()
    assert [row.line for row in good] == list(range(2, 251))
    assert isinstance(bad, BadRow)
    assert bad.rest_lost
    assert str(bad) == f"{path}:251: the sheet is damaged here, and what follows is lost"
