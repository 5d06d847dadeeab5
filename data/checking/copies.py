"""Faults of posts that stand twice, to the letter or nearly."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from data.checking.faults import Fault, in_parts, places
from data.checking.survey import NO_LABEL, UNKNOWN, Survey, groups_of
from data.taxonomy import Taxonomy


def equal_posts(surveyed: Survey, taxonomy: Taxonomy) -> Iterator[Fault]:
    """One fault, its gravest kind, for all copies of a post."""
    for group in groups_of(surveyed.text):
        posts = group.tolist()
        where, different = in_parts(posts, surveyed), difference(posts, surveyed, taxonomy)
        kind = "leak" if where else "conflict" if different else "duplicate"
        message = f"{len(posts)} equal posts{where}{', ' if different else ''}{different}"
        yield Fault(kind, places(posts, surveyed), message)


def nearly_equal_posts(surveyed: Survey, pairs: NDArray[np.int64], taxonomy: Taxonomy) -> Iterator[Fault]:
    """One fault for each pair of near copies.

    Sides of one `pair` are meant to be alike; where they stand in two parts, they are a leak nevertheless.
    """
    tied, part = surveyed.pair[pairs], surveyed.part[pairs]
    meant = (tied[:, 0] != 0) & (tied[:, 0] == tied[:, 1]) & (part[:, 0] == part[:, 1])
    for posts in pairs[~meant].tolist():
        where, different = in_parts(posts, surveyed), difference(posts, surveyed, taxonomy)
        kind = "near_leak" if where else "near_conflict" if different else "near_duplicate"
        yield Fault(kind, places(posts, surveyed), f"nearly equal posts{where}{', ' if different else ''}{different}")


def difference(posts: Sequence[int], surveyed: Survey, taxonomy: Taxonomy) -> str:
    """The labels that contradict each other, by head; empty where none do. An unknown label contradicts nothing."""
    said = []
    for column, head in enumerate(taxonomy):
        given = surveyed.labels[posts, column]
        first, *others = dict.fromkeys(given[given != UNKNOWN].tolist()) or [UNKNOWN]
        if others:
            one, other = (None if code == NO_LABEL else head.labels[code] for code in (first, others[0]))
            said.append(f"{head.name}: {one} and {other}")
    return "; ".join(sorted(said))
