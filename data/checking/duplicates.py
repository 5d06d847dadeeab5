"""Posts that are nearly equal: near copies.

Handles, hashtags, punctuation and case are set aside: copies that name two companies are copies. Candidates are found
by MinHash (Broder 1997) with locality-sensitive bands and then compared exactly: no pair is given wrongly, one at the
threshold may be missed.
"""

import re
from collections import Counter, defaultdict
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from data.checking.signatures import SHINGLE

NEAR = 0.6
"""Jaccard similarity of two posts' letter groups from which one is a copy of the other: of two posts of twelve words,
one word was changed or added."""

JUDGED_WORDS = 6
"""Shorter posts ("thanks, sent") are alike because strangers do write alike."""

MAX_COPIES = 20
"""Of one post; further ones are compared with these, not with each other."""

_MARKS = re.compile(r"[@#]\w+|\W+")
# A frame of words in a hundred thousand posts makes them candidates of each other without making them copies.
_MAX_BUCKET = 200
_MAX_COMPARED = 50


def letters(same: str) -> str:
    """What of a post is compared, given its `same_text`; empty where it is too short to be judged."""
    words = _MARKS.sub(" ", same).split()
    return " ".join(words) if len(words) >= JUDGED_WORDS else ""


class NearIndex:
    """The posts met so far, to compare a further one with those that share a band with it."""

    def __init__(self, similarity: float = NEAR) -> None:
        self._similarity = similarity
        self._buckets: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
        self._lines: dict[int, str] = {}
        self._groups = lru_cache(4096)(lambda number: frozenset(_groups(self._lines[number])))

    def add(self, number: int, line: str, bands: NDArray[np.uint32]) -> list[int]:
        """The numbers of the earlier posts that are near copies of this one, in order.

        Args:
            number: of the post, greater than those before.
            line: its `letters`, not empty.
            bands: its row of `shared_bands`.
        """
        buckets = [self._buckets[band, value] for band, value in enumerate(bands.tolist()) if value]
        met = Counter(other for bucket in buckets for other in bucket)
        likely = sorted(met, key=lambda other: (-met[other], other))[:_MAX_COMPARED]
        groups = frozenset(_groups(line) if likely else ())
        copies = [other for other in sorted(likely) if self._near(groups, self._groups(other))]
        if len(copies) < MAX_COPIES:  # or a bot's message, sent ten thousand times, would be compared with itself
            self._lines[number] = line
            for bucket in buckets:
                if len(bucket) < _MAX_BUCKET:
                    bucket.append(number)
        return copies

    def _near(self, one: frozenset[str], other: frozenset[str]) -> bool:
        common = len(one & other)
        return common >= self._similarity * (len(one) + len(other) - common)


def _groups(line: str) -> list[str]:
    return [line[at : at + SHINGLE] for at in range(len(line) - SHINGLE + 1)]
