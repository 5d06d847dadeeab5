"""Labelled posts read from files, every row checked against the taxonomy."""

import math
import re
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.errors import DataError
from data.normalise import normalise
from data.posts import POST_FIELDS, Example, Post
from data.tables.reading import read_rows
from data.tables.rows import BadRow, Row
from data.taxonomy import NO_LABEL, Taxonomy

# The first of these columns that a row has names what a split must not tear apart.
GROUP_FIELDS = ("group", "scenario", "thread")

# In these columns a row names what it belongs to: `null`, as databases export it, is no name.
_NAMES = frozenset({*POST_FIELDS, *GROUP_FIELDS, "pair"}) - {"text"}
_NO_NAME = frozenset({"null", r"\n"})

MAX_BAD_SHARE = 0.05
SHOWN_BAD_ROWS = 10

# What may be shown of a value that is no label: a stray text of a customer's, or an address, is not to be printed.
_WORD = re.compile(r"[^\s@]{1,30}")


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read: the good rows, and why the others were left out."""

    examples: list[Example]
    bad: list[BadRow]


def read_examples(paths: Sequence[Path], taxonomy: Taxonomy, max_bad_share: float = MAX_BAD_SHARE) -> Reading:
    """Read labelled posts from JSONL, CSV, TSV or Parquet files.

    A column `text` holds the post, a column of a head's name its label. Empty cells and absent keys are unknown labels;
    null (in CSV the word `null`) says that no label of an optional head applies.

    Raises:
        DataError: a file cannot be read, more than `max_bad_share` of the rows are bad, or none is good.
    """
    good: list[Example] = []
    bad: list[BadRow] = []
    for path in paths:
        for example in iter_examples(path, taxonomy):
            if isinstance(example, BadRow):
                bad.append(example)
            else:
                good.append(example)
    _refuse_bad(", ".join(map(str, paths)), len(good), len(bad), bad, max_bad_share)
    return Reading(good, bad)


def iter_examples(path: Path, taxonomy: Taxonomy) -> Iterator[Example | BadRow]:
    """Stream the rows of one file as examples, each bad one as a `BadRow` in its place."""
    for row in read_rows(path):
        yield row if isinstance(row, BadRow) else _example(row, taxonomy)


class LabelledFile:
    """The labelled posts of a file, streamed anew each time that they are asked for.

    Attributes:
        bad: the first `SHOWN_BAD_ROWS` bad rows that the last full reading met.
        bad_rows: how many it met.
    """

    def __init__(self, path: Path, taxonomy: Taxonomy, max_bad_share: float = MAX_BAD_SHARE) -> None:
        self.path = path
        self.bad: list[BadRow] = []
        self.bad_rows = 0
        self._taxonomy, self._max_bad_share = taxonomy, max_bad_share
        self._state: tuple[int, int] | None = None

    def __iter__(self) -> Iterator[Example]:
        """Every good row.

        Raises:
            DataError: as `read_examples`; or the file was changed since it was first read.
        """
        for _, example in self.with_values():
            yield example

    def with_values(self) -> Iterator[tuple[dict[str, Any], Example]]:
        """Every good row, with the values that its file gives; raises as `__iter__`."""
        self._unchanged()
        self.bad, self.bad_rows, good = [], 0, 0
        for row in read_rows(self.path):
            example = row if isinstance(row, BadRow) else _example(row, self._taxonomy)
            if isinstance(row, Row) and isinstance(example, Example):
                good += 1
                yield row.values, example
            elif isinstance(example, BadRow):
                self.bad_rows += 1
                self.bad += [example] if len(self.bad) < SHOWN_BAD_ROWS else []
        _refuse_bad(str(self.path), good, self.bad_rows, self.bad, self._max_bad_share)
        self._unchanged()

    def at(self, lines: Container[int]) -> Iterator[Example]:
        """The good ones of the rows that begin at these lines; other rows cost little."""
        self._unchanged()
        for row in read_rows(self.path):
            if row.line in lines and isinstance(row, Row):
                example = _example(row, self._taxonomy)
                if isinstance(example, Example):
                    yield example

    def _unchanged(self) -> None:
        try:
            found = self.path.stat()
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read: {error.strerror or error}") from error
        state = (found.st_size, found.st_mtime_ns)
        if self._state not in (None, state):
            raise DataError(f"{self.path}: was changed while it was read; give the command again")
        self._state = state


def describe_bad_rows(bad: Sequence[BadRow], total: int | None = None) -> str:
    """The first few bad rows, a line each, and how many more there are.

    Args:
        total: how many there are, where `bad` holds only the first of them.
    """
    lines = [f"  {row}" for row in bad[:SHOWN_BAD_ROWS]]
    more = (len(bad) if total is None else total) - len(lines)
    if more:
        lines.append(f"  … and {more} more")
    return "\n".join(lines)


def to_row(example: Example) -> dict[str, Any]:
    """The example as a row of a file, which reads back as the same example."""
    post = {name: getattr(example.post, name) for name in POST_FIELDS}
    group = {} if example.group is None else {"group": example.group}
    return {
        **{name: value for name, value in post.items() if value is not None},
        **example.labels,
        **group,
        **example.metadata,
    }


def posts_of(examples: Iterable[Example]) -> list[str]:
    """The texts, in order."""
    return [example.post.text for example in examples]


def _refuse_bad(names: str, good: int, bad: int, shown: Sequence[BadRow], max_bad_share: float) -> None:
    total = good + bad
    if not good or bad > max_bad_share * total:
        allowed = f"at most {max_bad_share:.0%} may be bad" if good else "expected at least one good row"
        raise DataError(f"{names}: {bad} of {total} rows are bad; {allowed}\n{describe_bad_rows(shown, bad)}")


def _example(row: Row, taxonomy: Taxonomy) -> Example | BadRow:
    text = row.values.get("text")
    if not isinstance(text, str):
        found = "no such column" if "text" not in row.values else type(text).__name__
        return row.bad(f"expected a text, found {found}", "text")
    if not (text[:1].isascii() and text[:1].isalnum()) and not normalise(text):  # the first is quick, and enough
        return row.bad("the text is empty", "text")
    labels = _labels(row, taxonomy)
    if isinstance(labels, BadRow):
        return labels
    if not labels:
        return row.bad(f"no label of any head {[head.name for head in taxonomy]}")
    rest = {
        name: _name(value) if name in _NAMES else _text(value)
        for name, value in row.values.items()
        if name not in labels and name != "text"
    }
    return Example(
        post=Post(text, **{name: rest[name] for name in POST_FIELDS if rest.get(name)}),
        labels=labels,
        group=next((rest[name] for name in GROUP_FIELDS if rest.get(name)), None),
        metadata={name: value for name, value in rest.items() if name not in POST_FIELDS and value},
        origin=f"{row.source}:{row.line}",
    )


def _labels(row: Row, taxonomy: Taxonomy) -> dict[str, str | None] | BadRow:
    labels: dict[str, str | None] = {}
    for head in taxonomy:
        if head.name not in row.values:
            continue
        value = row.values[head.name]
        if isinstance(value, str):
            value = value.strip()
        if value is None or value == NO_LABEL:
            if head.optional:
                labels[head.name] = None
        elif value == "":
            continue
        elif value in head.labels:
            labels[head.name] = value
        else:
            return row.bad(f"{_described(value)} is not a label of this head", head.name)
    return labels


def _text(value: Any) -> str:
    empty = value is None or (isinstance(value, float) and math.isnan(value))  # as Parquet files may have it
    return "" if empty else str(value)


def _name(value: Any) -> str:
    name = _text(value).strip()
    return "" if name.lower() in _NO_NAME else name


def _described(value: Any) -> str:
    shown = str(value)
    if not isinstance(value, str | int | float):
        return f"a {type(value).__name__}"
    return repr(value) if _WORD.fullmatch(shown) else f"a text of {len(shown)} characters"
