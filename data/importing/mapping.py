"""Labelled history brought into the form that training reads: columns to heads, values renamed, bad rows named."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data.errors import DataError
from data.files import whole_file
from data.normalise import normalise
from data.table_writing import table_writer
from data.tables import BadRow, Row, read_rows
from data.taxonomy import HEAD_NAME, NO_LABEL, RESERVED_NAMES

KEPT_BAD_ROWS = 1000
MAX_LABELS = 500
"""More different values than this are no labels; most likely a column of texts was named."""


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
        odd = [head for head in self.labels if not HEAD_NAME.fullmatch(head) or head in RESERVED_NAMES]
        if odd:
            taken = sorted(RESERVED_NAMES)
            raise DataError(f"{odd} cannot be names of heads: lower-case letters, digits and _, and none of {taken}")
        unknown = sorted(set(self.renamed) - set(self.labels))
        if unknown:
            raise DataError(f"--rename names the heads {unknown}; the heads are {sorted(self.labels)}")
        twice = [name for name, count in Counter(self._sources()).items() if count > 1]
        if twice:
            raise DataError(f"the columns {twice} are asked for twice; each column can hold one thing")

    def apply(self, row: Row) -> dict[str, Any] | BadRow:
        """The row as training reads it, or why it cannot be used."""
        missing = [column for column in self._sources() if column not in row.values]
        if missing:
            return row.bad("no such column", missing[0])
        text = row.values[self.text]
        if not isinstance(text, str):
            return row.bad(f"expected a text, found {type(text).__name__}", self.text)
        if not normalise(text):
            return row.bad("the text is empty", self.text)
        odd = [column for column in self.labels.values() if isinstance(row.values[column], list | dict)]
        if odd:
            return row.bad(f"expected a label, found {type(row.values[odd[0]]).__name__}", odd[0])
        labels = self._labels(row)
        if not labels:
            return row.bad("no label of any head", next(iter(self.labels.values())))
        fields = {name: row.values[column] for name, column in self.fields.items()}
        named = {name: value for name, value in fields.items() if value not in (None, "")}
        return {"text": text, **labels, **named, **self._others(row)}

    def _labels(self, row: Row) -> dict[str, str | None]:
        """The known labels by head."""
        labels = {}
        for head, column in self.labels.items():
            value = row.values[column]
            if isinstance(value, float) and math.isnan(value):
                continue  # how Parquet files often write an empty cell
            label = NO_LABEL if value is None else str(value).strip()
            label = self.renamed.get(head, {}).get(label, label)
            if label:
                labels[head] = None if label == NO_LABEL else label
        return labels

    def _others(self, row: Row) -> dict[str, Any]:
        """The columns that nothing was asked of, under their own names, or a free one where that is taken."""
        used, names = set(self._sources()), {"text", *self.labels, *self.fields}
        others = {}
        for name, value in row.values.items():
            if name not in used:
                free = name
                while free in names:
                    free += "_"
                names.add(free)
                others[free] = value
        return others

    def _sources(self) -> Iterator[str]:
        yield self.text
        yield from self.labels.values()
        yield from self.fields.values()


@dataclass(slots=True)
class ImportReport:
    """What was kept, and why the rest was not.

    Attributes:
        labels: how often each label was met, by head; `None` is no label.
        bad: the first `KEPT_BAD_ROWS` of the rows that were left out.
    """

    kept: int = 0
    dropped: int = 0
    labels: dict[str, Counter[str | None]] = field(default_factory=dict)
    bad: list[BadRow] = field(default_factory=list)

    def count(self, source: Path, values: Mapping[str, Any]) -> None:
        """Count the labels of a row that is kept.

        Raises:
            DataError: a head has so many that its column cannot hold labels.
        """
        self.kept += 1
        for head, counts in self.labels.items():
            if head in values:
                counts[values[head]] += 1
            if len(counts) > MAX_LABELS:
                raise DataError(
                    f"{source}: {head} has more than {MAX_LABELS} different labels; it seems that its column holds "
                    f"something else: name another with --label {head}=COLUMN"
                )


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
                    report.bad += [values] if len(report.bad) < KEPT_BAD_ROWS else []
                    continue
                writer.write(values)
                report.count(source, values)
        if not report.kept:
            first = f"; the first: {report.bad[0]}" if report.bad else ""
            raise DataError(f"{', '.join(map(str, sources))}: none of {report.dropped} rows can be used{first}")
    return report
