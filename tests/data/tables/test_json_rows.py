"""JSON files as interfaces and helpdesks give them out, whole and broken."""

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data.errors import DataError
from data.tables.dialects import Dialect
from data.tables.reading import read_rows
from data.tables.rows import MAX_DEPTH, BadRow, Row

Write = Callable[[str, bytes | str], Path]

SECRET = "my card was stolen"
TICKETS = Dialect(rows="tickets")


def values(path: Path, dialect: Dialect = TICKETS) -> list[dict[str, Any]]:
    """Of rows that are all good."""
    rows = list(read_rows(path, dialect))
    assert [row.line for row in rows] == list(range(1, len(rows) + 1))
    return [row.values for row in rows if isinstance(row, Row)]


def test_json_is_a_list_of_rows_or_an_object_of_such_lists(write: Write) -> None:
    path = write("rows.json", '[{"text": "one"}, ["two", "x"]]')
    assert list(read_rows(path)) == [Row(str(path), 1, {"text": "one"}), Row(str(path), 2, {"0": "two", "1": "x"})]
    path = write("rows.json", '{"train": [["a", "x"]], "none": [], "val": [["b", "y"], 7]}')
    first, second, bad = read_rows(path)
    assert first == Row(str(path), 1, {"part": "train", "0": "a", "1": "x"})
    assert second == Row(str(path), 2, {"part": "val", "0": "b", "1": "y"})
    assert str(bad) == f"{path}:3: expected an object or a list, found int"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[{" + SECRET.encode(), r"rows.json: breaks before its first row is read: it is not JSON"),
        (b"\xff", "not UTF-8"),
        (b"7", "expected a list of rows.*found number"),
        (b'{"train": 7}', r"expected a list of rows.*found an object without any; .*\.jsonl"),
        (b"{}", "expected a list of rows"),
        (b"[" * 100_000, "breaks before its first row is read: it is cut short"),
        (b"", "it is cut short"),
        (b'[{"a": ' + b"9" * 5000 + b"}]", "a number of 4,300 digits or more"),
        (b"[" + b'"' + b"a" * (33 * 2**20) + b'"]', "a row of more than 33,554,432 bytes"),
    ],
    ids=["broken", "no UTF-8", "number", "no list", "empty object", "deep", "empty", "long number", "long row"],
)
def test_json_that_holds_no_rows_is_refused(write: Write, content: bytes, said: str) -> None:
    with pytest.raises(DataError, match=said) as refusal:
        list(read_rows(write("rows.json", content)))
    assert SECRET not in str(refusal.value)


def test_a_list_in_an_object_is_chosen_by_its_path(write: Write) -> None:
    page = {"count": 2, "users": [{"id": 7}], "tickets": [{"id": 1, "tags": ["x"]}, {"id": 2}], "next": None}
    path = write("page.json", json.dumps(page))
    assert values(path) == page["tickets"]
    path = write("page.json", json.dumps({"data": {"meta": {"count": 2}, "payload": page["tickets"]}}, indent=1))
    assert values(path, Dialect(rows="data.payload")) == page["tickets"]
    assert values(write("page.json", '{"tickets": [], "next": null}')) == []


def test_an_object_with_other_things_is_refused_with_the_paths_of_its_lists(write: Write) -> None:
    path = write("page.json", '{"tickets": [{"tags": []}], "count": 3, "more": {"users": [1], "end": {"of": []}}}')
    with pytest.raises(DataError, match=r"found lists at 'tickets', 'more.users', 'more.end.of', .* --rows tickets"):
        list(read_rows(path))
    with pytest.raises(DataError, match="no list of rows at 'ticket'; found lists at 'tickets'"):
        list(read_rows(path, Dialect(rows="ticket")))


@pytest.mark.parametrize(
    "content",
    [
        '[{"id": 1}, {"id": 2}]',
        '{"id": 1}\n{"id": 2}\n',
        '{"tickets": [{"id": 1}], "next": 2}\n\n{"tickets": [{"id": 2}], "next": null}',
        '[{"tickets": [{"id": 1}], "next": 2}, {"tickets": [{"id": 2}], "next": null}]',
    ],
    ids=["a list", "an object a line", "a page a line", "a list of pages"],
)
def test_a_path_chooses_where_there_is_something_to_choose(write: Write, content: str) -> None:
    assert values(write("tickets.json", content)) == [{"id": 1}, {"id": 2}]


def test_an_object_a_line_is_read_as_jsonl_with_its_lines(write: Write) -> None:
    path = write("tickets.json", f'\ufeff{{"id": 1}}\r\n\r\n{{"id": "{SECRET}\r\n{{"id": 3}}')
    first, bad, last = read_rows(path)
    assert (first, last) == (Row(str(path), 1, {"id": 1}), Row(str(path), 4, {"id": 3}))
    assert str(bad).startswith(f"{path}:3: not JSON: ")


def test_one_long_line_is_json_wherever_its_brackets_stand(write: Write) -> None:
    rows = [{"text": "}{" * 2**20}, {"text": "} {" * 2**20}]
    path = write("rows.json", json.dumps({"a": rows}))
    assert values(path, Dialect()) == [{"part": "a", **row} for row in rows]


def test_numbers_are_plain(write: Write) -> None:
    path = write("rows.json", '[{"a": 1, "b": -2.50, "c": 1e3, "d": 123456789012345678901234567890, "e": [0.5]}]')
    [row] = values(path, Dialect())
    assert row == {"a": 1, "b": -2.5, "c": 1000.0, "d": 123456789012345678901234567890, "e": [0.5]}
    assert [type(value) for value in row.values()] == [int, float, float, int, list]
    assert type(row["e"][0]) is float


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (f', {{"text": "{SECRET}', "it is cut short"),
        (",", "it is cut short"),
        (f"] {SECRET}", "something follows the end of the JSON|it is not JSON"),
        ("]]", "something follows the end of the JSON|it is not JSON"),
        (f', {{"text" "{SECRET}"}}]', "it is not JSON"),
        (', {"a": ' + "1" * 5000 + "}, {}]", "a number of 4,300 digits or more"),
        (', {"a": 1e99999999999999999999}]', "it is not JSON"),
    ],
    ids=["in a row", "between rows", "text behind", "bracket behind", "no colon", "long number", "high exponent"],
)
@pytest.mark.parametrize("rows", [2, 20_000])
def test_json_that_breaks_gives_the_rows_before_and_says_where(write: Write, end: str, said: str, rows: int) -> None:
    path = write("rows.json", "[" + ", ".join(f'{{"text": "row {row}"}}' for row in range(rows)) + end)
    *good, bad = read_rows(path)
    assert good == [Row(str(path), row + 1, {"text": f"row {row}"}) for row in range(rows)]
    assert isinstance(bad, BadRow)
    assert bad.line == rows + 1
    assert bad.rest_lost
    message = bad.message.removeprefix("the file breaks here, and what follows is lost: ")
    assert message in said.split("|")


def test_a_row_with_bytes_of_another_encoding_is_bad_and_the_others_are_read(write: Write) -> None:
    path = write("rows.json", f'[{{"text": "a"}}, {{"text": "{SECRET} café"}}, {{"text": "b"}}]'.encode("cp1252"))
    first, bad, last = read_rows(path)
    assert (first, last) == (Row(str(path), 1, {"text": "a"}), Row(str(path), 3, {"text": "b"}))
    assert str(bad).startswith(f"{path}:2: not UTF-8; ")
    assert "--encoding cp1252" in str(bad)
    assert values(path, Dialect(encoding="cp1252"))[1] == {"text": f"{SECRET} café"}


def test_a_row_that_is_nested_too_deep_is_bad_and_the_others_are_read(write: Write) -> None:
    deep = "[" * MAX_DEPTH
    path = write("rows.json", f'[{{"a": 1}}, {deep}{deep}{"]" * 2 * MAX_DEPTH}, {{"b": 1}}]')
    first, bad, last = read_rows(path)
    assert isinstance(bad, BadRow)
    assert not bad.rest_lost
    assert (first, last) == (Row(str(path), 1, {"a": 1}), Row(str(path), 3, {"b": 1}))
    assert str(bad) == f"{path}:2: nested deeper than {MAX_DEPTH} lists or objects"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_tells_the_encoding(write: Write, encoding: str) -> None:
    assert values(write("rows.json", '[{"text": "naïve 🔥"}]'.encode(encoding)), Dialect()) == [{"text": "naïve 🔥"}]


@pytest.mark.parametrize("form", ['[%s, {"id": 1}]', '{"a": [%s], "b": [{"id": 1}]}', '{"tickets": [%s], "count": 3}'])
def test_json_is_read_in_bounded_memory(tmp_path: Path, form: str) -> None:
    path = tmp_path / "rows.json"
    path.write_text(form % ", ".join(json.dumps({"id": row, "text": "a" * 1000}) for row in range(30_000)))  # 30 MB
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_rows(path, TICKETS if "tickets" in form else Dialect())) >= 30_000
        assert tracemalloc.get_traced_memory()[1] < 12e6
    finally:
        tracemalloc.stop()
