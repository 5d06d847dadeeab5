"""Labelling files of any size: in a stream, resumable, keeping the columns of the input."""

import sys
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from api.answers import Answer, answer, prepare, result
from api.journal import open_journal
from api.schemas import Options
from data.errors import DataError
from data.examples import SHOWN_BAD_ROWS, describe_bad_rows
from data.files import whole_file
from data.tables.reading import columns, read_rows
from data.tables.rows import BadRow, Row
from data.tables.writing import JsonlWriter, output_format, parquet_types, table_writer
from model.bundle import MODEL, Bundle
from model.engine import Engine

ADDED = "triage"
"""The key (JSONL) or the beginning of the columns (CSV, Parquet) that are added to each row."""

_CHUNK = 512


@dataclass(slots=True)
class Report:
    """What became of the rows.

    Attributes:
        failed: rows whose text is empty or too long, as their answer says.
        resumed: rows that an interrupted run had labelled before.
        bad: rows that could not be read; they are not in the output.
        first_bad: the first few of these.
    """

    labelled: int = 0
    failed: int = 0
    resumed: int = 0
    bad: int = 0
    first_bad: list[BadRow] = field(default_factory=list)

    def add_bad(self, row: BadRow) -> None:
        self.bad += 1
        if len(self.first_bad) < SHOWN_BAD_ROWS:
            self.first_bad.append(row)

    def describe_bad(self) -> str:
        return describe_bad_rows(self.first_bad, self.bad)

    def check(self, source: Path, rows: int) -> None:
        """Refuse a file that has rows, but not one that can be read.

        Raises:
            DataError: there is none.
        """
        if self.bad and not rows:
            raise DataError(f"{source}: none of its {self.bad} rows can be read\n{self.describe_bad()}")


@dataclass(frozen=True, slots=True)
class Labeller:
    """A model and how to ask it."""

    bundle: Bundle
    engine: Engine
    text_column: str
    max_characters: int

    def label(self, rows: list[Row]) -> list[dict[str, Any]]:
        """For each row what is added to it under `triage`."""
        texts = [str(row.values[self.text_column]) for row in rows]
        prepared = prepare(texts, self.engine.tokenizer, self.max_characters)
        scores = self.engine.submit(prepared.encoded).result()
        return [self._plain(item) for item in answer(prepared, scores, self.bundle.policy)]

    def _plain(self, item: Answer) -> dict[str, Any]:
        plain = result(0, None, item, self.bundle.policy, Options())
        del plain["index"]
        return plain


def classify_stream(source: Path, labeller: Labeller, on_rows: Callable[[int], None]) -> Report:
    """Label the rows of a file or of standard input and write JSONL to standard output as they are done."""
    report = Report()
    writer = JsonlWriter(sys.stdout)
    for chunk in _chunks(_good_rows(source, labeller.text_column, {ADDED}, report)):
        for row, added in zip(chunk, labeller.label(chunk), strict=True):
            writer.write({**row.values, ADDED: added})
            _count(report, added)
        sys.stdout.flush()
        on_rows(len(chunk))
    report.check(source, report.labelled + report.failed)
    return report


def classify_file(source: Path, target: Path, labeller: Labeller, on_rows: Callable[[int], None]) -> Report:
    """Label the rows of a file and write them to another, whole or not at all.

    Answers are kept in a journal beside the target. An interrupted run leaves it there, and the same command goes on
    after the rows that it holds; it is removed when the target is written.

    Raises:
        DataError: the files cannot be read or written, or a column to be added exists already.
    """
    kind = output_format(target)
    added_columns = {} if kind == "jsonl" else _added_columns(labeller.bundle)
    reserved = set(added_columns) or {ADDED}
    found: dict[str, Any] = dict.fromkeys(columns(source), str)
    if found and labeller.text_column not in found:
        raise DataError(f"{source}: no column {labeller.text_column!r}; it has {list(found)}: name the one with --text")
    _check_free(source, found, reserved)
    with open_journal(target, _identity(source, labeller)) as journal:
        report = Report(resumed=journal.resumed)
        on_rows(journal.resumed)
        rows = _noting_columns(_good_rows(source, labeller.text_column, reserved, report), found)
        done = sum(1 for _ in islice(rows, journal.resumed))
        for chunk in _chunks(rows):
            journal.append(labeller.label(chunk))
            done += len(chunk)
            on_rows(len(chunk))
        report.check(source, done)
        types = {**found, **parquet_types(source), **added_columns}
        with whole_file(target) as temporary, table_writer(temporary, kind, types) as writer:
            again = _good_rows(source, labeller.text_column, reserved, Report())
            for row, added in zip(again, journal.read(), strict=True):
                writer.write({**row.values, **({ADDED: added} if kind == "jsonl" else _flat(added))})
                _count(report, added)
        journal.remove()
    return report


def _good_rows(source: Path, text_column: str, reserved: Set[str], report: Report) -> Iterator[Row]:
    for row in read_rows(source):
        if isinstance(row, BadRow):
            report.add_bad(row)
        elif not isinstance(row.values.get(text_column), str):
            report.add_bad(row.bad("expected a text", text_column))
        else:
            _check_free(f"{row.source}:{row.line}", row.values, reserved)
            yield row


def _check_free(where: object, names: Iterable[str], reserved: Set[str]) -> None:
    taken = sorted(reserved & set(names))
    if taken:
        raise DataError(f"{where}: has the columns {taken} already; rename them, or label the file without them")


def _chunks(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while chunk := list(islice(rows, _CHUNK)):
        yield chunk


def _noting_columns(rows: Iterator[Row], found: dict[str, Any]) -> Iterator[Row]:
    for row in rows:
        found.update(dict.fromkeys(row.values, str))
        yield row


def _count(report: Report, added: dict[str, Any]) -> None:
    if added["status"] == "ok":
        report.labelled += 1
    else:
        report.failed += 1


def _identity(source: Path, labeller: Labeller) -> dict[str, Any]:
    """All that the answers depend on; a journal of anything else is not gone on with."""
    stat = source.stat()
    return {
        "source": str(source.resolve()),
        "bytes": stat.st_size,
        "modified_ns": stat.st_mtime_ns,
        "model": labeller.bundle.manifest.files[MODEL],
        "policy": labeller.bundle.policy.version,
        "text": labeller.text_column,
        "max_characters": labeller.max_characters,
    }


def _added_columns(bundle: Bundle) -> dict[str, Any]:
    """The columns that are added to a table, with the type of each."""
    types: dict[str, Any] = {}
    for head in bundle.taxonomy:
        types[f"{ADDED}_{head.name}"] = str
        types[f"{ADDED}_{head.name}_confidence"] = float
        types[f"{ADDED}_{head.name}_decision"] = str
    types |= dict.fromkeys((f"{ADDED}_action", f"{ADDED}_routed_to", f"{ADDED}_reasons", f"{ADDED}_error"), str)
    return {**types, f"{ADDED}_truncated": bool}


def _flat(added: dict[str, Any]) -> dict[str, Any]:
    """An answer as columns."""
    if added["status"] != "ok":
        return {f"{ADDED}_error": added["error"]["code"]}
    flat: dict[str, Any] = {}
    for name, head in added["labels"].items():
        flat[f"{ADDED}_{name}"] = head["label"]
        flat[f"{ADDED}_{name}_confidence"] = head["confidence"]
        flat[f"{ADDED}_{name}_decision"] = head["decision"]
    route = added["route"]
    return {
        **flat,
        f"{ADDED}_action": route["action"],
        f"{ADDED}_routed_to": route["department"],
        f"{ADDED}_reasons": " ".join(route["reasons"]),
        f"{ADDED}_truncated": added["input"]["truncated"],
    }
