"""One way to all rows: what a source is taken for, what it is told by, how large it is."""

import gzip
import json
import os
import pickle
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.errors import DataError
from data.importing.sources.source import Source
from data.tables.dialects import Dialect
from data.tables.rows import Row

Write = Callable[[str, bytes | str], Path]

URL = "postgresql://ann:hidden@db.example.com/desk"


def test_a_file_is_read_in_its_dialect(write: Write) -> None:
    source = Source(
        str(write("posts.csv", "text#intent\ncafé#refund\n".encode("cp1252"))), dialect=Dialect("cp1252", "#")
    )
    assert list(source.rows()) == [Row(source.name, 2, {"text": "café", "intent": "refund"})]


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("posts.xls", "of Excel before 2007; open it and save it as .xlsx or .csv"),
        ("posts.ods", "an OpenDocument sheet; save it as .xlsx or .csv"),
        ("posts.txt", "end its name with .csv, or .tsv"),
        ("posts.docx", "unknown ending '.docx'; expected one of .csv, .json, .jsonl, .ndjson, .parquet, .tsv, .xlsx"),
        ("posts.parquet.gz", "unknown ending '.gz'; expected one of"),
        ("posts", "unknown ending ''; expected one of"),
    ],
)
def test_a_file_of_another_kind_is_refused_with_what_to_do(location: str, said: str) -> None:
    with pytest.raises(DataError, match=f"{location}: .*{said}"):
        Source(location)


def test_what_does_not_go_with_the_kind_is_refused() -> None:
    with pytest.raises(DataError, match=r"posts.csv: is a file; a query is for a database's URL"):
        Source("posts.csv", query="SELECT 1")
    with pytest.raises(DataError, match=r"posts.csv: has no sheets; --sheet is for .xlsx and .xlsm"):
        Source("posts.csv", sheet="Cases")
    with pytest.raises(DataError, match="needs a query: --query SQL") as caught:
        Source(URL)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.parquet", "a.csv.gz", "a.zip", "a.xlsx"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    source = Source(str(tmp_path / name))
    for ask in (lambda: list(source.rows()), source.identity):
        with pytest.raises(DataError, match=f"{name}: cannot be read: .*No such file"):
            ask()


def test_a_source_says_nothing_secret_and_can_be_pickled() -> None:
    source = Source(URL, "SELECT 1")
    assert "hidden" not in repr(source) + source.name + json.dumps(source.identity())
    assert source.identity()["query"] == "SELECT 1"
    assert pickle.loads(pickle.dumps(source)) == source  # noqa: S301  # our own


def test_a_file_that_changed_has_another_identity(write: Write) -> None:
    path = write("posts.csv", "text\na\n")
    source = Source(str(path))
    before = source.identity()
    assert json.loads(json.dumps(before)) == before
    assert Source(os.path.relpath(path)).identity() == before
    assert Source(str(path), dialect=Dialect(delimiter=";")).identity() != before
    os.utime(path, ns=(0, before["mtime_ns"] + 1))
    assert source.identity() != before
    path.write_text("text\nab\n")
    os.utime(path, ns=(0, before["mtime_ns"]))
    assert source.identity() != before


def test_a_sqlite_file_that_changed_has_another_identity(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    source = Source(f"sqlite:///{path}", "SELECT * FROM ticket")
    with pytest.raises(DataError, match=r"desk.db: cannot be read: No such file"):
        source.identity()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE ticket (text TEXT)")
    before = source.identity()
    assert list(source.rows()) == []
    assert source.identity() == before
    os.utime(path, ns=(0, before["mtime_ns"] + 1))
    assert source.identity() != before
    os.utime(path, ns=(0, before["mtime_ns"]))
    connection.execute("CREATE INDEX texts ON ticket (text)")
    connection.close()
    os.utime(path, ns=(0, before["mtime_ns"]))
    assert source.identity() != before


@pytest.mark.parametrize("source", [Source("-"), Source(URL, "SELECT 1"), Source("sqlite://", "SELECT 1")], ids=repr)
def test_what_may_have_changed_unseen_is_never_the_same_again(source: Source) -> None:
    assert source.identity() != source.identity()


@pytest.mark.parametrize("name", ["caf\udce9.csv", "caf\udce9.csv.gz", "caf\udce9.zip", "caf\udce9.xlsx"])
def test_a_name_that_is_not_utf8_can_be_written(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    source = Source(str(path))
    if path.suffix == ".xlsx":
        book = openpyxl.Workbook()
        book.worksheets[0].append(["text"])
        book.worksheets[0].append(["a"])
        book.save(path)
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.csv", "text\na\n")
    else:
        path.write_bytes(gzip.compress(b"text\na\n") if path.suffix == ".gz" else b"text\na\n")
    [row] = source.rows()
    assert isinstance(row, Row)
    assert row.values == {"text": "a"}
    assert "/caf?." in row.source
    for said in (source.name, row.source, json.dumps(source.identity(), ensure_ascii=False)):
        assert said.encode().decode() == said


def test_two_names_that_are_not_utf8_are_two_sources(tmp_path: Path) -> None:
    one, other = (tmp_path / "caf\udce8.csv", tmp_path / "caf\udce9.csv")
    for path in (one, other):
        path.write_text("text\na\n")
        os.utime(path, ns=(0, 0))
    assert Source(str(one)).identity() != Source(str(other)).identity()


@pytest.mark.parametrize(
    ("location", "query", "is_table"),
    [
        ("a.csv", None, True),
        ("a.tsv.gz", None, True),
        ("a.parquet", None, True),
        ("a.xlsx", None, True),
        (URL, "SELECT 1", True),
        ("a.json", None, False),
        ("a.jsonl.gz", None, False),
        ("a.zip", None, False),
        ("-", None, False),
    ],
)
def test_a_table_is_what_has_all_columns_in_each_row(location: str, query: str | None, is_table: bool) -> None:
    assert Source(location, query).is_table == is_table


ROWS = 25_000
DRAW = np.random.default_rng(0)
TEXTS = [
    f"post {row:6}\nof two lines, {DRAW.bytes(125).hex()}" for row in range(ROWS)
]  # 7 MB, of which 4 are looked at
CSV = "text,intent\n" + "".join(f'"{text}",label\n' for text in TEXTS)
JSON = json.dumps([{"text": text, "intent": "a label", "n": [1]} for text in TEXTS])


def test_the_number_of_rows_is_seen_from_the_beginning(tmp_path: Path) -> None:
    files = {"a.csv": CSV.encode(), "a.csv.gz": gzip.compress(CSV.encode()), "a.json": JSON.encode()}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("1.csv", CSV)
        archive.writestr("2.csv", CSV)
    pq.write_table(pa.table({"text": ["a"] * ROWS}), tmp_path / "a.parquet")
    for name, rows in {**dict.fromkeys([*files, "a.parquet"], ROWS), "a.zip": 2 * ROWS}.items():
        assert Source(str(tmp_path / name)).size() == pytest.approx(rows, rel=0.05), name


def test_the_number_of_rows_is_unknown_where_only_reading_tells(tmp_path: Path, write: Write) -> None:
    book = openpyxl.Workbook()
    book.save(tmp_path / "a.xlsx")
    unreadable = write("a.json", '{"tickets": [], "next": null}')
    for source in (Source("-"), Source(str(tmp_path / "a.xlsx")), Source(URL, "SELECT 1"), Source(str(unreadable))):
        assert source.size() is None
