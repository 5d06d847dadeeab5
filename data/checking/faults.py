"""What a check tells: each fault by its place, and as many of them as one can read."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from data.checking.survey import Survey

KEPT_FAULTS = 1000
SHOWN_COPIES = 5


@dataclass(frozen=True, slots=True)
class Fault:
    """Something to mend, or, as a caution, to know.

    Attributes:
        kind: as `data.checking.check` names them.
        where: `FILE:LINE` of the first `SHOWN_COPIES` posts; empty where it is about labels or whole parts.
        message: without the text of a post, but for the words of a giveaway, which stand in many.
    """

    kind: str
    where: tuple[str, ...]
    message: str


@dataclass(slots=True)
class FaultLog:
    """Counts faults by kind and keeps the first `KEPT_FAULTS` of each.

    Attributes:
        record: is given every one.
    """

    record: Callable[[Fault], None] | None = None
    counts: Counter[str] = field(default_factory=Counter)
    kept: list[Fault] = field(default_factory=list)

    def add(self, fault: Fault) -> None:
        self.counts[fault.kind] += 1
        if self.counts[fault.kind] <= KEPT_FAULTS:
            self.kept.append(fault)
        if self.record:
            self.record(fault)


def places(posts: Sequence[int], surveyed: Survey) -> tuple[str, ...]:
    """`FILE:LINE` of the first few."""
    return tuple(surveyed.where(post) for post in posts[:SHOWN_COPIES])


def in_parts(posts: Sequence[int], surveyed: Survey) -> str:
    """The parts that posts stand in, if they are more than one."""
    names = list(surveyed.parts)
    found = sorted({names[number] for number in surveyed.part[list(posts)].tolist()})
    return f" in {' and '.join(found)}" if len(found) > 1 else ""
