"""Splits that keep what belongs together on one side, and that stay put when data is added."""

import hashlib
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from data.errors import DataError
from data.normalise import fingerprint, normalise
from data.posts import Example


@dataclass(frozen=True, slots=True)
class Parts:
    """The four parts of labelled data.

    `train` teaches the weights, `dev` picks the best epoch, `calibration` fits temperature and thresholds, `test` is
    looked at last. Nothing may serve twice.
    """

    train: list[Example]
    dev: list[Example]
    calibration: list[Example]
    test: list[Example]

    def __post_init__(self) -> None:
        empty = [name for name in ("train", "dev", "calibration", "test") if not getattr(self, name)]
        if empty:
            raise DataError(f"too few groups of examples: nothing fell into {empty}; add data or name fewer groups")


def split_by_group(examples: Sequence[Example], shares: Mapping[str, float], seed: int) -> dict[str, list[Example]]:
    """Deal whole groups out to named parts.

    A group's part depends on its name and the seed alone: adding data moves no example from one part to another, unless
    it joins two groups. An example without a group is one by itself; groups that share a post of equal normalised text
    are one.

    Args:
        shares: share of the groups by name of the part, summing to 1.
    """
    parts: dict[str, list[Example]] = {name: [] for name in shares}
    for example, group in zip(examples, _joined_groups(examples), strict=True):
        parts[_part_at(_draw(group, seed), shares)].append(example)
    return parts


def without_posts(examples: Sequence[Example], known: Set[str]) -> list[Example]:
    """The examples whose `fingerprint` is not known already, so that nothing serves twice."""
    return [example for example in examples if fingerprint(example.post.text) not in known]


def split_into_parts(examples: Sequence[Example], seed: int) -> Parts:
    """Train 70 %, dev, calibration and test 10 % each, by group.

    Raises:
        DataError: there are so few groups that a part is empty.
    """
    return Parts(**split_by_group(examples, {"train": 0.7, "dev": 0.1, "calibration": 0.1, "test": 0.1}, seed))


def _joined_groups(examples: Sequence[Example]) -> list[str]:
    """For each example the name of its group, after groups that share a text were joined (by union-find)."""
    leader: dict[str, str] = {}

    def find(name: str) -> str:
        while leader.setdefault(name, name) != name:
            leader[name] = name = leader[leader[name]]
        return name

    names = []
    for example in examples:
        text = "text:" + normalise(example.post.text)
        group = f"group:{example.group}" if example.group else text
        first, second = sorted((find(text), find(group)))  # "group:" comes first, so that a lone group keeps its name
        leader[second] = first
        names.append(group)
    return [find(name).partition(":")[2] for name in names]


def _part_at(draw: float, shares: Mapping[str, float]) -> str:
    """The part on whose stretch of [0, 1) a number lies."""
    *names, last = shares
    for name in names:
        draw -= shares[name]
        if draw < 0:
            return name
    return last  # also where the shares do not quite sum to 1


def _draw(name: str, seed: int) -> float:
    """A number in [0, 1), uniform over names."""
    digest = hashlib.sha256(f"{seed}\0{name}".encode(errors="surrogatepass")).digest()
    return int.from_bytes(digest[:8]) / 2**64
