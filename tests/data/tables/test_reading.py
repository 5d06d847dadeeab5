"""Rows as they stand in files that people export, broken ones included."""

import datetime as dt
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.errors import DataError
from data.tables.dialects import Dialect
from data.tables.reading import STDIN, columns, count_rows, read_rows, table_format
from data.tables.rows import MAX_DEPTH, BadRow, Row

Write = Callable[[str, bytes | str], Path]

SECRET = "my card was stolen"
TABLE = pa.table({"text": [f"{SECRET} {index}" for index in range(3000)], "score": list(range(3000))})


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("posts.csv", "text,intent\nhello,refund\n", 2),
        ("posts.tsv", "text\tintent\nhello\trefund\n", 2),
        ("posts.jsonl", '{"text": "hello", "intent": "refund"}\n', 1),
        ("posts.ndjson", '{"text": "hello", "intent": "refund"}', 1),
        ("POSTS.CSV", "text,intent\r\nhello,refund\r\n", 2),
        ("posts.csv", "\ufefftext,intent\nhello,refund\n", 2),
        ("posts.csv", '\ufeff"text","intent"\n"hello","refund"\n', 2),
        ("posts.tsv", "\ufefftext\tintent\nhello\trefund\n", 2),
        ("posts.jsonl", '\ufeff{"text": "hello", "intent": "refund"}\n', 1),
    ],
)
def test_a_row_is_read_whatever_the_format_line_ends_and_byte_order_mark(
    write: Write, name: str, content: str, line: int
) -> None:
    path = write(name, content)
    assert list(read_rows(path)) == [Row(str(path), line, {"text": "hello", "intent": "refund"})]


def test_each_csv_row_has_the_line_at_which_it_begins(write: Write) -> None:
    path = write("posts.csv", 'text,intent\n"two\nlines, ""quoted""",refund\n\nlast,spam\n')
    assert list(read_rows(path)) == [
        Row(str(path), 2, {"text": 'two\nlines, "quoted"', "intent": "refund"}),
        Row(str(path), 5, {"text": "last", "intent": "spam"}),
    ]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (f"{SECRET}\n".encode(), "expected 2 cells as in the header, found 1"),
        (f"{SECRET}, please,refund\n".encode(), "expected 2 cells as in the header, found 3"),
        (f'"{SECRET}" please,refund\n'.encode(), "not CSV: "),
        (f"{SECRET} caf\xe9,refund\n".encode("latin-1"), "not UTF-8"),
        (f'"{SECRET}{"a" * 17 * 2**20}",refund\n'.encode(), "not CSV: field larger than field limit"),
    ],
    ids=["too few cells", "too many cells", "text after a quote", "Latin-1", "17 MiB"],
)
def test_a_broken_csv_row_is_told_with_its_line_and_its_neighbours_are_read(
    write: Write, row: bytes, expected: str
) -> None:
    path = write("posts.csv", b"text,intent\nfirst,refund\n" + row + b"last,spam\n")
    first, bad, last = read_rows(path)
    assert first == Row(str(path), 2, {"text": "first", "intent": "refund"})
    assert last == Row(str(path), 4, {"text": "last", "intent": "spam"})
    assert isinstance(bad, BadRow)
    assert str(bad).startswith(f"{path}:3: {expected}")
    assert SECRET not in str(bad)


@pytest.mark.parametrize(
    ("end", "lost"),
    [("", [3, 4, 5]), ('"last, quoted",spam\n', [3, 4, 5, 6])],
    ids=["never closed", "closed by another cell"],
)
def test_each_line_that_a_stray_quote_swallows_is_told(write: Write, end: str, lost: list[int]) -> None:
    path = write("posts.csv", f'text,intent\nfirst,refund\n"stray,refund\n{SECRET},refund\n{SECRET},spam\n{end}')
    first, *bad = read_rows(path)
    assert first == Row(str(path), 2, {"text": "first", "intent": "refund"})
    assert [row.line for row in bad if isinstance(row, BadRow) and row.message.startswith("not CSV: ")] == lost
    assert SECRET not in " ".join(map(str, bad))


def test_a_csv_cell_may_be_longer_than_the_limit_of_the_csv_module(write: Write) -> None:
    thread = "a long thread of mails\n" * 10_000  # 230 kB; the module's limit is 128 KiB
    path = write("posts.csv", f'text,intent\n"{thread}",refund\n')
    assert list(read_rows(path)) == [Row(str(path), 2, {"text": thread, "intent": "refund"})]


def test_a_nul_is_a_character_like_others(write: Write) -> None:
    path = write("posts.csv", b"text,intent\na\x00b,refund\n")
    assert list(read_rows(path)) == [Row(str(path), 2, {"text": "a\x00b", "intent": "refund"})]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f'{{"text": "{SECRET}"'.encode(), "not JSON: Expecting ',' delimiter at column 30"),
        (f"{SECRET}".encode(), "not JSON: Expecting value at column 1"),
        (f'{{"text": "{SECRET}"}} {{}}'.encode(), "not JSON: Extra data at column 32"),
        (f'{{"text": "{SECRET}\x00"}}'.encode(), "not JSON: Invalid control character at at column 29"),
        (f'["{SECRET}"]'.encode(), "expected a JSON object, found list"),
        (f'"{SECRET}"'.encode(), "expected a JSON object, found str"),
        (b"5", "expected a JSON object, found int"),
        (b"null", "expected a JSON object, found NoneType"),
        (f'{{"text": "{SECRET} caf\xe9"}}'.encode("latin-1"), "not UTF-8"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "not JSON that can be held: nested too deep"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "not JSON that can be held"),
        ('\ufeff{"text": "a mark in the middle"}'.encode(), "not JSON: "),
    ],
    ids=["cut", "bare", "two", "NUL", "list", "text", "number", "null", "Latin-1", "deep", "10,000 digits", "BOM"],
)
def test_a_broken_json_line_is_told_with_its_line_and_its_neighbours_are_read(
    write: Write, line: bytes, expected: str
) -> None:
    path = write("posts.jsonl", b'{"text": "first"}\n\n' + line + b'\n{"text": "last"}')
    first, bad, last = read_rows(path)
    assert first == Row(str(path), 1, {"text": "first"})
    assert last == Row(str(path), 4, {"text": "last"})
    assert isinstance(bad, BadRow)
    assert str(bad).startswith(f"{path}:3: {expected}")
    assert SECRET not in str(bad)


@pytest.mark.parametrize("begin", ["[", '{"a": '])
def test_a_json_line_may_be_nested_as_deep_as_a_row_of_a_json_file(write: Write, begin: str) -> None:
    end = {"[": "]", '{"a": ': "}"}[begin]
    lines = [f'{{"text": {begin * depth}1{end * depth}}}' for depth in (MAX_DEPTH - 1, MAX_DEPTH, 480, 900)]
    path = write("posts.jsonl", "\n".join([*lines, json.dumps({"text": "[" * 1000})]))
    first, *bad, brackets = read_rows(path)
    assert isinstance(first, Row)
    assert brackets == Row(str(path), 5, {"text": "[" * 1000})
    assert [str(row) for row in bad] == [
        f"{path}:{line}: nested deeper than 100 lists or objects" for line in (2, 3, 4)
    ]


def test_the_source_of_rows_can_be_written_whatever_the_name_of_the_file(write: Write) -> None:
    path = write("caf\udce9.csv", "text\nhello\na,b\n")
    row, bad = read_rows(path)
    assert row.source == bad.source == f"{path.parent}/caf?.csv"
    with pytest.raises(DataError, match=r"caf\?.parquet: the name of a Parquet file must be UTF-8; rename it"):
        list(read_rows(write("caf\udce9.parquet", "")))


def test_only_a_line_feed_ends_a_json_line(write: Write) -> None:
    path = write("posts.jsonl", '{"text": "one\u2028two\u0085three"}\r\n')
    assert list(read_rows(path)) == [Row(str(path), 1, {"text": "one\u2028two\u0085three"})]


def test_parquet_rows_keep_their_types_and_are_numbered_through(tmp_path: Path) -> None:
    path = tmp_path / "posts.parquet"
    pq.write_table(TABLE, path)
    rows = list(read_rows(path))
    assert rows[0] == Row(str(path), 1, {"text": f"{SECRET} 0", "score": 0})
    assert rows[-1] == Row(str(path), 3000, {"text": f"{SECRET} 2999", "score": 2999})
    assert len(rows) == count_rows(path) == 3000
    assert columns(path) == ["text", "score"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: b"text,intent\nhello,refund\n",
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:100] + b"\xff" * 2000 + whole[2100:],
    ],
    ids=["empty", "CSV", "cut", "overwritten"],
)
def test_a_damaged_parquet_file_is_refused_by_name(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "posts.parquet"
    pq.write_table(TABLE, path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=r"posts.parquet: ") as caught:
        list(read_rows(path))
    assert SECRET not in str(caught.value)


def test_parquet_text_that_is_not_utf8_costs_its_row_only(tmp_path: Path) -> None:
    path = tmp_path / "posts.parquet"
    texts = [b"first", f"{SECRET} \xe9".encode("latin-1"), b"last"]
    text = pa.StringArray.from_buffers(3, *pa.array(texts, pa.binary()).buffers()[1:])
    pq.write_table(pa.table({"id": [1, 2, 3], "text": text}), path)
    first, bad, last = rows = list(read_rows(path))
    assert (first, last) == (
        Row(str(path), 1, {"id": 1, "text": "first"}),
        Row(str(path), 3, {"id": 3, "text": "last"}),
    )
    assert bad == BadRow(str(path), 2, "not UTF-8; write the file anew", "text")
    for skip in (1, 2, 3):
        assert list(read_rows(path, skip=skip)) == rows[skip:]


def test_a_parquet_value_that_python_has_not_costs_its_row_only(tmp_path: Path) -> None:
    path = tmp_path / "posts.parquet"
    pq.write_table(pa.table({"time": pa.array([0, 2**62], pa.timestamp("us"))}), path)
    first, bad = read_rows(path)
    assert isinstance(first, Row)
    assert str(bad) == f"{path}:2: time: a value of type timestamp[us] that Python cannot hold"


def test_a_damaged_part_of_a_parquet_file_is_one_bad_row_and_the_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "posts.parquet"
    pq.write_table(TABLE, path, row_group_size=1000, compression="snappy")
    group = pq.ParquetFile(path).metadata.row_group(1).column(0)
    content = bytearray(path.read_bytes())
    content[group.dictionary_page_offset : group.dictionary_page_offset + group.total_compressed_size] = (
        b"\xff" * group.total_compressed_size
    )
    path.write_bytes(content)
    rows = list(read_rows(path))
    assert [row.line for row in rows] == [*range(1, 1002), *range(2001, 3001)]
    message = "the file is damaged here, a part of it is lost: rows 1001 to 2000; fetch it again"
    assert [row for row in rows if isinstance(row, BadRow)] == [BadRow(str(path), 1001, message, rest_lost=True)]
    for skip in (1, 999, 1000, 1001, 1002, 2000, 2001):
        assert list(read_rows(path, skip=skip)) == rows[skip:]


def test_parquet_maps_are_read_as_objects(tmp_path: Path) -> None:
    path = tmp_path / "posts.parquet"
    maps = pa.map_(pa.string(), pa.list_(pa.map_(pa.int64(), pa.string())))
    value = {"a": [{1: "one"}, {}], "b": None}
    pq.write_table(
        pa.table(
            {
                "tags": pa.array([value, {}, None], maps),
                "inner": pa.array(
                    [{"tags": {b"caf\xc3\xa9": 1.5}}] * 3, pa.struct({"tags": pa.map_(pa.binary(), pa.float64())})
                ),
                "days": pa.array([{dt.date(2024, 3, 1): b"\xff"}] * 3, pa.map_(pa.date32(), pa.binary())),
            }
        ),
        path,
    )
    rows = [row.values for row in read_rows(path) if isinstance(row, Row)]
    assert [row["tags"] for row in rows] == [value, {}, None]
    assert rows[0]["inner"] == {"tags": {"café": 1.5}}
    assert rows[0]["days"] == {"2024-03-01": b"\xff"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("posts.csv", "text,intent,text,id,id\n"),
        ("posts.tsv", "text\tintent\ttext\tid\tid\n"),
    ],
)
def test_columns_of_equal_name_are_refused(write: Write, name: str, content: str) -> None:
    path = write(name, content)
    for read in (columns, lambda path: list(read_rows(path))):
        with pytest.raises(DataError, match=r":1: columns of equal name: \['id', 'text'\]; rename all but one"):
            read(path)


def test_parquet_columns_of_equal_name_are_refused_too(tmp_path: Path) -> None:
    path = tmp_path / "posts.parquet"
    one = pa.array(["a"])
    pq.write_table(pa.Table.from_arrays([one, one], names=["text", "text"]), path)
    with pytest.raises(DataError, match=r"columns of equal name: \['text'\]"):
        list(read_rows(path))


@pytest.mark.parametrize(
    "content",
    ["prénom,text\na,b\n".encode("latin-1"), "text,intent\na,b\n".encode("utf-16-le")],
    ids=["Latin-1", "UTF-16 without its mark"],
)
def test_a_header_that_is_not_utf8_is_refused(write: Write, content: bytes) -> None:
    path = write("posts.csv", content)
    for read in (columns, lambda path: list(read_rows(path))):
        with pytest.raises(DataError, match=r"posts.csv:1: .*UTF-8"):
            read(path)


def test_a_csv_file_without_a_header_is_refused_and_a_json_file_without_rows_is_not(write: Write) -> None:
    with pytest.raises(DataError, match=r"posts.csv: empty; expected a header line"):
        list(read_rows(write("posts.csv", "")))
    assert list(read_rows(write("posts.jsonl", ""))) == []


def test_a_header_with_an_open_quote_is_refused(write: Write) -> None:
    with pytest.raises(DataError, match=r"posts.csv:1: the header is not CSV"):
        list(read_rows(write("posts.csv", 'text,"intent\nhello,refund\n')))


@pytest.mark.parametrize("name", ["posts.xlsx", "posts", "posts.csv.gz"])
def test_another_ending_is_refused_with_those_that_are_known(name: str) -> None:
    with pytest.raises(DataError, match=r"unknown ending '.*'; expected one of \['.csv', '.json', '.jsonl', '.ndjson'"):
        table_format(Path(name))


@pytest.mark.parametrize("name", ["none.csv", "none.tsv", "none.jsonl", "none.parquet"])
@pytest.mark.parametrize("read", [lambda path: list(read_rows(path)), count_rows], ids=["read_rows", "count_rows"])
def test_a_missing_file_is_named(tmp_path: Path, name: str, read: Callable[[Path], object]) -> None:
    with pytest.raises(DataError, match=f"{name}: cannot be read: .*No such file"):
        read(tmp_path / name)


def test_columns_are_told_by_formats_that_declare_them(write: Write) -> None:
    assert columns(write("posts.csv", "\ufefftext,intent\n")) == ["text", "intent"]
    assert columns(write("posts.tsv", "text\tthe intent\n")) == ["text", "the intent"]
    assert columns(write("posts.jsonl", '{"text": "a"}\n')) == []


def test_standard_input_is_jsonl_of_unknown_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"text": "hello"}\nbroken\n')))
    row, bad = read_rows(STDIN)
    assert row == Row("-", 1, {"text": "hello"})
    assert str(bad) == "-:2: not JSON: Expecting value at column 1"
    assert count_rows(STDIN) is None


def test_rows_are_counted_by_lines(write: Write) -> None:
    assert count_rows(write("posts.jsonl", '{"text": "a"}\n{"text": "b"}\n')) == 2


def test_lines_of_a_large_file_are_counted_at_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    row = b'{"text": "' + b"a" * 1011 + b'"}\n'  # 1 KiB
    with path.open("wb") as file:
        file.write(row * 65 * 1024)
        file.write(b"a" * 15 * 2**20)
    assert count_rows(path) == 80 * 1024  # 80 MiB, of which 64 were looked at


@pytest.mark.parametrize("name", ["posts.csv", "posts.jsonl", "posts.json", "posts.parquet"])
def test_rows_that_were_read_before_are_left_out_bad_ones_as_well(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    written = {
        "posts.csv": b"text\n" + b"".join(b"row %d\n" % n if n % 3 else b"a,b\n\n" for n in range(3000)),
        "posts.jsonl": b"".join(b'{"text": %d}\n' % n if n % 3 else b"broken\n\n" for n in range(3000)),
        "posts.json": b"[" + b",".join(b'{"text": %d}' % n if n % 3 else b"7" for n in range(3000)) + b", {",
    }
    if name in written:
        path.write_bytes(written[name])
    else:
        pq.write_table(TABLE, path)
    whole = list(read_rows(path))
    for skip in (0, 1, 1023, 1024, 1025, 2999, len(whole), 5000):
        assert list(read_rows(path, skip=skip)) == whole[skip:]


def test_columns_are_read_in_the_dialect_of_the_file(write: Write) -> None:
    path = write("posts.csv", "prénom#text\na#b\n".encode("cp1252"))
    assert columns(path, Dialect(encoding="cp1252", delimiter="#")) == ["prénom", "text"]


def test_a_dialect_of_standard_input_is_that_which_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BytesIO('{"text": "café"}\n'.encode("cp1252")))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert list(read_rows(STDIN, Dialect(encoding="cp1252"))) == [Row("-", 1, {"text": "café"})]
    assert not stdin.buffer.closed
