"""Rows of a JSON file, streamed: a list of rows, an object of such lists, or a list somewhere in an object."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import ijson

from data.errors import DataError
from data.tables.dialects import TORN, Dialect, Opener, lines_of, text_of
from data.tables.json_events import BAD_BYTE, BrokenJson, Feed, json_events
from data.tables.jsonl_rows import jsonl_rows
from data.tables.rows import MAX_DEPTH, PART, BadRow, Row

_LONGEST_FIRST_LINE = 2**21  # in characters; a file may be one line, which must not be held
_BLANK = "\ufeff \t\r\n"
_SHOWN_LISTS, _SHOWN_CHARACTERS = 5, 60


def json_rows(name: str, open_file: Opener, dialect: Dialect, skip: int = 0) -> Iterator[Row | BadRow]:
    """Stream the rows. Where the file breaks, the last is a bad one that says so.

    `line` is the number of the row. A file that has one object a line is read as JSONL, and its `line` is the line's.

    Args:
        name: of the file, for messages.
        skip: so many rows are left out, bad ones as well.

    Raises:
        DataError: the file holds no list of rows, or other things that could be meant, or breaks before any row.
    """
    first = _first_line(open_file, dialect)
    if first is not None and not _leads_to_list(first, dialect.rows):
        with text_of(open_file, dialect, newline="\n") as text:
            yield from jsonl_rows(name, text, dialect, skip)
        return
    several = first is not None  # answers of an interface, saved one after another
    chosen = dialect.rows if several else _chosen(name, open_file, dialect)
    line = 0
    with json_events(open_file, dialect, several) as feed:
        try:
            for part, value in _values(feed, chosen, dialect):
                line += 1
                if line > skip:
                    yield _row(name, line, part, value)
        except BrokenJson as error:
            if not line:
                raise DataError(f"{name}: breaks before its first row is read: {error}") from error
            if line >= skip:
                lost = f"the file breaks here, and what follows is lost: {error}"
                yield BadRow(name, line + 1, lost, rest_lost=True)
            return
    if not line and chosen is not None:
        layout = _layout(open_file, dialect)
        if chosen not in layout.lists:
            raise DataError(f"{name}: no list of rows at {chosen!r}; {_described(layout)}")


@dataclass(slots=True)
class _Layout:
    """What an object at the top of a file holds.

    Attributes:
        root: the event with which the file begins; `None` where it holds no JSON.
        lists: paths to the first few lists that stand in no other list.
        others: whether it holds anything besides lists.
    """

    root: str | None = None
    lists: list[str] = field(default_factory=list)
    others: bool = False


@dataclass(frozen=True, slots=True)
class _Fault:
    """Stands for the value of a row that cannot be used."""

    message: str


def _first_line(open_file: Opener, dialect: Dialect) -> str | None:
    """The first line of a file that has an object on each: elsewhere JSON never has a line end between } and {."""
    try:
        with text_of(open_file, dialect, newline="\n") as text:
            lines = (line for line in lines_of(text, _LONGEST_FIRST_LINE) if line.strip(_BLANK))
            first, second = next(lines, ""), next(lines, "").lstrip(_BLANK)
    except TORN:
        return None
    whole, bare = first.endswith("\n"), first.strip(_BLANK)
    return bare if whole and bare.endswith("}") and bare[:1] == second[:1] == "{" else None


def _chosen(name: str, open_file: Opener, dialect: Dialect) -> str | None:
    """The path to the list of rows; `None` where they stand in the file itself, or in all lists of its object."""
    if dialect.rows is not None:
        with json_events(open_file, dialect) as feed:
            try:
                if next(feed.events)[0] != "start_array":
                    return dialect.rows
                first = next(_list_values(feed, dialect), None)
            except BrokenJson:
                return None  # the reading of the rows will say where and why
        return dialect.rows if _leads_to_list(first, dialect.rows) else None
    layout = _layout(open_file, dialect)
    if layout.root in ("start_array", None) or (layout.lists and not layout.others):
        return None
    raise DataError(f"{name}: expected a list of rows, or an object of such lists; {_described(layout)}")


def _layout(open_file: Opener, dialect: Dialect) -> _Layout:
    layout, keys = _Layout(), [""]
    with json_events(open_file, dialect) as feed:
        try:
            for event, value in _outside_lists(feed):
                if layout.root is None:
                    layout.root = event
                    if event != "start_map":
                        return layout
                    continue
                layout.others |= len(keys) == 1 and event not in ("map_key", "start_array", "end_map")
                if event == "map_key":
                    keys[-1] = value
                elif event == "start_map":
                    keys.append("")
                elif event == "end_map":
                    keys.pop()
                elif event == "start_array" and len(layout.lists) < _SHOWN_LISTS:
                    layout.lists.append(".".join(keys))
        except BrokenJson:
            pass  # the reading of the rows will say where and why
    return layout


def _outside_lists(feed: Feed) -> Iterator[tuple[str, Any]]:
    """The events but those in lists; of a list only its beginning."""
    depth = 0
    for event, value in feed.events:
        feed.row_ends()
        if depth == 0:
            yield event, value
        if event == "start_array":
            depth += 1
        elif event == "end_array":
            depth -= 1


def _values(feed: Feed, chosen: str | None, dialect: Dialect) -> Iterator[tuple[str | None, Any]]:
    """The rows of each list that holds rows, as they are, and the key of the list where it has one."""
    keys: list[str] = []
    for event, value in feed.events:
        feed.row_ends()
        if event == "map_key":
            keys[-1] = value
        elif event == "start_map":
            keys.append("")
        elif event == "end_map":
            keys.pop()
        elif event == "start_array" and chosen in (None, ".".join(keys)):
            part = keys[0] if keys and chosen is None else None
            for row in _list_values(feed, dialect):
                yield part, row


def _list_values(feed: Feed, dialect: Dialect) -> Iterator[Any]:
    """The values of the list that has just begun."""
    builder, depth, fault = ijson.ObjectBuilder(), 0, None
    for event, value in feed.events:
        if event in ("end_map", "end_array"):
            if depth == 0:
                return
            depth -= 1
        elif event in ("start_map", "start_array"):
            depth += 1
            if depth > MAX_DEPTH:
                fault = _Fault(f"nested deeper than {MAX_DEPTH} lists or objects")
        elif feed.bad_bytes and event in ("string", "map_key") and BAD_BYTE in value:
            fault = _Fault(dialect.fault)
        if fault is None:
            builder.event(event, float(value) if isinstance(value, Decimal) else value)
        if depth == 0:
            feed.row_ends()
            yield fault or builder.value
            builder, fault = ijson.ObjectBuilder(), None


def _row(name: str, line: int, part: str | None, value: Any) -> Row | BadRow:
    if isinstance(value, _Fault):
        return BadRow(name, line, value.message)
    cells = {str(index): cell for index, cell in enumerate(value)} if isinstance(value, list) else value
    if not isinstance(cells, dict):
        return BadRow(name, line, f"expected an object or a list, found {type(value).__name__}")
    return Row(name, line, cells if part is None else {PART: part, **cells})


def _leads_to_list(value: Any, path: str | None) -> bool:
    """Whether there is a list at the path, in a value or in the JSON text of one."""
    if path is None:
        return False
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (RecursionError, ValueError):
            return False
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return isinstance(value, list)


def _described(layout: _Layout) -> str:
    if not layout.lists:
        found = "an object" if layout.root == "start_map" else layout.root
        return f"found {found} without any; if it has one object a line, end its name with .jsonl"
    shown = ", ".join(repr(path[:_SHOWN_CHARACTERS]) for path in layout.lists)
    first = layout.lists[0][:_SHOWN_CHARACTERS]
    return f"found lists at {shown}, and other things beside them; choose one on import: --rows {first}"
