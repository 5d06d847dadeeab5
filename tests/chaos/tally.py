"""What came of all that was asked."""

from collections import Counter
from dataclasses import dataclass, field

_KEPT = 20


@dataclass(slots=True)
class Tally:
    """Counts of one scenario. A request is sent until it is answered: before that it may be refused, or break off.

    Attributes:
        requests: however often each was sent.
        refused: refusals as they are documented, by code.
        unconnected: connections that could not be made.
        broken: connections that ended before the answer did.
        wrong: answers and refusals that are not what they should be.
        lost: requests that were not answered in the end.
        faults: what must not be, in words, the first of them.
        more: faults besides those.
    """

    requests: int = 0
    answered: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    unconnected: int = 0
    broken: int = 0
    wrong: int = 0
    lost: int = 0
    faults: list[str] = field(default_factory=list)
    more: int = 0

    def fault(self, what: str) -> None:
        """Take note of what must not be."""
        if len(self.faults) < _KEPT:
            self.faults.append(what)
        else:
            self.more += 1
