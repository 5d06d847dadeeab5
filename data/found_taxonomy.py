"""A taxonomy found in labelled files, where nobody wrote one."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from data.errors import DataError
from data.tables.reading import read_rows
from data.tables.rows import PART, BadRow
from data.taxonomy import HEAD_NAME, NO_LABEL, RESERVED_NAMES, Taxonomy
from data.times import iso_time

# A column is taken for a head when its values repeat like labels do.
_MAX_FOUND_LABELS = 500
_MIN_ROWS_PER_LABEL = 2.0


def find_taxonomy(paths: Sequence[Path], name: str) -> Taxonomy:
    """The heads and labels that stand in the data: every column, besides the post's own, that could be one.

    That is: its name is one of a head (lower case, no spaces), and its values repeat as labels do, and are no dates.

    Labels are sorted by name and all heads are nominal: an order cannot be seen in data.

    Raises:
        DataError: no column looks like a label.
    """
    values: defaultdict[str, Counter[str]] = defaultdict(Counter)
    optional: set[str] = set()
    for path in paths:
        for row in read_rows(path):
            if isinstance(row, BadRow):
                continue
            for column, value in row.values.items():
                if column in RESERVED_NAMES or column == PART:
                    continue
                if value is None or value == NO_LABEL:
                    optional.add(column)
                elif isinstance(value, str) and value.strip() and len(values[column]) <= _MAX_FOUND_LABELS:
                    values[column][value.strip()] += 1  # of a column of texts no more are kept than tell that it is one
    heads = [
        {"name": column, "optional": column in optional, "labels": sorted(counts)}
        for column, counts in values.items()
        if HEAD_NAME.fullmatch(column)
        and 2 <= len(counts) <= _MAX_FOUND_LABELS
        and counts.total() >= _MIN_ROWS_PER_LABEL * len(counts)
        and not all(map(_is_date, counts))
    ]
    if not heads:
        raise DataError(
            f"{', '.join(map(str, paths))}: no column looks like labels (a name in lower case without spaces, and text "
            f"that repeats, 2 to {_MAX_FOUND_LABELS} different values); columns found: {sorted(values) or 'none'}. "
            "Rename the columns, or name the heads in a file: --taxonomy FILE"
        )
    return Taxonomy.from_dict({"name": name, "heads": heads})


def _is_date(value: str) -> bool:
    return not value.isdigit() and iso_time(value) is not None
