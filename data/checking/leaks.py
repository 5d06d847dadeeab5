"""Groups, threads, authors and times that stand on both sides of a split."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from data.checking.faults import Fault, in_parts, places
from data.checking.survey import ODD_TIME, Survey, groups_of
from data.posts import PARTS


def group_leaks(surveyed: Survey) -> Iterator[Fault]:
    """A fault for each group that has posts in two parts, and for each thread whose posts are not all of one group."""
    if len(surveyed.parts) < 2:
        return
    for what, keys in (("group", surveyed.group), ("thread", surveyed.thread)):
        posts = np.flatnonzero(in_two_parts(keys, surveyed.part))
        for places_of_group in groups_of(keys[posts]):
            group = posts[places_of_group].tolist()
            if what == "thread" and _are_one_group(group, surveyed):
                continue  # which was told
            said = f"a {what} of {len(group)} posts{in_parts(group, surveyed)}"
            yield Fault("group_leak", places(_one_a_part(group, surveyed), surveyed), said)


def author_overlaps(surveyed: Survey) -> Iterator[Fault]:
    """A caution for each two parts that hold posts of one author."""
    authors = [
        np.unique(surveyed.author[(surveyed.part == part) & (surveyed.author != 0)]) for part in _parts(surveyed)
    ]
    names = list(surveyed.parts)
    for one, other in combinations(_parts(surveyed), 2):
        shared = np.intersect1d(authors[one], authors[other], assume_unique=True)
        if len(shared):
            posts = int((np.isin(surveyed.author, shared) & (surveyed.part == other)).sum())
            said = f"{len(shared)} authors wrote in both {names[one]} and {names[other]} ({posts} posts of the latter)"
            yield Fault("author_overlap", (), said)


def time_overlaps(surveyed: Survey) -> Iterator[Fault]:
    """A caution for each part that holds posts newer than the oldest of a later part.

    The order is that of `data.posts.PARTS` where all parts have such names, else that in which they were given. A
    model that learned from newer posts knows what it could not have known, which flatters its figures.
    """
    names = list(surveyed.parts)
    times = {part: surveyed.time[(surveyed.part == part) & (surveyed.time > ODD_TIME)] for part in _in_order(names)}
    for one, other in combinations([part for part, known in times.items() if len(known)], 2):
        newer = int((times[one] > times[other].min()).sum())
        if newer:
            said = f"{newer} of {len(times[one])} posts in {names[one]} are newer than the oldest in {names[other]}"
            yield Fault("time_overlap", (), said)


def missing(surveyed: Survey) -> Mapping[str, int]:
    """How many posts have no group, no author, no time, or one that cannot be read."""
    return {
        "group": int((surveyed.group == 0).sum()),
        "author": int((surveyed.author == 0).sum()),
        "time": int((surveyed.time < ODD_TIME).sum()),
        "readable time": int((surveyed.time == ODD_TIME).sum()),
    }


def in_two_parts(keys: NDArray[np.uint64], part: NDArray[np.int64]) -> NDArray[np.bool_]:
    """`(posts,)`: which posts have a key, and one that stands in two parts."""
    _, numbers = np.unique(keys, return_inverse=True)
    least = np.full(int(numbers.max(initial=-1)) + 1, part.max(initial=0))
    greatest = np.zeros_like(least)
    np.minimum.at(least, numbers, part)
    np.maximum.at(greatest, numbers, part)
    torn: NDArray[np.bool_] = (least < greatest)[numbers] & (keys != 0)
    return torn


def _parts(surveyed: Survey) -> range:
    return range(len(surveyed.parts))


def _in_order(names: list[str]) -> list[int]:
    stems = [PurePath(name).stem for name in names]
    known = set(stems) <= set(PARTS)
    return sorted(range(len(names)), key=lambda part: PARTS.index(stems[part]) if known else part)


def _are_one_group(posts: list[int], surveyed: Survey) -> bool:
    groups = set(surveyed.group[posts].tolist())
    return len(groups) == 1 and 0 not in groups


def _one_a_part(posts: list[int], surveyed: Survey) -> list[int]:
    first: dict[int, int] = {}
    for post, part in zip(posts, surveyed.part[posts].tolist(), strict=True):
        first.setdefault(part, post)
    return list(first.values())
