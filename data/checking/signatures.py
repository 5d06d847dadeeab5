"""MinHash signatures of many posts at a time, in bands that near copies share."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SHINGLE = 4
"""Letters in a group. Two posts are as similar as their sets of letter groups (Jaccard)."""

BANDS = 18
"""Parts of a signature, of `_ROWS` numbers each. Posts that share one are compared: of posts at a similarity of 0.6 40
in 100 do, at 0.7 79, at 0.8 99, at 0.3 less than 1 (Leskovec, Rajaraman and Ullman, Mining of Massive Datasets,
section 3.4)."""

_ROWS = 7
_PERMUTATIONS = 128
_SEED = 13
_SLOT_BITS = 20


def band_hashes(lines: Sequence[str]) -> NDArray[np.uint32]:
    """`(lines, BANDS)`: a hash of each band of the MinHash signature of a line's letter groups; 0 of an empty line.

    Signatures are those of the library datasketch (its scheme affine32), here of many lines at a time and without
    hashing a letter group anew: the least value of each of `BANDS * _ROWS` functions `a * h + b` (modulo 2^32, `a` odd)
    over the hashes h of the letter groups (Broder 1997).

    Args:
        lines: empty, or at least of `SHINGLE` characters.
    """
    found = np.zeros((len(lines), BANDS), np.uint32)
    judged = [number for number, line in enumerate(lines) if line]
    if not judged:
        return found
    hashes, starts = _known_groups().hashes([lines[number] for number in judged])
    hashes = _mixed_32(hashes)
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


class _GroupHashes:
    """SHA-1 of letter groups, as the library takes it, remembered: few groups are most of all text."""

    def __init__(self) -> None:
        # A group has one slot, which it may have to leave to another.
        self._groups = np.zeros(2**_SLOT_BITS, np.uint64)
        self._hashes = np.zeros(2**_SLOT_BITS, np.uint32)

    def hashes(self, lines: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """The hashes of all groups of all lines, one line after the other, and where each line's begin."""
        text = "".join(lines)
        lengths = np.array([len(line) for line in lines])
        codes = np.frombuffer(text.encode("utf-32-le"), np.uint32).astype(np.uint64)
        whole = np.ones(len(text), np.bool_)  # that is: no group that runs over the end of its line
        whole[np.subtract.outer(np.cumsum(lengths), np.arange(1, SHINGLE))] = False
        places = np.flatnonzero(whole)
        groups = np.zeros(len(places), np.uint64)
        for letter in range(SHINGLE):
            groups = groups * np.uint64(0x9E3779B97F4A7C15) + codes[places + letter]
        found = self._looked_up(_mixed_64(groups), places, text)
        counts = lengths - SHINGLE + 1
        return found, np.cumsum(counts) - counts

    def _looked_up(self, groups: NDArray[np.uint64], places: NDArray[np.int64], text: str) -> NDArray[np.uint32]:
        slots = groups >> np.uint64(64 - _SLOT_BITS)
        found: NDArray[np.uint32] = self._hashes[slots]
        missing = np.flatnonzero(self._groups[slots] != groups)
        fresh, first, again = np.unique(groups[missing], return_index=True, return_inverse=True)
        starts = places[missing[first]].tolist()
        hashes = np.array([_sha1(text[start : start + SHINGLE]) for start in starts], np.uint32)
        found[missing] = hashes[again]
        slots = fresh >> np.uint64(64 - _SLOT_BITS)
        self._groups[slots], self._hashes[slots] = fresh, hashes
        return found


@lru_cache(1)
def _known_groups() -> _GroupHashes:
    return _GroupHashes()


def _sha1(group: str) -> int:
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
