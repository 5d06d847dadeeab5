"""Rows of files that are packed with gzip or zip, unpacked as they are read and never whole."""

import gzip
import re
import struct
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from data.errors import DataError
from data.tables.dialects import TORN, Dialect
from data.tables.reading import FORMATS, stream_rows
from data.tables.rows import BadRow, Row, shown_name

_PLACE = re.compile(r"^[:\d ]+")
_ENCRYPTED = 0x1
# Others need libraries that not every Python has, and no helpdesk uses them.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What else zipfile raises of damaged archives.
_ODD = (RuntimeError, ValueError, struct.error)
_REFUSED = (".parquet", ".xlsx", ".xlsm", ".xls", ".gz", ".zip")


def packed_format(name: str) -> str | None:
    """`csv`, `tsv`, `json` or `jsonl` where a file of that name can be read from an archive, else `None`."""
    kind = FORMATS.get(PurePosixPath(name).suffix.lower())
    return None if kind == "parquet" else kind


def gzip_rows(path: Path, kind: str, dialect: Dialect, skip: int = 0) -> Iterator[Row | BadRow]:
    """Stream the rows of a file that gzip packed. Where it breaks, the last is a bad one that says so.

    Args:
        kind: as `packed_format` gives it, of the file inside.

    Raises:
        DataError: the file as a whole cannot be read.
        OSError: as reading raises it.
    """
    # What is skipped is read all the same: only so is known in which row an archive breaks.
    rows = stream_rows(shown_name(path), kind, partial(_unpacked, path), dialect)
    yield from islice(_to_the_break(shown_name(path), rows), skip, None)


def zip_rows(path: Path, dialect: Dialect, skip: int = 0) -> Iterator[Row | BadRow]:
    """Stream the rows of all tables in a zip archive, in its order; their source is `ARCHIVE/MEMBER`.

    A member that cannot be read is a bad row where it stands beside others.

    Raises:
        DataError: it is no zip archive, has no tables, or its only one cannot be read.
        OSError: as reading raises it.
    """
    found = members(path)
    rows = (row for member in found for row in _member_rows(path, member, dialect, alone=len(found) == 1))
    yield from islice(rows, skip, None)


def members(path: Path) -> list[zipfile.ZipInfo]:
    """The tables in a zip archive, those included that cannot be read.

    Raises:
        DataError: it is no zip archive, or has none.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            files = [file for file in archive.infolist() if not file.is_dir() and not _is_hidden(file.filename)]
    except (*TORN, *_ODD) as error:
        raise DataError(f"{path}: no zip archive, or one that is cut short; fetch it again") from error
    tables = [file for file in files if PurePosixPath(file.filename).suffix.lower() in (*FORMATS, *_REFUSED)]
    if not tables:
        raise DataError(f"{path}: holds no table; expected files that end with {', '.join(sorted(FORMATS))}")
    return tables


@contextmanager
def opened_member(path: Path, member: zipfile.ZipInfo) -> Iterator[BinaryIO]:
    """A member from its beginning, unpacked as it is read.

    Raises:
        zipfile.BadZipFile: it is damaged.
    """
    with zipfile.ZipFile(path) as archive:
        try:
            file = archive.open(member)
        except _ODD as error:
            raise zipfile.BadZipFile from error
        with file:
            yield cast(BinaryIO, file)


def _member_rows(path: Path, member: zipfile.ZipInfo, dialect: Dialect, alone: bool) -> Iterator[Row | BadRow]:
    name, kind = f"{shown_name(path)}/{member.filename}", packed_format(member.filename)
    try:
        _check(name, member)
        rows = stream_rows(name, kind or "", partial(opened_member, path, member), dialect)
        yield from _to_the_break(name, rows)
    except DataError as error:
        if alone:
            raise
        reason = _PLACE.sub("", str(error).removeprefix(name))
        yield BadRow(name, 1, f"the whole file is left out: {reason}", rest_lost=True)


def _check(name: str, member: zipfile.ZipInfo) -> None:
    if packed_format(member.filename) is None:
        raise DataError(f"{name}: not read from an archive; unpack it, and name it itself")
    if member.flag_bits & _ENCRYPTED or member.compress_type not in _METHODS:
        raise DataError(f"{name}: packed with a password or in an uncommon way; unpack it, and name it itself")


def _unpacked(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path))


def _to_the_break(name: str, rows: Iterable[Row | BadRow]) -> Iterator[Row | BadRow]:
    line = 0
    try:
        for row in rows:
            line = row.line
            yield row
    except TORN as error:
        if not line:
            raise DataError(f"{name}: the archive is damaged or cut short; fetch it again") from error
        lost = "the archive is damaged or cut short here, and what follows is lost"
        yield BadRow(name, line + 1, lost, rest_lost=True)


def _is_hidden(name: str) -> bool:
    """What systems add by themselves: `__MACOSX/._tickets.csv`, `.DS_Store`."""
    return any(part == "__MACOSX" or part.startswith(".") for part in PurePosixPath(name).parts)
