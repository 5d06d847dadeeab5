"""One row of an export, made into a post that training reads, or the reason why it is none."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from data.importing.cleaning.cleaner import Cleaner, join
from data.importing.mapping import FIELDS, ColumnMapping, Lookup, plain_value
from data.importing.masking.masker import Masker
from data.importing.persons import is_personal, pseudonym
from data.normalise import normalise
from data.tables.rows import BadRow, Row
from data.tables.writing import json_line
from data.taxonomy import NO_LABEL
from data.times import iso_time

_NO_VALUES = ("null", "\\n")
"""How databases write an empty cell into a file of text."""

_IDENTITIES = (*FIELDS, "scenario", "pair")
"""Columns by which posts are told apart or put together; masked, all would be one."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A row that was left out.

    Attributes:
        reason: the same for all rows that were left out for it.
        message: of this row; never holds its text.
        fault: whether the row should not have been so; a row that nobody wanted, or labelled, is none.
        rest_lost: whether what follows in its file is lost with it.
        thread, time: as in `Prepared`; of a row that nobody wanted, none.
    """

    reason: str
    message: str
    fault: bool = False
    rest_lost: bool = False
    thread: str | None = None
    time: float | None = None


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
        asked = [*mapping.text, *mapping.labels.values(), *mapping.fields.values()]
        self._used = set().union(*(self._lookups[column].roots() for column in asked))

    def __call__(self, row: Row | BadRow) -> Prepared | Dropped:
        """The post of a row, or why there is none."""
        if isinstance(row, BadRow):
            return replace(_dropped(row.message, row.field), rest_lost=row.rest_lost)
        values = row.values
        unwanted = self._unwanted(values)
        if unwanted:
            return Dropped(f"not wanted: {unwanted}", f"not wanted by its {unwanted}")
        fields, unread = self._fields(values)
        thread = str(fields["thread"]) if self._mapping.first_of_thread and "thread" in fields else None
        time = datetime.fromisoformat(fields["time"]).timestamp() if "time" in fields else None
        content = self._content(values)
        if isinstance(content, Dropped):
            # It is its thread's first message nevertheless, or an answer to it would pass for that.
            return replace(content, thread=thread, time=time)
        line, facts = self._written(values, *content, fields)
        return Prepared(line, thread, time, {**facts, "unread": unread})

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

    def _content(self, values: Mapping[str, Any]) -> tuple[str, frozenset[str], dict[str, str | None]] | Dropped:
        """Text, what was cleaned off it, and labels."""
        text = self._text(values)
        if isinstance(text, Dropped):
            return text
        labels = self._labels(values)
        return labels if isinstance(labels, Dropped) else (*text, labels)

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
            renamed = self._mapping.rename.get(head, {}).get(label)
            if renamed is None and label.lower() in _NO_VALUES:
                label = ""
                renamed = self._mapping.rename.get(head, {}).get(label)
            label = label if renamed is None else renamed
            if is_personal(label):
                return _dropped("the label holds personal data", column)
            if label:
                labels[head] = None if renamed == NO_LABEL else label
        return labels or Dropped("no label of any head", "no label of any head")

    def _written(
        self,
        values: Mapping[str, Any],
        text: str,
        removed: frozenset[str],
        labels: Mapping[str, str | None],
        fields: Mapping[str, Any],
    ) -> tuple[str, dict[str, Any]]:
        """The post as JSON, and what is counted of it."""
        names = {"text", *self._mapping.labels, *_IDENTITIES}
        as_is = self._mapping.as_is
        others = {
            _free(name, names): value if name in as_is else self._masked(value) for name, value in self._others(values)
        }
        masked, counts = self._masker.mask(text)
        facts = {
            "labels": dict(labels),
            "masked": {kind.value: count for kind, count in sorted(counts.items())},
            "removed": sorted(removed),
        }
        return json_line({"text": masked, **labels, **fields, **others}), facts

    def _fields(self, values: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """The fields of a post, persons among them under a pseudonym; and those that could not be read."""
        fields: dict[str, Any] = {}
        unread = []
        for name, value in self._field_values(values):
            plain = plain_value(value)
            if not plain or plain.lower() in _NO_VALUES:
                continue
            found = self._field(name, value, plain)
            if found is None:
                unread.append(name)
            else:
                fields[name] = found
        return fields, unread

    def _field_values(self, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """What was asked for; and columns that have the name of a field, where all columns are kept."""
        for name, column in self._mapping.fields.items():
            yield name, self._lookups[column](values)
        for name in _IDENTITIES if self._mapping.keep is None else ():
            if name in values and name not in self._used and name not in self._mapping.fields:
                yield name, values[name]

    def _field(self, name: str, value: Any, plain: str) -> Any:
        """The field as it is written; `None` where it cannot be read."""
        if name == "time":
            return iso_time(value, self._mapping.time_format)
        if isinstance(value, list | dict):
            return None
        if name == "author" or is_personal(plain):
            return pseudonym(plain)
        return value if isinstance(value, int) and not isinstance(value, bool) else plain

    def _others(self, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        if self._mapping.keep is None:
            yield from (
                (name, value) for name, value in values.items() if name not in self._used and name not in _IDENTITIES
            )
            return
        for name in self._mapping.keep:
            value = self._lookups[name](values)
            if value is not None or name in values:
                yield name, value

    def _masked(self, value: Any) -> Any:
        """A value, however nested, with all that it says masked; a number that is masked becomes a text."""
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, Mapping):
            names: set[str] = set()
            return {_free(self._masked(str(key)), names): self._masked(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._masked(item) for item in value]
        if isinstance(value, date):
            return value.isoformat()
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        masked, _ = self._masker.mask(text)
        return value if masked == text and isinstance(value, str | int | float) else masked


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
