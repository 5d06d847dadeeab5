"""Rows of JSONL: one JSON object a line."""

import json
from collections.abc import Iterator
from typing import Any, TextIO

from data.tables.dialects import LONGEST_LINE, Dialect, has_bad_bytes, lines_of
from data.tables.rows import MAX_DEPTH, BadRow, Row


def jsonl_rows(name: str, text: TextIO, dialect: Dialect, skip: int = 0) -> Iterator[Row | BadRow]:
    """Stream the rows.

    Args:
        name: of the file, for messages.
        text: its lines end with a line feed only.
        skip: so many rows are left out unread, bad ones as well.
    """
    line, goes_on = 0, False
    for part in lines_of(text):
        begins, goes_on = not goes_on, not part.endswith("\n")
        line += begins
        # A line longer than can be held comes in parts; one bad row stands for them all.
        if not begins or not part.strip():
            continue
        if skip:
            skip -= 1
            continue
        yield _parsed(name, line, part.removeprefix("\ufeff") if line == 1 else part, dialect)


def _parsed(name: str, line: int, text: str, dialect: Dialect) -> Row | BadRow:
    if len(text) >= LONGEST_LINE:
        return BadRow(name, line, f"longer than {LONGEST_LINE:,} characters, more than a row can have")
    if has_bad_bytes(text):
        return BadRow(name, line, dialect.fault)
    try:
        values = json.loads(text.rstrip("\r\n"))  # or a line cut short would be wrong at a second line
    except json.JSONDecodeError as error:
        return BadRow(name, line, f"not JSON: {error.msg} at column {error.colno}")
    except (RecursionError, ValueError):
        return BadRow(name, line, "not JSON that can be held: nested too deep, or a number too long")
    if not isinstance(values, dict):
        fault = f"expected a JSON object, found {type(values).__name__}"
    # Most lines have too few brackets to be nested so deep, and to count those is quick.
    elif text.count("[") + text.count("{") > MAX_DEPTH and _is_deep(values):
        fault = f"nested deeper than {MAX_DEPTH} lists or objects"
    else:
        return Row(name, line, values)
    return BadRow(name, line, fault)


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        holders = [item for item in level if isinstance(item, dict | list)]
        level = [inner for item in holders for inner in (item.values() if isinstance(item, dict) else item)]
    return bool(holders)
