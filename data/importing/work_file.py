"""What an import has done so far, in one SQLite file: killed at any moment, it goes on from its last commit."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from data.errors import DataError
from data.importing.preparing import Dropped, Prepared

LATER_MESSAGE = "a later message of its thread"

_FORMAT = 2
_TABLES = """
CREATE TABLE plan (job TEXT NOT NULL);
CREATE TABLE read (source INTEGER PRIMARY KEY, rows INTEGER NOT NULL);
CREATE TABLE name (number INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE post (
    position INTEGER PRIMARY KEY, source INTEGER, line INTEGER, facts TEXT, json TEXT
);
CREATE TABLE thread (name TEXT PRIMARY KEY, position INTEGER, time REAL);
CREATE TABLE dropped (
    position INTEGER PRIMARY KEY, source INTEGER, line INTEGER, reason TEXT, message TEXT, fault INTEGER,
    rest_lost INTEGER
);
CREATE TABLE met (name TEXT PRIMARY KEY);
"""


class Place(NamedTuple):
    """Where a row stands.

    Attributes:
        position: among all rows of all sources, in the order in which they are read.
        source: the file, or the member of an archive.
    """

    position: int
    source: str
    line: int


class Left(NamedTuple):
    """A row that was left out."""

    source: str
    line: int
    reason: str
    message: str


class WorkFile:
    """Rows that were prepared, and how far each source was read. It holds masked texts only."""

    def __init__(self, path: Path, job: Mapping[str, Any]) -> None:
        """Go on with the work of an equal job, or begin.

        Args:
            job: all that the result depends on; a file that was begun for another one is begun anew.
        """
        self.path = path
        plan = json.dumps({"format": _FORMAT, **job}, sort_keys=True, default=str)
        self._database = _opened(path, plan)
        self._names: dict[str, int] = {}

    def rows_read(self, source: int) -> int:
        """How many rows of a source are done."""
        found = self._database.execute("SELECT rows FROM read WHERE source = ?", (source,)).fetchone()
        return found[0] if found else 0

    def add(self, place: Place, outcome: Prepared | Dropped) -> None:
        """What became of a row."""
        if outcome.thread is not None and not self._is_first(place, outcome.thread, outcome.time):
            outcome = outcome if isinstance(outcome, Dropped) else Dropped(LATER_MESSAGE, LATER_MESSAGE)
        if isinstance(outcome, Dropped):
            self._drop(self._numbered(place), outcome)
            return
        facts = json.dumps(outcome.facts, sort_keys=True)
        self._database.execute("INSERT INTO post VALUES (?, ?, ?, ?, ?)", (*self._numbered(place), facts, outcome.line))

    def commit(self, source: int, rows: int, met: set[str]) -> None:
        """Keep what was added, `rows` of a source being done.

        Args:
            met: columns that were asked for and found.
        """
        self._database.execute("INSERT OR REPLACE INTO read VALUES (?, ?)", (source, rows))
        self._database.executemany("INSERT OR IGNORE INTO met VALUES (?)", [(name,) for name in sorted(met)])
        self._database.commit()

    def lines(self) -> Iterator[str]:
        """The posts that are kept, in the order of their rows."""
        yield from (line for (line,) in self._database.execute("SELECT json FROM post ORDER BY position"))

    def facts(self) -> Iterator[tuple[dict[str, Any], int]]:
        """Facts of posts that are kept, and of how many these are."""
        for facts, posts in self._database.execute("SELECT facts, COUNT(*) FROM post GROUP BY facts"):
            yield json.loads(facts), posts

    def dropped(self) -> Iterator[Left]:
        """Rows that were left out, in order."""
        found = self._database.execute(
            "SELECT name, line, reason, message FROM dropped JOIN name ON source = number ORDER BY position"
        )
        yield from (Left(*row) for row in found)

    def reasons(self) -> Counter[str]:
        """How many rows were left out, by reason."""
        return Counter(dict(self._database.execute("SELECT reason, COUNT(*) FROM dropped GROUP BY reason")))

    def faults(self) -> int:
        """How many rows were left out that should not have been as they are."""
        return int(self._database.execute("SELECT COUNT(*) FROM dropped WHERE fault").fetchone()[0])

    def lost(self) -> list[Left]:
        """The rows with which all that follows in their files was lost."""
        found = self._database.execute(
            "SELECT name, line, reason, message FROM dropped JOIN name ON source = number WHERE rest_lost "
            "ORDER BY position"
        )
        return [Left(*row) for row in found]

    def met(self) -> set[str]:
        """Columns that were asked for and found."""
        return {name for (name,) in self._database.execute("SELECT name FROM met")}

    def close(self) -> None:
        """Close it; what was committed stays for the next run."""
        self._database.close()

    def remove(self) -> None:
        """Close and delete it."""
        self.close()
        for path in _files(self.path):
            path.unlink(missing_ok=True)

    def _is_first(self, place: Place, thread: str, time: float | None) -> bool:
        """Whether no earlier message of the thread was met; one that was met and is later makes room."""
        known = self._database.execute("SELECT position, time FROM thread WHERE name = ?", (thread,)).fetchone()
        if known and not _is_earlier(time, known[1]):
            return False
        self._database.execute("INSERT OR REPLACE INTO thread VALUES (?, ?, ?)", (thread, place.position, time))
        if known:
            later = "SELECT position, source, line FROM post WHERE position = ?"
            for found in self._database.execute(later, known[:1]).fetchall():  # none where it was left out
                self._database.execute("DELETE FROM post WHERE position = ?", known[:1])
                self._drop(found, Dropped(LATER_MESSAGE, LATER_MESSAGE))
        return True

    def _numbered(self, place: Place) -> tuple[int, int, int]:
        """The place with a number for its source, whose name stands in every row otherwise."""
        if place.source not in self._names:
            self._database.execute("INSERT OR IGNORE INTO name (name) VALUES (?)", (place.source,))
            found = self._database.execute("SELECT number FROM name WHERE name = ?", (place.source,)).fetchone()
            self._names[place.source] = found[0]
        return place.position, self._names[place.source], place.line

    def _drop(self, place: tuple[int, int, int], dropped: Dropped) -> None:
        row = (*place, dropped.reason, dropped.message, dropped.fault, dropped.rest_lost)
        self._database.execute("INSERT INTO dropped VALUES (?, ?, ?, ?, ?, ?, ?)", row)


def _opened(path: Path, plan: str) -> sqlite3.Connection:
    try:
        return _going_on(path, plan) or _begun(path, plan)
    except (sqlite3.Error, OSError) as error:
        raise DataError(f"{path}: the work cannot be kept there: {error}; name another output") from error


def _going_on(path: Path, plan: str) -> sqlite3.Connection | None:
    """The work of an equal job, if there is any."""
    path.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(path)
    try:
        _prepare(database)
        found = database.execute("SELECT job FROM plan").fetchone()
        if found and found[0] == plan:
            return database
        database.close()
    except sqlite3.DatabaseError as error:  # none yet, or one that was cut short at its very beginning
        database.close()
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            raise DataError(
                f"{path}: another import is writing there; wait for its end, or name another output"
            ) from error
    return None


def _begun(path: Path, plan: str) -> sqlite3.Connection:
    for old in _files(path):
        old.unlink(missing_ok=True)
    database = sqlite3.connect(path)
    _prepare(database)
    database.executescript(_TABLES)
    database.execute("INSERT INTO plan VALUES (?)", (plan,))
    database.commit()
    return database


def _prepare(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA locking_mode = EXCLUSIVE")
    # A kill loses nothing of what was committed; a power cut at most the last commits, which are then done again.
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")


def _files(path: Path) -> list[Path]:
    return [path, *(path.with_name(path.name + ending) for ending in ("-wal", "-shm"))]


def _is_earlier(time: float | None, known: float | None) -> bool:
    """Whether a message is earlier than the one that was met first; without a time the order of rows decides."""
    return time is not None and known is not None and time < known
