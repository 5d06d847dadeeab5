"""Labelled history brought into the form that training reads: columns to heads, values renamed, bad rows named."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data.errors import DataError
from data.files import whole_file
from data.normalise import normalise
from data.posts import POST_FIELDS
from data.table_writing import table_writer
from data.tables import BadRow, Row, read_rows
from data.taxonomy import HEAD_NAME, NO_LABEL

SHOWN_BAD_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Mapper:
    """Which columns hold what.

    Attributes:
        text: the column of the post.
        labels: column by head.
        renamed: new label by old one, by head; the new label `null` says that no label applies, an empty one that the
            label is unknown.
        fields: column by field (`id`, `time`, `group`, ...). Every other column keeps its name.

    Raises:
        DataError: two columns would have one name, or a head's name cannot be one.
    """

    text: str
    labels: Mapping[str, str]
    renamed: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.labels:
            raise DataError("no head was named; name at least one: --label HEAD=COLUMN")
        odd = [head for head in self.labels if not HEAD_NAME.fullmatch(head) or head in POST_FIELDS]
        if odd:
            raise DataError(f"{odd} cannot be names of heads: lower-case letters, digits and _, and not {POST_FIELDS}")
        unknown = sorted(set(self.renamed) - set(self.labels))
        if unknown:
            raise DataError(f"--rename names the heads {unknown}; the heads are {sorted(self.labels)}")
        twice = [name for name, count in Counter(self._sources()).items() if count > 1]
        if twice:
            raise DataError(f"the columns {twice} are asked for twice; each column can hold one thing")

    def apply(self, row: Row) -> dict[str, Any] | BadRow:
        """The row as training reads it, or why it cannot be used."""
        missing = [column for column in (self.text, *self.labels.values()) if column not in row.values]
        if missing:
            return row.bad(f"no such column; the row has {sorted(row.values)[:20]}", missing[0])
        text = row.values[self.text]
        if not isinstance(text, str):
            return row.bad(f"expected a text, found {type(text).__name__}", self.text)
        if not normalise(text):
            return row.bad("the text is empty", self.text)
        labels: dict[str, str | None] = {}
        for head, column in self.labels.items():
            value = row.values[column]
            if value is not None and not isinstance(value, str | int | float | bool):
                return row.bad(f"expected a label, found {type(value).__name__}", column)
            label = NO_LABEL if value is None else str(value).strip()
            label = self.renamed.get(head, {}).get(label, label)
            if label:
                labels[head] = None if label == NO_LABEL else label
        if not labels:
            return row.bad("no label of any head", next(iter(self.labels.values())))
        fields = {name: row.values[column] for name, column in self.fields.items() if row.values.get(column)}
        used = set(self._sources())
        taken = {"text", *self.labels, *self.fields}
        rest = {f"{name}_" if name in taken else name: value for name, value in row.values.items() if name not in used}
        return {"text": text, **labels, **fields, **rest}

    def _sources(self) -> Iterator[str]:
        yield self.text
        yield from self.labels.values()
        yield from self.fields.values()


@dataclass(slots=True)
class ImportReport:
    """What was kept, and why the rest was not.

    Attributes:
        labels: how often each label was met, by head; `None` is no label.
        bad: the first `SHOWN_BAD_ROWS` of the rows that were left out.
    """

    kept: int = 0
    dropped: int = 0
    labels: dict[str, Counter[str | None]] = field(default_factory=dict)
    bad: list[BadRow] = field(default_factory=list)


def import_rows(sources: Sequence[Path], mapper: Mapper, target: Path) -> ImportReport:
    """Write the rows of all sources to one JSONL file, whole or not at all.

    Raises:
        DataError: a file cannot be read, or no row of them can be used.
    """
    if target.suffix.lower() != ".jsonl":
        raise DataError(f"{target}: the result is JSONL; end its name with .jsonl")
    report = ImportReport(labels={head: Counter() for head in mapper.labels})
    with whole_file(target) as temporary, table_writer(temporary, "jsonl", {}) as writer:
        for source in sources:
            for row in read_rows(source):
                values = row if isinstance(row, BadRow) else mapper.apply(row)
                if isinstance(values, BadRow):
                    report.dropped += 1
                    report.bad += [values] if len(report.bad) < SHOWN_BAD_ROWS else []
                    continue
                writer.write(values)
                report.kept += 1
                for head, counts in report.labels.items():
                    if head in values:
                        counts[values[head]] += 1
        if not report.kept:
            first = f"; the first: {report.bad[0]}" if report.bad else ""
            raise DataError(f"{', '.join(map(str, sources))}: none of {report.dropped} rows can be used{first}")
    return report
