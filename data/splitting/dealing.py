"""The splits of `data.splitting`, for more posts than fit into memory: the same parts, from a survey."""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from data.checking.clusters import joined_groups, near_clusters
from data.checking.leaks import in_two_parts
from data.checking.survey import NO_TIME, ODD_TIME, Report, Source, Survey, author_name, near_pairs, survey
from data.posts import Example
from data.splitting.parts import draw, no_time, odd_time, part_at
from data.taxonomy import Taxonomy

WAYS = ("group", "author", "time", "random")
EQUAL_EARLIER, NEAR_EARLIER, GROUP_EARLIER = -1, -2, -3
"""In `Deal.part`: left out, and why."""
_LEFT_OUT = {
    "equal_post_in_an_earlier_part": EQUAL_EARLIER,
    "near_copy_in_an_earlier_part": NEAR_EARLIER,
    "group_or_thread_in_an_earlier_part": GROUP_EARLIER,
}


@dataclass(frozen=True, slots=True)
class Deal:
    """Which post goes where.

    Attributes:
        part: `(posts,)`, the number of its part, or why it is left out.
        order: `(posts,)`, the posts in the order in which their parts hold them.
        largest: posts in the largest group; of a split by time, in the largest cluster of near copies.
        torn: pairs of near copies that were not kept together, because their chain was too long.
    """

    survey: Survey
    shares: Mapping[str, float]
    part: NDArray[np.int64]
    order: NDArray[np.int64]
    largest: int
    torn: int

    def left_out(self) -> dict[str, int]:
        """How many posts are in no part, by why."""
        return {why: int((self.part == code).sum()) for why, code in _LEFT_OUT.items()}

    def torn_groups(self) -> int:
        """How many groups and threads stand in two parts, as they may after a split at random."""
        kept = self.part >= 0
        torn = [
            keys[kept][in_two_parts(keys[kept], self.part[kept])] for keys in (self.survey.group, self.survey.thread)
        ]
        return len(np.unique(np.concatenate(torn)))


@dataclass(slots=True)
class _Names:
    """What a draw needs of each post beside the survey: names in bytes, and the draws of texts."""

    by: str
    seed: int | str
    draws: "array[float]" = field(default_factory=lambda: array("d"))
    bytes: bytearray = field(default_factory=bytearray)
    ends: "array[int]" = field(default_factory=lambda: array("q", [0]))

    def add(self, example: Example, same: str) -> None:
        """Note the post's text and its group or author."""
        name = {"group": example.group, "author": author_name(example) or example.group}.get(self.by)
        self.draws.append(0.0 if name or self.by == "time" else draw(same, self.seed))
        self.bytes += (name or "").encode(errors="surrogatepass")
        self.ends.append(len(self.bytes))

    def name(self, post: int) -> str:
        return self.bytes[self.ends[post] : self.ends[post + 1]].decode(errors="surrogatepass")


def deal(
    parts: Mapping[str, Source],
    taxonomy: Taxonomy,
    by: str,
    shares: Mapping[str, float],
    seed: int | str,
    near_copies: bool = True,
    report: Report | None = None,
) -> Deal:
    """Split as `split_by_group`, `split_by_time` and `split_at_random` do, with near copies kept together.

    By group, a thread stays whole as well; by author, also posts of one author. Of a split by time, a post is left out
    if one of its cluster of near copies, of its group or of its thread stands in an earlier part. A near copy of an old
    post may bring its cluster another name, and so move it.

    Args:
        by: one of `WAYS`.
        near_copies: without them, the parts are those of the functions named, unless a thread has posts of two groups,
            or by time a group or thread posts in two parts.

    Raises:
        DataError: a file cannot be read; by time, a post has none that can be read.
    """
    names = _Names(by, seed)
    surveyed = survey(parts, taxonomy, report, names.add)
    pairs = near_pairs(surveyed, report) if near_copies else np.zeros((0, 2), np.int64)
    clusters, torn = near_clusters(surveyed.text, pairs)
    if by == "time":
        order = _in_time(surveyed)
        part, kept_together = _by_time(surveyed, clusters, order, shares), clusters
    else:
        order = np.arange(len(surveyed))
        named = [surveyed.group, surveyed.thread]
        keys = {"group": named, "author": [surveyed.author, *named]}.get(by, [])
        kept_together = joined_groups(clusters, keys)
        part = _drawn(kept_together, surveyed, names, shares)
    return Deal(surveyed, shares, part, order, int(np.bincount(kept_together).max(initial=0)), torn)


def _drawn(
    groups: NDArray[np.int64], surveyed: Survey, names: _Names, shares: Mapping[str, float]
) -> NDArray[np.int64]:
    """The part of each post by the draw of its group's name: the least one; where none has a name, a text's."""
    author_or_group = np.where(surveyed.author, surveyed.author, surveyed.group)
    key = {"group": surveyed.group, "author": author_or_group}.get(names.by, np.zeros_like(surveyed.text))
    numbers = {name: number for number, name in enumerate(shares)}
    part_of = np.zeros(int(groups.max(initial=-1)) + 1, np.int64)
    # The text with the least hash, whatever the order of the posts.
    unnamed = np.lexsort((surveyed.text, groups))
    for post in unnamed[np.unique(groups[unnamed], return_index=True)[1]].tolist():
        part_of[groups[post]] = numbers[part_at(names.draws[post], shares)]
    named = np.flatnonzero(key)
    least: dict[int, str] = {}
    for post in named[np.unique(key[named], return_index=True)[1]].tolist():
        name, group = names.name(post), int(groups[post])
        least[group] = min(name, least.get(group, name))
    for group, name in least.items():
        part_of[group] = numbers[part_at(draw(name, names.seed), shares)]
    return part_of[groups]


def _in_time(surveyed: Survey) -> NDArray[np.int64]:
    unread = np.flatnonzero(surveyed.time <= ODD_TIME)
    if len(unread):
        first = int(unread[0])
        raise (no_time if surveyed.time[first] == NO_TIME else odd_time)(surveyed.where(first))
    return np.argsort(surveyed.time, kind="stable")


def _by_time(
    surveyed: Survey, clusters: NDArray[np.int64], order: NDArray[np.int64], shares: Mapping[str, float]
) -> NDArray[np.int64]:
    part = np.zeros(len(surveyed), np.int64)
    kept = np.zeros(0, np.int64)
    start, reached = 0, 0.0
    for number, name in enumerate(shares):
        reached += shares[name]
        end = len(order) if number == len(shares) - 1 else round(reached * len(order))
        posts = order[start:end]
        near = np.isin(clusters[posts], clusters[kept])
        equal = near & np.isin(surveyed.text[posts], surveyed.text[order[:start]])
        group, thread = (
            (keys[posts] != 0) & np.isin(keys[posts], keys[kept]) for keys in (surveyed.group, surveyed.thread)
        )
        part[posts] = np.select([equal, near, group | thread], [EQUAL_EARLIER, NEAR_EARLIER, GROUP_EARLIER], number)
        kept = np.concatenate([kept, posts[part[posts] >= 0]])
        start = end
    return part
