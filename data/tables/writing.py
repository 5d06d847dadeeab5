"""Rows written to JSONL, CSV, TSV and Parquet files."""

import csv
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TextIO

from data.errors import DataError
from data.tables.reading import table_format

_PARQUET_BATCH = 1024


class RowWriter(Protocol):
    """Takes one row at a time; columns that a row lacks stay empty."""

    def write(self, values: Mapping[str, Any]) -> None: ...


def output_format(path: Path) -> str:
    """As `table_format`, of a file that is to be written.

    Raises:
        DataError: another ending; or JSON, which is no format of rows.
    """
    kind = table_format(path)
    if kind == "json":
        raise DataError(f"{path}: JSON is only read; to write rows, end the name with .jsonl")
    return kind


@contextmanager
def table_writer(path: Path, kind: str, columns: Mapping[str, Any]) -> Iterator[RowWriter]:
    """A writer for `path`; what was written is complete when the block has ended.

    Args:
        kind: as `output_format` gives it.
        columns: the type of each column, in their order: `str`, `float`, `bool` or a `pyarrow` type. Only Parquet has
            types; JSONL needs no columns at all.
    """
    if kind == "parquet":
        writer = _ParquetWriter(path, columns)
        try:
            yield writer
        finally:
            writer.close()
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        if kind == "jsonl":
            yield JsonlWriter(file)
        else:
            yield _CsvWriter(file, columns, "\t" if kind == "tsv" else ",")


def parquet_types(path: Path) -> dict[str, Any]:
    """The column types of a Parquet file; empty for other formats."""
    if table_format(path) != "parquet":
        return {}
    import pyarrow.parquet  # noqa: PLC0415  # slow to import, and only Parquet files need it

    return {field.name: field.type for field in pyarrow.parquet.read_schema(path)}


def json_line(values: Mapping[str, Any]) -> str:
    """A row as JSON on one line.

    What JSON cannot hold (a Parquet date) is written as text, NaN and infinity as null; half characters, which UTF-8
    cannot hold, are escaped.
    """
    try:
        line = json.dumps(values, ensure_ascii=False, default=str, allow_nan=False)
    except ValueError:
        values = _finite(values)
        line = json.dumps(values, ensure_ascii=False, default=str)
    try:
        line.encode()
    except UnicodeEncodeError:
        line = json.dumps(values, default=str)
    return line


class JsonlWriter:
    """One JSON object a line."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, values: Mapping[str, Any]) -> None:
        self._file.write(json_line(values) + "\n")


class _CsvWriter:
    def __init__(self, file: TextIO, columns: Iterable[str], delimiter: str) -> None:
        self._columns = list(columns)
        self._writer = csv.writer(file, delimiter=delimiter)  # ends lines as RFC 4180 has it
        self._writer.writerow(self._columns)

    def write(self, values: Mapping[str, Any]) -> None:
        self._writer.writerow([_text(values.get(column)) for column in self._columns])


class _ParquetWriter:
    def __init__(self, path: Path, columns: Mapping[str, Any]) -> None:
        import pyarrow.parquet  # noqa: PLC0415  # as above

        plain = {str: pyarrow.string(), float: pyarrow.float64(), bool: pyarrow.bool_()}
        self._arrow = pyarrow
        self._schema = pyarrow.schema([(name, plain.get(kind, kind)) for name, kind in columns.items()])
        self._texts = {name for name, kind in columns.items() if kind is str}
        self._writer = pyarrow.parquet.ParquetWriter(path, self._schema)
        self._rows: list[dict[str, Any]] = []

    def write(self, values: Mapping[str, Any]) -> None:
        row = {name: values.get(name) for name in self._schema.names}
        self._rows.append({name: _text(value) if name in self._texts else value for name, value in row.items()})
        if len(self._rows) >= _PARQUET_BATCH:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(self._arrow.Table.from_pylist(self._rows, schema=self._schema))
            self._rows = []


def _finite(value: Any) -> Any:
    """A value, however nested, with `None` for the numbers that JSON does not have."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()  # half characters, which UTF-8 cannot hold
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict | list | bool) else str(value)
