"""Splits that keep what belongs together on one side, and that stay put when data is added."""

import hashlib
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from data.errors import DataError
from data.examples import posts_of
from data.normalise import fingerprint, same_text
from data.posts import PARTS, Example
from data.times import read_time


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
        empty = [name for name in PARTS if not getattr(self, name)]
        if empty:
            raise DataError(f"too few groups of examples: nothing fell into {empty}; add data or name fewer groups")


def split_by_group(
    examples: Sequence[Example], shares: Mapping[str, float], seed: int | str
) -> dict[str, list[Example]]:
    """Deal whole groups out to named parts.

    A group's part depends on its name and the seed alone: adding data moves no example from one part to another, unless
    it joins two groups. An example without a group is one by itself; groups that share a post of equal normalised text
    are one. A thread whose posts name two groups may be torn, since the parts of trained bundles were dealt so;
    `data.splitting.dealing` keeps it whole.

    Args:
        shares: share of the groups by name of the part, summing to 1.
        seed: parts that are split again need another one, or each group falls where it fell before.
    """
    return _deal(examples, _joined_groups(examples), shares, seed)


def subset(examples: Sequence[Example], size: int) -> list[Example]:
    """About `size` examples, in whole groups; that of a smaller size lies within that of a larger."""
    share = min(size / len(examples), 1.0)
    return split_by_group(examples, {"kept": share, "rest": 1 - share}, seed="subset")["kept"]


def split_at_random(examples: Sequence[Example], shares: Mapping[str, float], seed: int) -> dict[str, list[Example]]:
    """Deal single posts out to named parts, whatever their groups; equal posts stay together."""
    return _deal(examples, [same_text(text) for text in posts_of(examples)], shares, seed)


def split_by_time(examples: Sequence[Example], shares: Mapping[str, float]) -> dict[str, list[Example]]:
    """The oldest posts to the first part, the newest to the last, as the model will meet them.

    A post whose normalised text stands in an earlier part is left out of the later one.

    Raises:
        DataError: an example has no time, or one that is not ISO 8601.
    """
    order = sorted(examples, key=_time_of)
    parts: dict[str, list[Example]] = {}
    known: set[str] = set()
    start, reached = 0, 0.0
    for name in shares:
        reached += shares[name]
        end = len(order) if name == list(shares)[-1] else round(reached * len(order))
        parts[name] = without_posts(order[start:end], known)
        known |= {fingerprint(text) for text in posts_of(parts[name])}
        start = end
    return parts


def without_posts(examples: Sequence[Example], known: Set[str]) -> list[Example]:
    """The examples whose `fingerprint` is not known already, so that nothing serves twice."""
    return [example for example in examples if fingerprint(example.post.text) not in known]


def split_into_parts(examples: Sequence[Example], seed: int) -> Parts:
    """Train 70 %, dev, calibration and test 10 % each, by group.

    Raises:
        DataError: there are so few groups that a part is empty.
    """
    shares = {"train": 0.7, "dev": 0.1, "calibration": 0.1, "test": 0.1}
    return Parts(**split_by_group(examples, shares, f"train {seed}"))


def no_time(where: str | None) -> DataError:
    return DataError(f"{where or 'an example'}: no time; to split by time, every row needs one in the column `time`")


def odd_time(where: str | None) -> DataError:
    return DataError(f"{where or 'an example'}: time: expected ISO 8601, such as 2026-03-31T09:30:00Z")


def draw(name: str, seed: int | str) -> float:
    """A number in [0, 1), uniform over names."""
    digest = hashlib.sha256(f"{seed}\0{name}".encode(errors="surrogatepass")).digest()
    return int.from_bytes(digest[:8]) / 2**64


def part_at(drawn: float, shares: Mapping[str, float]) -> str:
    """The part on whose stretch of [0, 1) a number lies."""
    *names, last = shares
    for name in names:
        drawn -= shares[name]
        if drawn < 0:
            return name
    return last  # also where the shares do not quite sum to 1


def _deal(
    examples: Sequence[Example], groups: Sequence[str], shares: Mapping[str, float], seed: int | str
) -> dict[str, list[Example]]:
    parts: dict[str, list[Example]] = {name: [] for name in shares}
    for example, group in zip(examples, groups, strict=True):
        parts[part_at(draw(group, seed), shares)].append(example)
    return parts


def _time_of(example: Example) -> int:
    if not example.post.time:
        raise no_time(example.origin)
    try:
        return read_time(example.post.time)
    except ValueError:
        raise odd_time(example.origin) from None


def _joined_groups(examples: Sequence[Example]) -> list[str]:
    """For each example the name of its group, after groups that share a text were joined (by union-find)."""
    leader: dict[str, str] = {}

    def find(name: str) -> str:
        while leader.setdefault(name, name) != name:
            leader[name] = name = leader[leader[name]]
        return name

    names = []
    for example in examples:
        text = "text:" + same_text(example.post.text)
        group = f"group:{example.group}" if example.group else text
        first, second = sorted((find(text), find(group)))  # "group:" comes first, so that a lone group keeps its name
        leader[second] = first
        names.append(group)
    return [find(name).partition(":")[2] for name in names]
