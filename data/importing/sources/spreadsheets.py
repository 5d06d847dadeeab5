"""Rows of an Excel sheet."""

import datetime as dt
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import openpyxl
from openpyxl.cell.cell import ERROR_CODES
from openpyxl.utils.escape import unescape
from openpyxl.utils.exceptions import InvalidFileException

from data.errors import DataError
from data.tables.csv_rows import check_distinct
from data.tables.dialects import TORN
from data.tables.rows import BadRow, Row, shown_name

_BATCH = 100
# What openpyxl raises of files that are no workbooks, or damaged ones; lxml's errors are syntax errors.
_DAMAGE = (*TORN, InvalidFileException, AttributeError, IndexError, KeyError, SyntaxError, TypeError, ValueError)
_OLD_OR_ENCRYPTED = bytes.fromhex("d0cf11e0a1b11ae1")
# All texts of a workbook stand in one part of it, which is held whole.
_TEXTS, _MOST_TEXT = "xl/sharedStrings.xml", 512 * 2**20


def sheet_rows(path: Path, sheet: str | None = None) -> Iterator[Row | BadRow]:
    """Stream the rows of a sheet below its header, the first row that is not empty.

    Dates are ISO 8601 text, whole numbers `int`, an empty cell and an error of Excel (`#REF!`) the empty text; of a
    formula the value that Excel last computed. Empty rows and columns without a name are left out. `line` is the row's
    number in the sheet.

    Args:
        sheet: its name; by itself the first.

    Raises:
        DataError: no workbook, no such sheet, or no header.
        OSError: as reading raises it.
    """
    with path.open("rb") as file:
        _check(path, file)
        with _workbook(path, file) as book:
            rows = _batched(_sheet(path, book, sheet).iter_rows(values_only=True))
            header: dict[int, str] = {}
            line = 0
            try:
                for line, cells in enumerate(rows, start=1):
                    values = [_plain(cell) for cell in cells]
                    if all(value == "" for value in values):
                        continue
                    if header:
                        yield Row(
                            shown_name(path),
                            line,
                            {name: values[at] if at < len(values) else "" for at, name in header.items()},
                        )
                    else:
                        header = {at: str(value) for at, value in enumerate(values) if value != ""}
                        check_distinct(str(path), list(header.values()))
            except _Broken:
                if not header:
                    raise DataError(f"{path}: the sheet is damaged; open it in Excel and save it anew") from None
                lost = "the sheet is damaged here, and what follows is lost"
                yield BadRow(shown_name(path), line + 1, lost, rest_lost=True)
            if not header:
                raise DataError(f"{path}: the sheet is empty; expected a header with the names of the columns")


class _Broken(Exception):  # noqa: N818  # what is made of it depends on where
    """The sheet cannot be read on."""


def _check(path: Path, file: BinaryIO) -> None:
    if file.read(len(_OLD_OR_ENCRYPTED)) == _OLD_OR_ENCRYPTED:
        raise DataError(f"{path}: encrypted, or of Excel before 2007; save it without a password as .xlsx")
    try:
        with zipfile.ZipFile(file) as archive:
            texts = archive.NameToInfo.get(_TEXTS)
    except _DAMAGE as error:
        raise DataError(f"{path}: not an Excel workbook; save it as .xlsx or .csv") from error
    if texts is not None and texts.file_size > _MOST_TEXT:
        raise DataError(f"{path}: holds {texts.file_size:,} bytes of text, more than is read at once; save it as .csv")
    file.seek(0)


@contextmanager
def _workbook(path: Path, file: BinaryIO) -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles and checks that are not read
        try:
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        except _DAMAGE as error:
            raise DataError(f"{path}: not an Excel workbook, or damaged; open it and save it anew as .xlsx") from error
    try:
        yield book
    finally:
        book.close()


def _sheet(path: Path, book: Any, name: str | None) -> Any:
    sheets = {sheet.title: sheet for sheet in book.worksheets}
    if name is not None and name not in sheets:
        raise DataError(f"{path}: no sheet {name!r}; it has {list(sheets)}")
    if not sheets:
        raise DataError(f"{path}: holds no sheet with cells")
    sheet = sheets[name] if name is not None else next(iter(sheets.values()))
    sheet.reset_dimensions()  # some programs write wrong ones, and openpyxl would believe them
    return sheet


def _batched(rows: Iterator[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """The rows, read some at a time: a filter of warnings must not outlive a `yield`."""
    broken = False
    while not broken:
        batch: list[tuple[Any, ...]] = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                batch.extend(islice(rows, _BATCH))
            except _DAMAGE:
                broken = True
        yield from batch
        if not batch:
            break
    if broken:
        raise _Broken


def _plain(value: Any) -> Any:
    """A cell as JSON can hold it."""
    if value is None or (isinstance(value, str) and value in ERROR_CODES):
        return ""
    if isinstance(value, str):
        return unescape(value) if "_x" in value else value
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, bool | int | float) else str(value)
