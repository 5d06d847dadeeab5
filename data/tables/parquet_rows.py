"""Rows of Parquet files, a group of them after the other; what is damaged costs no row beside it."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from data.errors import DataError
from data.tables.csv_rows import check_distinct
from data.tables.rows import BadRow, Row, shown_name

_BATCH = 1024


def parquet_file(path: Path) -> Any:
    """The open `pyarrow.parquet.ParquetFile`.

    Raises:
        DataError: it cannot be read, its name is not UTF-8, it is no Parquet file, or two of its columns have one name.
    """
    import pyarrow.parquet  # noqa: PLC0415  # 40 MB and a third of a second that only Parquet files should cost

    try:
        file = pyarrow.parquet.ParquetFile(path)
    except pyarrow.ArrowInvalid as error:
        raise DataError(f"{path}: not a Parquet file: {error}") from error
    except UnicodeEncodeError as error:
        raise DataError(f"{shown_name(path)}: the name of a Parquet file must be UTF-8; rename it") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    check_distinct(str(path), file.schema_arrow.names)
    return file


def parquet_rows(path: Path, skip: int = 0) -> Iterator[Row | BadRow]:
    """Stream the rows; `line` is the number of the row. For what is damaged in a row group stands one bad row.

    Maps are made `dict`, with keys that JSON can have; all other values are as `pyarrow` makes them.

    Args:
        skip: so many rows are left out, bad ones as well.

    Raises:
        DataError: the file as a whole cannot be read, or no row of it.
    """
    from pyarrow import ArrowException  # noqa: PLC0415  # as above

    file, name = parquet_file(path), shown_name(path)
    # Only columns that hold maps, at any depth: to look into all lists would take longer than to read them.
    with_maps = {field.name: field.type for field in file.schema_arrow if "map<" in str(field.type)}
    given, end, any_read, fault = 0, 0, False, None
    for group in range(file.num_row_groups):
        line, end = end, end + file.metadata.row_group(group).num_rows
        batches = file.iter_batches(batch_size=_BATCH, row_groups=[group])
        while line < end:
            try:
                batch = next(batches)
            except (ArrowException, OSError, StopIteration) as error:
                fault = error
                given += 1
                if given > skip:
                    lost = f"the file is damaged here, a part of it is lost: rows {line + 1} to {end}; fetch it again"
                    yield BadRow(name, line + 1, lost, rest_lost=True)
                break
            any_read = True
            if given + len(batch) > skip:  # to make Python values of a batch takes far longer than to read it
                yield from islice(_rows(name, line, batch, with_maps), max(0, skip - given), None)
            given += len(batch)
            line += len(batch)
    if fault and not any_read:
        raise DataError(f"{path}: damaged; none of its {end} rows can be read; fetch it again") from fault


def _rows(name: str, line: int, batch: Any, with_maps: dict[str, Any]) -> Iterator[Row | BadRow]:
    """The rows of a batch, of which the first is number `line + 1`."""
    try:
        rows = batch.to_pylist()
    except (ValueError, OverflowError):
        rows = [_cells(name, line + index, batch.slice(index - 1, 1)) for index in range(1, len(batch) + 1)]
    for values in rows:
        line += 1
        if isinstance(values, BadRow):
            yield values
            continue
        for column, kind in with_maps.items():
            values[column] = _plain(values[column], kind)
        yield Row(name, line, values)


def _cells(name: str, line: int, row: Any) -> dict[str, Any] | BadRow:
    """The values of a batch of one row."""
    values = {}
    for column, cells in zip(row.schema.names, row.columns, strict=True):
        try:
            values[column] = cells[0].as_py()
        except UnicodeDecodeError:
            return BadRow(name, line, "not UTF-8; write the file anew", column)
        except (ValueError, OverflowError):
            return BadRow(name, line, f"a value of type {cells.type} that Python cannot hold", column)
    return values


def _plain(value: Any, kind: Any) -> Any:
    """A value of a nested type with maps as `dict`, for which `pyarrow` makes lists of tuples."""
    from pyarrow import types  # noqa: PLC0415  # as above

    if value is None:
        return None
    if types.is_map(kind):
        return {_key(key): _plain(item, kind.item_type) for key, item in value}
    if types.is_struct(kind):
        return {field.name: _plain(value[field.name], field.type) for field in kind}
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return [_plain(item, kind.value_type) for item in value]
    return value


def _key(key: Any) -> Any:
    if isinstance(key, bytes):
        return key.decode(errors="replace")
    return key if isinstance(key, str | int | float) else str(key)
