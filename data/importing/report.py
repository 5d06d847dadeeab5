"""What an import kept, and why it left the rest out."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from data.importing.work_file import WorkFile
from data.tables.rows import BadRow
from data.taxonomy import NO_LABEL

FIRST_ROWS = 1_000
"""Of those that were left out, so many are named with what is wrong with each."""


@dataclass(slots=True)
class ImportReport:
    """What was kept, and why the rest was not.

    Attributes:
        reasons: how many rows were left out for what.
        faults: how many of them should not have been as they are; the others nobody wanted, or labelled.
        lines: the lines of these rows, by reason and source, as ranges: `3, 17-25`.
        labels: how often each label stands in the posts that were kept, by head; `None` is no label.
        masked: how much personal data was masked in their texts, by kind; and `posts`, in how many of them.
        removed: from how many of them HTML, quotes or a signature were cut.
        unread: fields that were left out because they could not be read, and how often.
        lost: rows with which all that follows in their files was lost.
        not_found: columns that were asked for and stand in no row.
        first: the first rows that were left out, in order.
    """

    kept: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    faults: int = 0
    lines: dict[str, dict[str, str]] = field(default_factory=dict)
    labels: dict[str, Counter[str | None]] = field(default_factory=dict)
    masked: Counter[str] = field(default_factory=Counter)
    removed: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    lost: list[BadRow] = field(default_factory=list)
    not_found: list[str] = field(default_factory=list)
    first: list[BadRow] = field(default_factory=list)

    @property
    def dropped(self) -> int:
        """How many rows were left out."""
        return self.reasons.total()

    @classmethod
    def of(cls, work: WorkFile, heads: Iterable[str], columns: Iterable[str] = ()) -> "ImportReport":
        """The report of work that is done.

        Args:
            columns: that were asked for.
        """
        report = cls(reasons=work.reasons(), faults=work.faults(), labels={head: Counter() for head in heads})
        for facts, posts in work.facts():
            report._count(facts, posts)
        lines: defaultdict[str, defaultdict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for left in work.dropped():
            lines[left.reason][left.source].append(left.line)
        report.lines = {
            reason: {source: ranges(numbers) for source, numbers in by_source.items()}
            for reason, by_source in sorted(lines.items())
        }
        report.lost = [BadRow(left.source, left.line, left.message) for left in work.lost()]
        report.not_found = sorted(set(columns) - work.met())
        report.first = [BadRow(left.source, left.line, left.message) for left in islice(work.dropped(), FIRST_ROWS)]
        return report

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-ready form."""
        return {
            "kept": self.kept,
            "dropped": self.dropped,
            "faults": self.faults,
            "reasons": {
                reason: {"rows": rows, "lines": self.lines[reason]} for reason, rows in self.reasons.most_common()
            },
            "labels": {
                head: {label or NO_LABEL: posts for label, posts in _in_order(counts)}
                for head, counts in self.labels.items()
            },
            "masked": dict(sorted(self.masked.items())),
            "removed": dict(sorted(self.removed.items())),
            "unread": dict(sorted(self.unread.items())),
            "lost": [str(row) for row in self.lost],
            "not_found": self.not_found,
            "first": [str(row) for row in self.first],
        }

    def _count(self, facts: dict[str, Any], posts: int) -> None:
        self.kept += posts
        for head, label in facts["labels"].items():
            self.labels[head][label] += posts
        for kind, count in facts["masked"].items():
            self.masked[kind] += count * posts
        self.masked["posts"] += posts if facts["masked"] else 0
        self.removed.update(dict.fromkeys(facts["removed"], posts))
        self.unread.update(dict.fromkeys(facts["unread"], posts))


def ranges(numbers: Iterable[int]) -> str:
    """Numbers in rising order, neighbours joined: `3, 17-25`."""
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and number <= found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in found)


def _in_order(counts: Counter[str | None]) -> list[tuple[str | None, int]]:
    """Most frequent first, then by name: the same however the work was cut."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0] or ""))
