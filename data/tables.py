"""Rows of JSONL, JSON, CSV, TSV and Parquet files, one at a time, each with its line; bad rows beside good ones."""

import csv
import io
import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from data.errors import DataError

FORMATS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
}
STDIN = Path("-")
PART = "part"
"""The column that names the list of a JSON file in which a row stood."""

_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")  # how undecodable bytes arrive under errors="surrogateescape"
_PARQUET_BATCH = 1024
# The csv module's own limit of 128 KiB would refuse a long e-mail thread.
_CSV_FIELD_LIMIT = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its values by column. CSV and TSV give text only; an absent column is absent from `values`."""

    source: str
    line: int
    values: dict[str, Any]

    def bad(self, message: str, field: str | None = None) -> "BadRow":
        return BadRow(self.source, self.line, message, field)


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be used, and why. Never holds its text."""

    source: str
    line: int
    message: str
    field: str | None = None

    def __str__(self) -> str:
        where = f"{self.source}:{self.line}"
        return f"{where}: {self.field}: {self.message}" if self.field else f"{where}: {self.message}"


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


def read_rows(path: Path) -> Iterator[Row | BadRow]:
    """Stream the rows of a file (`-`: JSONL from standard input) in bounded memory; JSON is read whole.

    A JSON file holds a list of rows, or an object of such lists, whose keys then stand in the column `part`. A row that
    is itself a list has its columns named by their position: "0", "1", ...

    `line` is the 1-based line at which the row begins; in Parquet and JSON, which have none, the number of the row.

    Raises:
        DataError: the file as a whole cannot be read.
    """
    kind = table_format(path)
    try:
        if kind == "parquet":
            yield from _parquet_rows(path)
            return
        with _opened(path) as file:
            if kind in ("jsonl", "json"):
                yield from (_jsonl_rows if kind == "jsonl" else _json_rows)(path, file)
                return
            with _decoded(file) as text:
                yield from _csv_rows(path, text, "\t" if kind == "tsv" else ",")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def columns(path: Path) -> list[str]:
    """The columns that a CSV, TSV or Parquet file declares, in order; JSON and JSONL declare none: empty."""
    kind = table_format(path)
    if kind in ("jsonl", "json"):
        return []
    try:
        if kind == "parquet":
            return list(_parquet_file(path).schema_arrow.names)
        with _opened(path) as file, _decoded(file) as text:
            return _header(path, csv.reader(text, delimiter="\t" if kind == "tsv" else ","))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def count_rows(path: Path) -> int | None:
    """About how many rows a file has, for an estimate of the time left; `None` for standard input and JSON."""
    if path == STDIN or table_format(path) == "json":
        return None
    if table_format(path) == "parquet":
        return int(_parquet_file(path).metadata.num_rows)
    try:
        with path.open("rb") as file:
            return sum(block.count(b"\n") for block in iter(lambda: file.read(2**20), b""))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    if path == STDIN:
        yield sys.stdin.buffer
    else:
        with path.open("rb") as file:
            yield file


def _decoded(file: BinaryIO) -> io.TextIOWrapper:
    csv.field_size_limit(_CSV_FIELD_LIMIT)
    return io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")


def _jsonl_rows(path: Path, file: BinaryIO) -> Iterator[Row | BadRow]:
    for line, raw in enumerate(file, start=1):
        try:
            text = raw.decode("utf-8-sig" if line == 1 else "utf-8")
            if not text.strip():
                continue
            values = json.loads(text.rstrip("\r\n"))  # or a line cut short would be wrong at a second line
        except UnicodeDecodeError:
            yield BadRow(str(path), line, "not UTF-8")
        except json.JSONDecodeError as error:
            yield BadRow(str(path), line, f"not JSON: {error.msg} at column {error.colno}")
        except (RecursionError, ValueError):
            yield BadRow(str(path), line, "not JSON that can be held: nested too deep, or a number too long")
        else:
            if isinstance(values, dict):
                yield Row(str(path), line, values)
            else:
                yield BadRow(str(path), line, f"expected a JSON object, found {type(values).__name__}")


def _json_rows(path: Path, file: BinaryIO) -> Iterator[Row | BadRow]:
    try:
        content = json.loads(file.read().decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise DataError(f"{path}: not UTF-8; save the file as UTF-8") from None
    except json.JSONDecodeError as error:
        lines = "; with one object a line, end its name with .jsonl" if error.msg == "Extra data" else ""
        raise DataError(f"{path}:{error.lineno}: not JSON: {error.msg} at column {error.colno}{lines}") from None
    except (RecursionError, ValueError):
        raise DataError(f"{path}: not JSON that can be held: nested too deep, or a number too long") from None
    parts = content if isinstance(content, dict) else {None: content}
    if not parts or not all(isinstance(rows, list) for rows in parts.values()):
        raise DataError(f"{path}: expected a list of rows, or an object of such lists")
    line = 0
    for part, rows in parts.items():
        for values in rows:
            line += 1
            cells = {str(index): cell for index, cell in enumerate(values)} if isinstance(values, list) else values
            if not isinstance(cells, dict):
                yield BadRow(str(path), line, f"expected an object or a list, found {type(values).__name__}")
            else:
                yield Row(str(path), line, cells if part is None else {PART: part, **cells})


def _csv_rows(path: Path, file: TextIO, delimiter: str) -> Iterator[Row | BadRow]:
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    header = _header(path, reader)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            fault = f"not CSV: {error}"
        else:
            if not cells:
                continue
            if len(cells) == len(header) and not any(map(_ESCAPED_BYTE.search, cells)):
                yield Row(str(path), line, dict(zip(header, cells, strict=True)))
                continue
            ragged = f"expected {len(header)} cells as in the header, found {len(cells)}"
            fault = ragged if len(cells) != len(header) else "not UTF-8"
        # A stray quotation mark swallows lines: each of them is lost, and counts.
        for lost in range(line, max(line, reader.line_num) + 1):
            yield BadRow(str(path), lost, fault)


def _header(path: Path, reader: Any) -> list[str]:
    try:
        header: list[str] = next(reader)
    except StopIteration:
        raise DataError(f"{path}: empty; expected a header line with the names of the columns") from None
    except csv.Error as error:
        raise DataError(f"{path}:1: the header is not CSV: {error}") from error
    if any(map(_ESCAPED_BYTE.search, header)):
        raise DataError(f"{path}:1: the header is not UTF-8; save the file as UTF-8")
    _check_distinct(path, header)
    return header


def _check_distinct(path: Path, header: list[str]) -> None:
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise DataError(f"{path}:1: columns of equal name: {repeated}; rename all but one")


def _parquet_file(path: Path) -> Any:
    import pyarrow.parquet  # noqa: PLC0415  # 40 MB and a third of a second that only Parquet files should cost

    try:
        file = pyarrow.parquet.ParquetFile(path)
    except pyarrow.ArrowInvalid as error:
        raise DataError(f"{path}: not a Parquet file: {error}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    _check_distinct(path, file.schema_arrow.names)
    return file


def _parquet_rows(path: Path) -> Iterator[Row | BadRow]:
    line = 0
    for batch in _parquet_file(path).iter_batches(batch_size=_PARQUET_BATCH):
        try:
            rows = batch.to_pylist()
        except UnicodeDecodeError as error:
            message = f"rows {line + 1} to {line + len(batch)}: a text is not UTF-8"
            raise DataError(f"{path}: {message}; write the file anew") from error
        for values in rows:
            line += 1
            yield Row(str(path), line, values)
