"""One row of an export, made into a post that training reads, or the reason why it is none."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from data.importing.cleaning.cleaner import Cleaner, join
from data.importing.mapping import ColumnMapping, Lookup, plain_value
from data.importing.masking.masker import Masker
from data.normalise import normalise
from data.tables.rows import BadRow, Row
from data.tables.writing import json_line
from data.taxonomy import NO_LABEL
from data.times import iso_time

_IN_ADDRESS = "@"


@dataclass(frozen=True, slots=True)
class Dropped:
    """A row that was left out.

    Attributes:
        reason: the same for all rows that were left out for it.
        message: of this row; never holds its text.
        fault: whether the row should not have been so; a row that nobody wanted, or labelled, is none.
    """

    reason: str
    message: str
    fault: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """A post as it is written.

    Attributes:
        line: JSON.
        thread: what it is a message of, where only the first of a thread is kept.
        time: in seconds since 1970.
        facts: what is counted of it: `labels` by head, `masked` by kind, what was `removed` (quotes, ...), and the
            fields that were `unread`, because their values could not be understood.
    """

    line: str
    thread: str | None
    time: float | None
    facts: Mapping[str, Any]


class Preparation:
    """What is done to each row, in this order: chosen, cleaned, labelled, masked."""

    def __init__(self, mapping: ColumnMapping, cleaner: Cleaner, masker: Masker) -> None:
        self._mapping = mapping
        self._cleaner = cleaner
        self._masker = masker
        self._lookups = {column: Lookup(column) for column in mapping.columns()}
        self._used = {*mapping.columns()}

    def __call__(self, row: Row | BadRow) -> Prepared | Dropped:
        """The post of a row, or why there is none."""
        if isinstance(row, BadRow):
            return _dropped(row.message, row.field)
        values = row.values
        unwanted = self._unwanted(values)
        if unwanted:
            return Dropped(f"not wanted: {unwanted}", f"not wanted by its {unwanted}")
        text = self._text(values)
        if isinstance(text, Dropped):
            return text
        labels = self._labels(values)
        if isinstance(labels, Dropped):
            return labels
        return self._written(values, *text, labels)

    def met(self, row: Row, asked: set[str]) -> set[str]:
        """Which of the columns that are asked for stand in the row."""
        return {column for column in asked if column in row.values or self._lookups[column](row.values) is not None}

    def _unwanted(self, values: Mapping[str, Any]) -> str | None:
        """The column by which a row is not wanted."""
        for column, wanted in self._mapping.only.items():
            if plain_value(self._lookups[column](values)) not in wanted:
                return column
        for column, unwanted in self._mapping.drop.items():
            if plain_value(self._lookups[column](values)) in unwanted:
                return column
        return None

    def _text(self, values: Mapping[str, Any]) -> tuple[str, frozenset[str]] | Dropped:
        """What the writer wrote, and what was cleaned off."""
        parts = []
        removed: frozenset[str] = frozenset()
        for column in self._mapping.text:
            value = self._lookups[column](values)
            if value is not None and not isinstance(value, str):
                return _dropped(f"expected a text, found {type(value).__name__}", column)
            cleaned = self._cleaner.clean(value or "")
            parts.append(cleaned.text)
            removed |= cleaned.removed
        text = join(parts)
        if not normalise(text):
            return _dropped("the text is empty", self._mapping.text[-1])
        return text, removed

    def _labels(self, values: Mapping[str, Any]) -> dict[str, str | None] | Dropped:
        """The known labels by head."""
        labels: dict[str, str | None] = {}
        for head, column in self._mapping.labels.items():
            value = self._lookups[column](values)
            if isinstance(value, list | dict):
                return _dropped(f"expected a label, found {type(value).__name__}", column)
            label = plain_value(value)
            label = self._mapping.rename.get(head, {}).get(label, label)
            if label:
                labels[head] = None if label == NO_LABEL else label
        return labels or Dropped("no label of any head", "no label of any head")

    def _written(
        self, values: Mapping[str, Any], text: str, removed: frozenset[str], labels: Mapping[str, str | None]
    ) -> Prepared:
        fields, unread = self._fields(values)
        names = {"text", *self._mapping.labels, *self._mapping.fields}
        others = {_free(name, names): self._masked(value) for name, value in self._others(values)}
        masked, counts = self._masker.mask(text)
        return Prepared(
            line=json_line({"text": masked, **labels, **fields, **others}),
            thread=plain_value(fields.get("thread")) or None if self._mapping.first_of_thread else None,
            time=datetime.fromisoformat(fields["time"]).timestamp() if "time" in fields else None,
            facts={
                "labels": dict(labels),
                "masked": {kind.value: count for kind, count in sorted(counts.items())},
                "removed": sorted(removed),
                "unread": unread,
            },
        )

    def _fields(self, values: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """The fields of a post, its author under a pseudonym; and those that could not be read."""
        fields: dict[str, Any] = {}
        unread = []
        for name, column in self._mapping.fields.items():
            value = self._lookups[column](values)
            if plain_value(value) == "":
                continue
            if name == "time":
                value = iso_time(value, self._mapping.time_format)
            elif isinstance(value, list | dict):
                value = None
            elif name == "author" or _IN_ADDRESS in str(value):
                value = pseudonym(plain_value(value))
            if value is None:
                unread.append(name)
            else:
                fields[name] = value
        return fields, unread

    def _others(self, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        if self._mapping.keep is None:
            yield from ((name, value) for name, value in values.items() if name not in self._used)
            return
        for name in self._mapping.keep:
            if name in values:
                yield name, values[name]

    def _masked(self, value: Any) -> Any:
        """A value, however nested, with its texts masked."""
        if isinstance(value, str):
            return self._masker.mask(value)[0]
        if isinstance(value, list):
            return [self._masked(item) for item in value]
        if isinstance(value, Mapping):
            return {key: self._masked(item) for key, item in value.items()}
        return value


def pseudonym(name: str) -> str:
    """What stands for a person: the same for the same name or address, in every import.

    It tells two persons apart and does not tell who they are; but somebody with a list of addresses can look one up.
    """
    return "person-" + hashlib.sha256(name.strip().lower().encode(errors="surrogatepass")).hexdigest()[:16]


def _dropped(message: str, field: str | None) -> Dropped:
    """By a fault of the row; messages differ behind a colon only for what is peculiar to the row."""
    where = f"{field}: " if field else ""
    return Dropped(where + message.partition(":")[0], where + message, fault=True)


def _free(name: str, names: set[str]) -> str:
    """A name that is not taken yet; it then is."""
    while name in names:
        name += "_"
    names.add(name)
    return name
