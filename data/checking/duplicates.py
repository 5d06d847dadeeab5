"""Posts that stand twice, to the letter or nearly."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from data.checking.signatures import SHINGLE, band_hashes, shared_bands
from data.normalise import same_text

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


def exact_duplicates(texts: Sequence[str]) -> list[list[int]]:
    """Groups of two or more posts that are equal (see `same_text`), in the order of the first."""
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for index, text in enumerate(texts):
        groups[same_text(text)].append(index)
    return [group for group in groups.values() if len(group) > 1]


def near_duplicates(texts: Sequence[str], similarity: float = NEAR) -> list[tuple[int, int]]:
    """Pairs of posts whose sets of four-letter groups overlap by `similarity` or more, in order.

    Handles, hashtags, punctuation and case are set aside: copies that name two companies are copies. Posts of fewer
    than `JUDGED_WORDS` words have no near-duplicates. Candidates are found by MinHash (Broder 1997) with
    locality-sensitive bands and then compared exactly: no pair is given wrongly, one at the threshold may be missed.
    Of a post with very many copies only the first `MAX_COPIES` are paired with the others.
    """
    lines = [letters(same_text(text)) for text in texts]
    bands = shared_bands(band_hashes(lines))
    index = NearIndex(similarity)
    return sorted(
        (other, number)
        for number in np.flatnonzero(bands.any(axis=1)).tolist()
        for other in index.add(number, lines[number], bands[number])
    )


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
