"""A sample of very many posts: the same each time, in whole groups, and with enough posts of each label."""

import numpy as np
from numpy.typing import NDArray

from data.checking.survey import UNKNOWN

_LARGEST_GROUP = 0.05
"""Share of the sample. More of one group would leave little room for others, and tell little that these do not."""


def draw_sample(
    groups: NDArray[np.uint64], texts: NDArray[np.uint64], labels: NDArray[np.int64], size: int
) -> NDArray[np.bool_]:
    """Which posts to look at, where looking at all of them takes too long; all, where there are no more than `size`.

    Groups are drawn in the order of their hash, and a post without one by the hash of its text: the draw depends on
    neither the order of the posts nor on chance. Each label is first given the same share of one half of the sample,
    so that a rare one has enough posts to be judged by. Of equal posts of one group and the same labels only the first
    is drawn. Of a group of more than 5 % of `size` posts, so many are drawn from, by the hash of their text.

    Args:
        groups: `(posts,)`, hash of the group's name; 0 where there is none.
        texts: `(posts,)`, hash of the normalised text.
        labels: `(posts, heads)`, as in `Survey`.

    Returns:
        `(posts,)`, of which at most `size` are true.
    """
    if len(texts) <= size:
        return np.ones(len(texts), np.bool_)
    keys = np.where(groups == 0, texts, groups)
    rows = _first_of_copies(keys, texts, labels)
    rows = _first_of_groups(rows, keys, texts, labels, max(int(_LARGEST_GROUP * size), 1))
    labels = labels[rows]
    names, group_of = np.unique(keys[rows], return_inverse=True)  # sorted by hash: a lower number is drawn earlier
    sizes = np.bincount(group_of)
    chosen = np.zeros(len(names), np.bool_)
    present = [(head, label) for head, column in enumerate(labels.T) for label in _distinct(column - UNKNOWN) + UNKNOWN]
    share = size // (2 * max(len(present), 1))
    for head, label in present:
        if label != UNKNOWN:
            having = _distinct(group_of[labels[:, head] == label])
            chosen[_fill(having, sizes, share)] = True
    others = np.flatnonzero(~chosen)
    chosen[_fill(others, sizes, size - int(sizes[chosen].sum()))] = True
    wanted = np.zeros(len(texts), np.bool_)
    wanted[rows[chosen[group_of]]] = True
    return wanted


def _distinct(numbers: NDArray[np.int64]) -> NDArray[np.intp]:
    """As `np.unique`, of small numbers from 0 on, and much faster."""
    return np.flatnonzero(np.bincount(numbers))


def _fill(groups: NDArray[np.intp], sizes: NDArray[np.intp], room: int) -> NDArray[np.intp]:
    """As many of the first groups as have room."""
    return groups[np.cumsum(sizes[groups]) <= room]


def _first_of_copies(
    keys: NDArray[np.uint64], texts: NDArray[np.uint64], labels: NDArray[np.int64]
) -> NDArray[np.intp]:
    """The rows of all posts but those whose group, text and labels stand in an earlier one."""
    mixed = keys + np.uint64(0x9E3779B97F4A7C15) * texts  # wraps around, which is meant
    for column in labels.T:
        mixed = mixed * np.uint64(0xBF58476D1CE4E5B9) + column.astype(np.uint64)
    return np.sort(np.unique(mixed, return_index=True)[1])


def _first_of_groups(
    rows: NDArray[np.intp],
    keys: NDArray[np.uint64],
    texts: NDArray[np.uint64],
    labels: NDArray[np.int64],
    most: int,
) -> NDArray[np.intp]:
    """Of each key at most so many of the rows."""
    ordered = rows[np.lexsort((*labels[rows].T, texts[rows], keys[rows]))]
    _, first, sizes = np.unique(keys[ordered], return_index=True, return_counts=True)
    place_in_group = np.arange(len(ordered)) - np.repeat(first, sizes)
    return np.sort(ordered[place_in_group < most])
