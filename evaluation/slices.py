"""Figures by channel, language, length, month or any other column of the posts."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError
from data.posts import POST_FIELDS, Example
from evaluation.intervals import groups_of, share_intervals
from evaluation.scored import HeadAnswers

WIDEST = 0.1
"""Half the width of an interval above which a slice is too small to say anything."""

MOST_SLICES = 20
"""Of a column; what is rarer is taken together."""

NONE, OTHER = "(none)", "(other)"

_NAMED = 5

_LENGTHS = ((70, "up to 70"), (140, "71-140"), (280, "141-280"), (1000, "281-1000"))
_LONGER = "over 1000"
_COLUMNS = tuple(name for name in POST_FIELDS if name not in ("text", "id"))


def slice_figures(
    examples: Sequence[Example], answers: Sequence[HeadAnswers], columns: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Accuracy of the most probable label by slice and head, JSON-ready.

    A column is one of the posts' own (`channel`, `language`, `author`, `thread`), any other of the file, `group`,
    `length` (characters, in fixed bands, so that two files can be compared) or `month` (of `time`, in its own zone).

    Args:
        examples: all posts.
        answers: of each head over those of them that carry its label.

    Returns:
        By column and slice: `n`, the posts in it, and `heads`: by head `n`, `accuracy`, `accuracy_ci95` (by group where
        posts have groups) and `too_small`, whether that interval reaches further than `WIDEST` to both sides.

    Raises:
        DataError: no post has that column.
    """
    groups = groups_of(examples)
    figures: dict[str, dict[str, Any]] = {}
    for column in columns:
        names, slices = _slices(examples, column)
        sizes = np.bincount(slices, minlength=len(names))
        figures[column] = {name: {"n": int(size), "heads": {}} for name, size in zip(names, sizes, strict=True)}
        for head in answers:
            right = head.most_probable == head.gold
            found = share_intervals(slices[head.rows], right, len(names), None if groups is None else groups[head.rows])
            for place, name in enumerate(names):
                if found.count[place]:
                    figures[column][name]["heads"][head.head.name] = {
                        "n": int(found.count[place]),
                        "accuracy": found.value(place),
                        "accuracy_ci95": found.interval(place),
                        "too_small": bool(found.high[place] - found.low[place] > 2 * WIDEST),
                    }
    return figures


def check_columns(examples: Sequence[Example], columns: Sequence[str]) -> None:
    """Refuse what `slice_figures` would, before long work.

    Raises:
        DataError: no post has a value in one of the columns.
    """
    for column in columns:
        _slices(examples, column)


def too_small(figures: dict[str, dict[str, Any]]) -> list[str]:
    """A line for each column some of whose slices are too small to say anything."""
    lines = []
    for column, slices in figures.items():
        small = [name for name, found in slices.items() if any(head["too_small"] for head in found["heads"].values())]
        if small:
            lines.append(
                f"{column}: {len(small)} of {len(slices)} slices have too few posts to say anything (accuracy is known "
                f"to no better than {WIDEST:g} up or down): {named(small)}"
            )
    return lines


def named(names: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _slices(examples: Sequence[Example], column: str) -> tuple[list[str], NDArray[np.intp]]:
    """The names of the slices, and `(n_examples,)` the place of each example's."""
    value, in_order = _reader(column)
    values = [value(example) or NONE for example in examples]
    counts = Counter(values)
    if set(counts) == {NONE}:
        columns = {name for example in examples for name in example.metadata}
        columns |= {name for name in _COLUMNS if any(getattr(example.post, name) for example in examples)}
        raise DataError(
            f"--slice {column}: no post has a value there; expected length"
            f"{', month' if 'time' in columns else ''} or one of the columns {sorted(columns) or '(none was found)'}"
        )
    kept = [name for name, _ in counts.most_common(MOST_SLICES)]
    if in_order is not None:
        kept = sorted(kept, key=in_order)
    if len(counts) > len(kept):
        kept = [name for name in kept if name != OTHER] + [OTHER]
    place = {name: number for number, name in enumerate(kept)}
    rest = place.get(OTHER, 0)
    return kept, np.array([place.get(name, rest) for name in values], np.intp)


def _reader(column: str) -> tuple[Callable[[Example], str | None], Callable[[str], Any] | None]:
    """How to read the slice of an example, and the order of the slices where it is not by frequency."""
    if column == "length":
        bands = [name for _, name in _LENGTHS] + [_LONGER]
        return _length, bands.index
    if column == "month":
        return _month, str
    if column == "group":
        return lambda example: example.group, None
    if column in _COLUMNS:
        return lambda example: getattr(example.post, column), None
    return lambda example: example.metadata.get(column), None


def _length(example: Example) -> str:
    return next((name for most, name in _LENGTHS if len(example.post.text) <= most), _LONGER)


def _month(example: Example) -> str | None:
    """`None` where the time is missing or not ISO 8601."""
    try:
        return f"{datetime.fromisoformat(example.post.time or ''):%Y-%m}"
    except ValueError:
        return None
