"""Posts that belong together: near copies brought into clusters, and groups that share a post into one."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_CHAIN_SHARE = 0.05
"""Of all posts. Near copies of near copies make chains, in which the ends have little in common; one that would hold
more than this is cut into stars, each of the posts near to its first."""

_SHORT_CHAIN = 20  # posts, which do no harm even where they are more than that share


def near_clusters(texts: NDArray[Any], pairs: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Give each post the number of its cluster; equal posts are in one, and so are near copies and theirs.

    Where that makes a chain of more than `MAX_CHAIN_SHARE` of the posts, only near copies of a cluster's first stay
    with it.

    Args:
        texts: `(posts,)`, equal for equal posts.
        pairs: `(pairs, 2)`, posts that are near copies, the earlier first.

    Returns:
        `(posts,)` the clusters, and how many pairs were torn apart.
    """
    _, numbers = np.unique(texts, return_inverse=True)
    size = int(numbers.max(initial=-1)) + 1
    edges = numbers[pairs]
    clusters = _joined(size, edges)
    posts = np.bincount(clusters[numbers], minlength=size)
    long = posts[clusters] > max(MAX_CHAIN_SHARE * len(texts), _SHORT_CHAIN)
    if not long[edges].any():
        return clusters[numbers], 0
    cut = long[edges[:, 0]]
    clusters = _joined(size, np.concatenate([edges[~cut], _stars(edges[cut], pairs[cut])]))
    return clusters[numbers], int((clusters[edges[:, 0]] != clusters[edges[:, 1]]).sum())


def joined_groups(clusters: NDArray[np.int64], groups: Sequence[NDArray[np.uint64]]) -> NDArray[np.int64]:
    """Give each post the number of what must not be torn apart: clusters that share a group are one.

    Args:
        clusters: `(posts,)`.
        groups: each `(posts,)`, 0 where a post has none.
    """
    _, numbers = np.unique(clusters, return_inverse=True)
    edges = [np.zeros((0, 2), np.int64)]
    for group in groups:
        named = np.flatnonzero(group)
        order = named[np.argsort(group[named], kind="stable")]
        same = group[order][1:] == group[order][:-1]
        steps = np.column_stack([numbers[order[:-1]], numbers[order[1:]]])[same]
        edges.append(steps[steps[:, 0] != steps[:, 1]])
    return _joined(int(numbers.max(initial=-1)) + 1, np.concatenate(edges))[numbers]


def _stars(edges: NDArray[np.int64], pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of the edges those that lead to the first of a star.

    A post belongs to the first one that is near to it and first of its own star; where there is none, it is first.
    """
    kept = []
    second: set[int] = set()
    for (one, other), _ in sorted(zip(edges.tolist(), pairs.tolist(), strict=True), key=lambda item: item[1][::-1]):
        if one not in second and other not in second:
            second.add(other)
            kept.append((one, other))
    return np.array(kept, np.int64).reshape(-1, 2)


def _joined(size: int, edges: NDArray[np.int64]) -> NDArray[np.int64]:
    """`(size,)`: the least number of all that each is joined to, directly or through others (by union-find)."""
    leader = list(range(size))

    def find(number: int) -> int:
        while leader[number] != number:
            leader[number] = number = leader[leader[number]]
        return number

    for one, other in edges.tolist():
        first, second = sorted((find(one), find(other)))
        leader[second] = first
    found = np.array(leader, np.int64)
    while (found != found[found]).any():
        found = found[found]
    return found
