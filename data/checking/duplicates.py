"""Posts that stand twice, to the letter or nearly."""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from data.normalise import same_text

NEAR = 0.6
"""Jaccard similarity of two posts' letter groups from which one is a copy of the other: of two posts of twelve words,
one word was changed or added."""

JUDGED_WORDS = 6
"""Shorter posts ("thanks, sent") are alike because strangers do write alike."""

MAX_COPIES = 20
"""Of one post; further ones are compared with these, not with each other."""

BANDS = 18
"""Parts of a signature, of `_ROWS` numbers each. Posts that share one are compared: of posts at the similarity `NEAR`
40 in 100 do, at 0.7 79, at 0.8 99, at 0.3 less than 1 (Leskovec, Rajaraman and
Ullman, Mining of Massive Datasets, section 3.4)."""

_ROWS = 7
_SHINGLE = 4
_PERMUTATIONS = 128
_SEED = 13
_MARKS = re.compile(r"[@#]\w+|\W+")
# A frame of words in a hundred thousand posts makes them candidates of each other without making them copies.
_MAX_BUCKET = 200
_MAX_COMPARED = 100


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


def band_hashes(lines: Sequence[str]) -> NDArray[np.uint32]:
    """`(lines, BANDS)`: a hash of each band of the MinHash signature of a line's letter groups; 0 of an empty line.

    Signatures are those of the library datasketch (its scheme affine32), here of many lines at a time and without
    hashing a letter group twice, which takes a fifth of the time: the least value of each of `BANDS * _ROWS` functions
    `a * h + b` (modulo 2^32, `a` odd) over the hashes h of the letter groups.
    """
    found = np.zeros((len(lines), BANDS), np.uint32)
    judged = [number for number, line in enumerate(lines) if line]
    if not judged:
        return found
    groups = [_hash(group) for number in judged for group in _groups(lines[number])]
    hashes = _mixed_32(np.array(groups, np.uint32))
    ends = np.cumsum([len(lines[number]) - _SHINGLE + 1 for number in judged])
    starts = np.concatenate([[0], ends[:-1]])
    factors, summands = _functions()
    values, bands = np.empty_like(hashes), np.zeros((BANDS, len(judged)), np.uint64)
    for row, (factor, summand) in enumerate(zip(factors, summands, strict=True)):
        np.multiply(hashes, factor, out=values)
        values += summand
        band = bands[row // _ROWS]
        band[:] = _mixed_64(band ^ np.minimum.reduceat(values, starts))
    found[judged] = np.maximum(bands >> np.uint64(32), np.uint64(1)).T
    return found


def shared_bands(bands: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """`(posts, BANDS)`: the hashes that two or more posts share in a band; 0 for all others."""
    kept = np.zeros_like(bands)
    for band in range(bands.shape[1]):
        order = np.argsort(bands[:, band], kind="stable")
        ordered = bands[order, band]
        equal = ordered[1:] == ordered[:-1]
        again = np.zeros(len(bands), np.bool_)
        again[1:] |= equal
        again[:-1] |= equal
        kept[order[again], band] = ordered[again]
    return kept


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
    return [line[at : at + _SHINGLE] for at in range(len(line) - _SHINGLE + 1)]


@lru_cache(2**18)
def _hash(group: str) -> int:
    return int.from_bytes(hashlib.sha1(group.encode(), usedforsecurity=False).digest()[:4], "little")


@lru_cache(1)
def _functions() -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """`(BANDS * _ROWS,)` factors and summands of a signature's functions."""
    generator = np.random.RandomState(_SEED)  # its numbers stay the same in all versions of NumPy
    factors = generator.randint(0, 2**31, _PERMUTATIONS, np.uint32) * np.uint32(2) + np.uint32(1)
    summands = generator.randint(0, 2**32, _PERMUTATIONS, np.uint32)
    return factors[: BANDS * _ROWS], summands[: BANDS * _ROWS]


def _mixed_32(values: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Every bit of the result depends on every bit of the value (the finaliser of MurmurHash3)."""
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        values = (values ^ (values >> np.uint32(shift))) * np.uint32(factor)
    return values ^ (values >> np.uint32(16))


def _mixed_64(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """As `_mixed_32`."""
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        values = (values ^ (values >> np.uint64(33))) * np.uint64(factor)
    return values ^ (values >> np.uint64(33))
