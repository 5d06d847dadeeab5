"""Splits that keep what belongs together on one side, and that stay put when data is added."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from data.errors import DataError
from data.normalise import normalise
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

    A group's part depends on its name and the seed alone: adding data moves no example from one part to another.
    An example without a group is one with all examples of equal normalised text.

    Args:
        shares: share of the groups by name of the part, summing to 1.
    """
    parts: dict[str, list[Example]] = {name: [] for name in shares}
    for example in examples:
        parts[_part_at(_draw(example.group or normalise(example.post.text), seed), shares)].append(example)
    return parts


def split_into_parts(examples: Sequence[Example], seed: int) -> Parts:
    """Train 70 %, dev, calibration and test 10 % each, by group.

    Raises:
        DataError: there are so few groups that a part is empty.
    """
    return Parts(**split_by_group(examples, {"train": 0.7, "dev": 0.1, "calibration": 0.1, "test": 0.1}, seed))


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
    digest = hashlib.sha256(f"{seed}\0{name}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64
