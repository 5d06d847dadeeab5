"""Where the rows of an import come from: a file, a packed one, a spreadsheet, a query."""

import gzip
import io
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, cast
from uuid import uuid4

from data.errors import DataError
from data.feedback.tables import url_of
from data.importing.sources.archives import gzip_rows, members, opened_member, packed_format, zip_rows
from data.importing.sources.databases import database_file, query_rows, shown
from data.importing.sources.feedback import feedback_rows
from data.importing.sources.spreadsheets import sheet_rows
from data.tables.dialects import PLAIN, TORN, Dialect
from data.tables.reading import FORMATS, STDIN, count_rows, read_rows, stream_rows, table_format
from data.tables.rows import BadRow, Row, shown_name

FEEDBACK = "feedback:"
"""Before the place of a store of feedback, a file or a URL."""

_SHEETS = (".xlsx", ".xlsm")
_UNREAD = {
    ".xls": "of Excel before 2007; open it and save it as .xlsx or .csv",
    ".xlsb": "a binary workbook; open it in Excel and save it as .xlsx or .csv",
    ".ods": "an OpenDocument sheet; save it as .xlsx or .csv",
    ".txt": "text of unknown form; end its name with .csv, or .tsv for Excel's Unicode text",
}
_TABLES = ("csv", "tsv", "parquet", "excel", "sql")
_SAMPLE = 4 * 2**20


@dataclass(frozen=True, slots=True, repr=False)
class Source:
    """One source of rows. It holds nothing open, and can be pickled.

    Attributes:
        location: a file, `-` for JSONL from standard input, a SQLAlchemy URL, whose password `name` does not show, or
            the store of feedback behind `feedback:`.
        query: in SQL, for a URL.
        sheet: of a workbook; by itself the first.
        dialect: of files of text.

    Raises:
        DataError: a file of an unknown kind, or what is asked of it does not go with its kind.
    """

    location: str
    query: str | None = None
    sheet: str | None = None
    dialect: Dialect = PLAIN

    def __post_init__(self) -> None:
        kind = self._kind
        if (self.query is not None) != (kind == "sql"):
            wanted = "needs a query: --query SQL" if kind == "sql" else "is a file; a query is for a database's URL"
            raise DataError(f"{self.name}: {wanted}")
        if self.sheet is not None and kind != "excel":
            raise DataError(f"{self.name}: has no sheets; --sheet is for {' and '.join(_SHEETS)}")

    def __repr__(self) -> str:
        return f"Source({self.name!r})"

    @property
    def name(self) -> str:
        """What messages and reports call it, in characters that UTF-8 has."""
        if self._kind == "feedback":
            return FEEDBACK + url_of(self._store).render_as_string(hide_password=True)
        return shown(self.location) if _is_url(self.location) else shown_name(self._path)

    @property
    def is_table(self) -> bool:
        """Whether each row has all columns, so that one that the first row lacks is in none."""
        kind = packed_format(self._path.stem) if self._kind == "gzip" else self._kind
        return kind in _TABLES

    def rows(self, skip: int = 0) -> Iterator[Row | BadRow]:
        """Stream the rows in bounded memory; a workbook's texts are held whole.

        Args:
            skip: so many rows are left out, bad ones as well, as if they stood before the beginning.

        Raises:
            DataError: the source as a whole cannot be read.
        """
        try:
            yield from self._rows(skip)
        except OSError as error:
            raise DataError(f"{self.name}: cannot be read: {error.strerror or error}") from error

    def identity(self) -> dict[str, Any]:
        """What tells whether the source, or how it is read, is another than before; plain JSON without secrets.

        Standard input is another each time, because what was read from it cannot be read again; so is a database that
        is no SQLite file, because nothing tells whether its rows changed.

        Raises:
            DataError: there is no such file.
        """
        if self._kind == "feedback":
            return {"url": self.name, **_once()}
        if self._kind == "sql":
            file = database_file(self.location)
            return {"url": self.name, "query": self.query, **(self._state(file) if file else _once())}
        if self._path == STDIN:
            return {"path": str(STDIN), "dialect": asdict(self.dialect), **_once()}
        state = self._state(self._path)
        path = str(self._path.resolve()).encode(errors="backslashreplace").decode()  # two names never become one
        return {"path": path, **state, "sheet": self.sheet, "dialect": asdict(self.dialect)}

    def size(self) -> int | None:
        """About how many rows there are, seen from the beginning; `None` where that does not tell.

        Raises:
            DataError: there is no such file.
        """
        try:
            return self._size()
        except OSError as error:
            raise DataError(f"{self.name}: cannot be read: {error.strerror or error}") from error

    @property
    def _store(self) -> str:
        return self.location.removeprefix(FEEDBACK)

    @property
    def _path(self) -> Path:
        return Path(self.location)

    @property
    def _kind(self) -> str:
        """A format of tables, or `feedback`, `sql`, `excel`, `gzip`, `zip`."""
        if self.location.startswith(FEEDBACK):
            return "feedback"
        if _is_url(self.location):
            return "sql"
        ending = self._path.suffix.lower()
        if ending in _SHEETS:
            return "excel"
        if ending in _UNREAD:
            raise DataError(f"{self._path}: {_UNREAD[ending]}")
        if ending == ".gz" and packed_format(self._path.stem):
            return "gzip"
        if ending == ".zip":
            return "zip"
        if ending not in FORMATS and self._path != STDIN:
            known = ", ".join([*sorted(FORMATS), *_SHEETS, ".csv.gz", ".jsonl.gz", ".json.gz", ".zip"])
            raise DataError(f"{self._path}: unknown ending {ending!r}; expected one of {known}, or a database's URL")
        return table_format(self._path)

    def _state(self, file: Path) -> dict[str, int]:
        try:
            state = file.stat()
        except OSError as error:
            raise DataError(f"{self.name}: cannot be read: {error.strerror or error}") from error
        return {"size": state.st_size, "mtime_ns": state.st_mtime_ns}

    def _rows(self, skip: int) -> Iterator[Row | BadRow]:
        kind = self._kind
        if kind == "feedback":
            yield from islice(feedback_rows(self._store, self.name), skip, None)
        elif kind == "sql":
            yield from islice(query_rows(self.location, self.query or ""), skip, None)
        elif kind == "excel":
            yield from islice(sheet_rows(self._path, self.sheet), skip, None)
        elif kind == "gzip":
            yield from gzip_rows(self._path, packed_format(self._path.stem) or "", self.dialect, skip)
        elif kind == "zip":
            yield from zip_rows(self._path, self.dialect, skip)
        else:
            yield from read_rows(self._path, self.dialect, skip)

    def _size(self) -> int | None:
        kind = self._kind
        if kind in ("feedback", "sql", "excel") or self._path == STDIN:
            return None
        if kind == "parquet":
            return count_rows(self._path)
        if kind == "zip":
            tables = [member for member in members(self._path) if packed_format(member.filename)]
            if not tables:
                return None
            largest = max(tables, key=lambda member: member.file_size)
            try:
                with opened_member(self._path, largest) as file:
                    sample = _sampled(file)
            except TORN:
                return None
            share = len(sample) / max(1, sum(member.file_size for member in tables))
            return self._scaled(sample, packed_format(largest.filename) or "", share)
        with self._path.open("rb") as raw:
            length = raw.seek(0, io.SEEK_END)
            raw.seek(0)
            sample = _sampled(cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if kind == "gzip" else raw)
            share = 1.0 if len(sample) < _SAMPLE else raw.tell() / length
        return self._scaled(sample, packed_format(self._path.stem) or "" if kind == "gzip" else kind, share)

    def _scaled(self, sample: bytes, kind: str, share: float) -> int | None:
        """How many rows the whole has of which the sample is that share."""
        try:
            rows = sum(1 for _ in stream_rows(self.name, kind, lambda: io.BytesIO(sample), self.dialect))
        except DataError:
            return None  # the reading will say why
        return round(rows / share) if share else None


def _once() -> dict[str, str]:
    """What no other identity has."""
    return {"once": uuid4().hex}


def _is_url(location: str) -> bool:
    return "://" in location


def _sampled(file: BinaryIO) -> bytes:
    """The beginning, as far as it can be read."""
    parts: list[bytes] = []
    try:
        while sum(map(len, parts)) < _SAMPLE:
            part = file.read(_SAMPLE // 64)
            if not part:
                break
            parts.append(part)
    except TORN:
        pass
    return b"".join(parts)
