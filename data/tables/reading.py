"""Rows of JSONL, JSON, CSV, TSV and Parquet files, one at a time, each with its line; bad rows beside good ones."""

import os
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from itertools import islice
from pathlib import Path

from data.errors import DataError
from data.tables.csv_rows import csv_header, csv_rows
from data.tables.dialects import PLAIN, Dialect, Opener, text_of
from data.tables.json_rows import json_rows
from data.tables.jsonl_rows import jsonl_rows
from data.tables.parquet_rows import parquet_file, parquet_rows
from data.tables.rows import BadRow, Row, shown_name

FORMATS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
}
STDIN = Path("-")

_COUNTED_MIB = 64


def table_format(path: Path) -> str:
    """`jsonl`, `json`, `csv`, `tsv` or `parquet`, by the file's ending; standard input is `jsonl`.

    Raises:
        DataError: another ending.
    """
    if path == STDIN:
        return "jsonl"
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        raise DataError(f"{path}: unknown ending {path.suffix!r}; expected one of {sorted(FORMATS)}") from None


def read_rows(path: Path, dialect: Dialect = PLAIN, skip: int = 0) -> Iterator[Row | BadRow]:
    """Stream the rows of a file (`-`: JSONL from standard input) in bounded memory.

    A JSON file holds a list of rows, or an object of such lists, whose keys then stand in the column `part`. A row that
    is itself a list has its columns named by their position: "0", "1", ... A JSON file that breaks gives the rows
    before, and then a bad one; so does a damaged row group of a Parquet file, and the groups behind it are read.

    `line` is the 1-based line at which the row begins; in Parquet and JSON, which have none, the number of the row.

    Args:
        skip: so many rows are left out, bad ones as well, as if they stood before the beginning.

    Raises:
        DataError: the file as a whole cannot be read.
    """
    kind = table_format(path)
    try:
        if kind == "parquet":
            yield from parquet_rows(path, skip)
        elif path == STDIN:
            # Its beginning cannot be looked at and then read again.
            dialect = dialect if dialect.encoding else replace(dialect, encoding="utf-8")
            yield from stream_rows(shown_name(path), kind, lambda: nullcontext(sys.stdin.buffer), dialect, skip)
        else:
            yield from stream_rows(shown_name(path), kind, lambda: path.open("rb"), dialect, skip)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def stream_rows(
    name: str, kind: str, open_file: Opener, dialect: Dialect = PLAIN, skip: int = 0
) -> Iterator[Row | BadRow]:
    """As `read_rows`, of what `open_file` opens.

    Args:
        name: for messages and as the rows' source.
        kind: one of the formats but `parquet`, which is not read in order.

    Raises:
        DataError: the file as a whole cannot be read.
        OSError, EOFError, zlib.error, zipfile.BadZipFile: as reading from what was opened raises them.
    """
    if kind == "json":
        yield from json_rows(name, open_file, dialect, skip)
    elif kind == "jsonl":
        with text_of(open_file, dialect, newline="\n") as text:
            yield from jsonl_rows(name, text, dialect, skip)
    else:
        with text_of(open_file, dialect, newline="") as text:
            yield from islice(csv_rows(name, text, _delimited(kind, dialect)), skip, None)


def columns(path: Path, dialect: Dialect = PLAIN) -> list[str]:
    """The columns that a CSV, TSV or Parquet file declares, in order; JSON and JSONL declare none: empty."""
    kind = table_format(path)
    if kind in ("jsonl", "json"):
        return []
    try:
        if kind == "parquet":
            return list(parquet_file(path).schema_arrow.names)
        with text_of(lambda: path.open("rb"), dialect, newline="") as text:
            return csv_header(str(path), text, _delimited(kind, dialect))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def count_rows(path: Path) -> int | None:
    """About how many rows a file has, for an estimate of the time left; `None` for standard input and JSON.

    Lines of large files are counted at their beginning only.
    """
    if path == STDIN or table_format(path) == "json":
        return None
    if table_format(path) == "parquet":
        return int(parquet_file(path).metadata.num_rows)
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            lines = sum(file.read(2**20).count(b"\n") for _ in range(_COUNTED_MIB))
            return lines if file.tell() >= size else round(lines * size / file.tell())
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def _delimited(kind: str, dialect: Dialect) -> Dialect:
    return replace(dialect, delimiter="\t") if kind == "tsv" and dialect.delimiter is None else dialect
