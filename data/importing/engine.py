"""Labelled history in, posts that training reads out: streamed, resumable, written whole or not at all."""

import json
import sqlite3
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
        _read_all(job, work, workers, advance)
        report = ImportReport.of(work, job.mapping.labels)
        _check(job, work, report)
        remove_leftovers(job.target)
        with whole_file(job.target) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            file.writelines(f"{line}\n" for line in work.lines())
        plain = {**report.to_dict(), **job.plan(), "not_found": sorted(set(job.mapping.columns()) - work.met())}
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


def _read_all(job: ImportJob, work: WorkFile, workers: int, advance: Callable[[int], None]) -> None:
    preparation = Preparation(job.mapping, job.cleaner, Masker(job.kinds, job.regions))
    labels: dict[str, set[str | None]] = {head: set() for head in job.mapping.labels}
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


class _Watch:
    """Sees which columns that are asked for stand in the rows, so that one that is misspelt is told at once."""

    def __init__(self, source: Source, mapping: ColumnMapping, preparation: Preparation, met: set[str]) -> None:
        self.met = met
        self._source = source
        self._mapping = mapping
        self._preparation = preparation

    def __call__(self, rows: Iterator[Row | BadRow]) -> Iterator[Row | BadRow]:
        """The rows as they are.

        Raises:
            DataError: the first of them have no column of the text, or a table has none of a head.
        """
        asked = set(self._mapping.columns())
        columns: dict[str, None] = {}
        for index, row in enumerate(rows):
            if index == CHUNK:
                self._check(columns)
            if isinstance(row, Row):
                if not asked <= self.met:
                    self.met |= self._preparation.met(row, asked - self.met)
                if index < CHUNK:
                    columns |= dict.fromkeys(row.values)
            yield row
        self._check(columns)

    def _check(self, columns: dict[str, None]) -> None:
        if not columns:
            return
        if not self.met.intersection(self._mapping.text):
            raise _not_found(self._source.name, self._mapping.text[0], "--text COLUMN", list(columns))
        if self._source.is_table:
            _check_labels(self._source.name, self._mapping, self.met, list(columns))


def _check(job: ImportJob, work: WorkFile, report: ImportReport) -> None:
    names = ", ".join(source.name for source in job.sources)
    if report.kept or report.dropped > report.faults:
        _check_labels(names, job.mapping, work.met(), [])
    if not report.kept:
        first = f"; the first: {report.first[0]}" if report.first else ""
        raise _JobError(f"{names}: none of {report.dropped} rows can be used{first}")


def _check_labels(name: str, mapping: ColumnMapping, met: set[str], columns: Sequence[str]) -> None:
    for head, column in mapping.labels.items():
        if column not in met:
            mend = f"--label {head}=COLUMN, or leave the head out: --label {head}="
            raise _not_found(name, column, mend, columns)


def _not_found(name: str, column: str, mend: str, columns: Sequence[str]) -> _JobError:
    shown = f"; its columns: {', '.join(columns[:_SHOWN_COLUMNS])}" if columns else ""
    return _JobError(f"{name}: no row has {column!r}{shown}. Name another: {mend}")


def _note_labels(source: Source, outcome: Prepared, labels: dict[str, set[str | None]]) -> None:
    for head, label in outcome.facts["labels"].items():
        labels[head].add(label)
        if len(labels[head]) > MAX_LABELS:
            raise _JobError(
                f"{source.name}: {head} has more than {MAX_LABELS} different labels; it seems that its column holds "
                f"something else: name another with --label {head}=COLUMN"
            )
