"""Rows of CSV and TSV text, as spreadsheets and helpdesks write it."""

import csv
import re
from collections.abc import Iterator
from itertools import chain
from typing import Any, TextIO

from data.errors import DataError
from data.tables.dialects import Dialect, has_bad_bytes, lines_of
from data.tables.rows import BadRow, Row

_DELIMITERS = ",;\t|"
_QUOTED = re.compile('"[^"]*(?:"|$)')
_EXCEL_DELIMITER = re.compile('"?sep=(.)"?', re.IGNORECASE)  # a first line that only Excel writes and reads
# The csv module's own limit of 128 KiB would refuse a long e-mail thread. It is also what a stray quotation mark can
# swallow at most.
_FIELD_LIMIT = 16 * 2**20


def csv_rows(name: str, text: TextIO, dialect: Dialect) -> Iterator[Row | BadRow]:
    """Stream the rows. Each line that a stray quotation mark swallows is a bad row of its own.

    Args:
        name: of the file, for messages.
        text: opened with `newline=""`.

    Raises:
        DataError: there is no header, or none that can be used.
    """
    reader, header, above = _begun(name, text, dialect)
    while True:
        line = above + reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            fault = f"not CSV: {error}"
        else:
            if not cells:
                continue
            if len(cells) == len(header):
                good = not has_bad_bytes("".join(cells))
                yield (
                    Row(name, line, dict(zip(header, cells, strict=True)))
                    if good
                    else BadRow(name, line, dialect.fault)
                )
                continue
            fault = f"expected {len(header)} cells as in the header, found {len(cells)}"
        # A stray quotation mark swallows lines: each of them is lost, and counts.
        for lost in range(line, max(line, above + reader.line_num) + 1):
            yield BadRow(name, lost, fault)


def csv_header(name: str, text: TextIO, dialect: Dialect) -> list[str]:
    """The columns, in order.

    Raises:
        DataError: there is no header, or none that can be used.
    """
    return _begun(name, text, dialect)[1]


def check_distinct(name: str, columns: list[str]) -> None:
    """Refuse a header in which two columns have one name.

    Raises:
        DataError: it has such columns.
    """
    repeated = sorted({column for column in columns if columns.count(column) > 1})
    if repeated:
        raise DataError(f"{name}:1: columns of equal name: {repeated}; rename all but one")


def _begun(name: str, text: TextIO, dialect: Dialect) -> tuple[Any, list[str], int]:
    """A reader of all rows below the header, the header, and how many lines the reader did not count."""
    csv.field_size_limit(_FIELD_LIMIT)
    lines, delimiter, above = lines_of(text), dialect.delimiter, 0
    for first in lines:
        bare = first.strip("\ufeff\r\n")
        excel = _EXCEL_DELIMITER.fullmatch(bare)
        if excel:
            delimiter = delimiter or excel[1]
        elif bare:
            break
        above += 1
    else:
        raise DataError(f"{name}: empty; expected a header line with the names of the columns")
    if "\0" in bare:
        raise DataError(
            f"{name}:{above + 1}: the header holds NUL characters, as UTF-16 without its mark does, and files that are "
            "no text; name the encoding on import, --encoding utf-16-le, or save the file as UTF-8"
        )
    lines = chain([first.removeprefix("\ufeff")], lines)
    reader = csv.reader(lines, delimiter=delimiter or _delimiter(bare), strict=True)
    try:
        header = next(reader)
    except csv.Error as error:
        raise DataError(f"{name}:{above + 1}: the header is not CSV: {error}") from error
    if has_bad_bytes("".join(header)):
        raise DataError(f"{name}:{above + 1}: the header is {dialect.fault}")
    check_distinct(name, header)
    return reader, header, above


def _delimiter(header: str) -> str:
    unquoted = _QUOTED.sub("", header)
    return next((character for character in _DELIMITERS if character in unquoted), ",")
