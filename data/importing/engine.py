"""Labelled history in, posts that training reads out: streamed, resumable, written whole or not at all."""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from data.errors import DataError, Interrupted
from data.files import remove_leftovers, whole_file, write_whole
from data.importing.cleaning.cleaner import Cleaner
from data.importing.mapping import ColumnMapping
from data.importing.masking.masker import DEFAULT_KINDS, DEFAULT_REGIONS, Kind, Masker
from data.importing.preparing import Preparation, Prepared
from data.importing.report import ImportReport
from data.importing.sources.source import Source
from data.importing.work_file import Place, WorkFile
from data.importing.workers import CHUNK, outcomes
from data.tables.rows import BadRow, Row

MAX_LABELS = 500
"""More different values than this are no labels; most likely a column of texts was named."""

_VERSION = 1
"""Of what is done to a row; a run of another version does not go on with the work of this one."""

_MOST_ROWS = 2**40
_SHOWN_COLUMNS = 40
_LONGEST_NAME, _WORDS = 60, 5


@dataclass(frozen=True, slots=True)
class ImportJob:
    """All that the result depends on.

    Attributes:
        target: JSONL file to write; the report lies beside it.
        cleaner: what is cut off.
        kinds: of personal data that are masked.
        regions: whose telephone numbers are known without a code of the country.
    """

    sources: tuple[Source, ...]
    mapping: ColumnMapping
    target: Path
    cleaner: Cleaner = field(default_factory=Cleaner)
    kinds: frozenset[Kind] = DEFAULT_KINDS
    regions: tuple[str, ...] = DEFAULT_REGIONS

    def __post_init__(self) -> None:
        if self.target.suffix.lower() != ".jsonl":
            raise DataError(f"{self.target}: the result is JSONL; end its name with .jsonl")
        if not self.mapping.labels:
            raise DataError("no head was named; name at least one: --label HEAD=COLUMN")
        files = [Path(source.location).resolve() for source in self.sources if not source.query]
        twice = sorted(str(file) for file, count in Counter(files).items() if count > 1)
        if twice:
            raise DataError(f"{', '.join(twice)}: named twice; its rows would be there twice")
        if self.target.resolve() in files:
            raise DataError(f"{self.target}: is read from; name another output")

    @property
    def report_file(self) -> Path:
        """Where the report is written."""
        return self.target.with_suffix(".report.json")

    @property
    def work_file(self) -> Path:
        """Where the work of an interrupted run lies."""
        return self.target.with_name(f".{self.target.name}.importing")

    def plan(self) -> dict[str, Any]:
        """What tells one job from another."""
        return {
            "version": _VERSION,
            "sources": [source.identity() for source in self.sources],
            "mapping": self.mapping.model_dump(),
            "cleaned": asdict(self.cleaner),
            "kinds_masked": sorted(self.kinds),
            "regions": self.regions,
        }


def import_posts(job: ImportJob, workers: int = 1, advance: Callable[[int], None] = lambda rows: None) -> ImportReport:
    """Bring the rows of all sources into one JSONL file and write a report beside it.

    Killed at any moment, the same job goes on from where it was, and gives the same bytes.

    Args:
        workers: processes that clean and mask.
        advance: told how many further rows are done; of a run that goes on, first of those that were.

    Raises:
        DataError: a source cannot be read, a column is in no row, or no row can be used.
        Interrupted: on Ctrl-C.
    """
    with _working(job) as work:
        columns = _read_all(job, work, workers, advance)
        report = ImportReport.of(work, job.mapping.labels, job.mapping.columns())
        _check(job, report, columns)
        remove_leftovers(job.target)
        with whole_file(job.target) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            file.writelines(f"{line}\n" for line in work.lines())
        plain = {**report.to_dict(), **job.plan()}
        write_whole(job.report_file, json.dumps(plain, indent=2, ensure_ascii=False, default=str) + "\n")
        work.remove()
        return report


@contextmanager
def _working(job: ImportJob) -> Iterator[WorkFile]:
    """The job's work file. It stays where the run was stopped, and goes where the job itself is at fault."""
    work = WorkFile(job.work_file, job.plan())
    try:
        yield work
    except KeyboardInterrupt:
        raise Interrupted("stopped; what is done is kept: give the same command to go on") from None
    except sqlite3.Error as error:
        raise DataError(f"{work.path}: the work done so far cannot be kept: {error}") from error
    except _JobError:
        work.remove()
        raise
    finally:
        work.close()


class _JobError(DataError):
    """Another run of the same job would end the same way."""


def _read_all(job: ImportJob, work: WorkFile, workers: int, advance: Callable[[int], None]) -> list[str]:
    """Read what is not read yet; the columns of the first rows."""
    preparation = Preparation(job.mapping, job.cleaner, Masker(job.kinds, job.regions))
    labels: dict[str, set[str | None]] = {head: set() for head in job.mapping.labels}
    for facts, _ in work.facts():  # of a run that was stopped
        for head, label in facts["labels"].items():
            labels[head].add(label)
    columns: dict[str, None] = {}
    for number, source in enumerate(job.sources):
        done = work.rows_read(number)
        advance(done)
        watch = _Watch(source, job.mapping, preparation, work.met())
        for chunk in outcomes(watch(source.rows(done)), preparation, workers):
            for index, (name, line, outcome) in enumerate(chunk):
                work.add(Place(number * _MOST_ROWS + done + index, name, line), outcome)
                if isinstance(outcome, Prepared):
                    _note_labels(source, outcome, labels)
            done += len(chunk)
            work.commit(number, done, watch.met)
            advance(len(chunk))
        columns |= watch.columns
    return list(columns)


class _Watch:
    """Sees which columns that are asked for stand in the rows, so that one that is misspelt is told at once."""

    def __init__(self, source: Source, mapping: ColumnMapping, preparation: Preparation, met: set[str]) -> None:
        self.met = met
        self.columns: dict[str, None] = {}
        self._source = source
        self._mapping = mapping
        self._preparation = preparation

    def __call__(self, rows: Iterator[Row | BadRow]) -> Iterator[Row | BadRow]:
        """The rows as they are.

        Raises:
            DataError: the first of them have no column of the text, or a table has none of a head.
        """
        asked = set(self._mapping.columns())
        for index, row in enumerate(rows):
            if index == CHUNK:
                self._check()
            if isinstance(row, Row):
                if not asked <= self.met:
                    self.met |= self._preparation.met(row, asked - self.met)
                if index < CHUNK:
                    self.columns |= dict.fromkeys(row.values)
            yield row
        self._check()

    def _check(self) -> None:
        """In a table what is not in the first rows is in none; nested rows may all be different."""
        if not self.columns or not self._source.is_table:
            return
        if not self.met.intersection(self._mapping.text):
            raise _not_found(self._source.name, self._mapping.text[0], "--text COLUMN", list(self.columns))
        for column, mend in self._mapping.needed().items():
            if column not in self.met:
                raise _not_found(self._source.name, column, mend, list(self.columns))


def _check(job: ImportJob, report: ImportReport, columns: Sequence[str]) -> None:
    if report.kept:
        return
    names = ", ".join(source.name for source in job.sources)
    for column, mend in (*((name, "--text COLUMN") for name in job.mapping.text), *job.mapping.needed().items()):
        if column in report.not_found:
            raise _not_found(names, column, mend, columns)
    first = f"; the first: {report.first[0]}" if report.first else ""
    raise _JobError(f"{names}: none of {report.dropped} rows can be used{first}")


def _not_found(name: str, column: str, mend: str, columns: Sequence[str]) -> _JobError:
    shown = ", ".join(column for column in columns[:_SHOWN_COLUMNS] if _is_name(column))
    said = f"; its columns: {shown}" if shown else "; its first line seems to be no header" if columns else ""
    return _JobError(f"{name}: no row has {column!r}{said}. Name another: {mend}")


def _is_name(column: str) -> bool:
    """Whether it can be a column's name; of a file without a header, it is what somebody wrote."""
    return len(column) <= _LONGEST_NAME and column.count(" ") < _WORDS and not Masker().find(column)


def _note_labels(source: Source, outcome: Prepared, labels: dict[str, set[str | None]]) -> None:
    for head, label in outcome.facts["labels"].items():
        labels[head].add(label)
        if len(labels[head]) > MAX_LABELS:
            raise _JobError(
                f"{source.name}: {head} has more than {MAX_LABELS} different labels; it seems that its column holds "
                f"something else: name another with --label {head}=COLUMN"
            )
