"""What else may teach beside the new history: the starter corpus, old history; never what judges."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from data.checking.survey import near_pairs, survey
from data.errors import ConfigurationError
from data.examples import posts_of
from data.normalise import fingerprint
from data.posts import PARTS, Example
from data.splitting.parts import Parts, without_posts
from data.taxonomy import Taxonomy

HISTORY = "history"
EVERYTHING = "all"
MEASURE = "measure"


@dataclass(frozen=True, slots=True)
class Added:
    """Posts that may teach too.

    Attributes:
        left_out: how many may not, since they stand in the new history, or are too close to posts that judge.
        lost: how often each `HEAD.LABEL` was taken off, which the taxonomy does not have.
    """

    examples: Sequence[Example]
    left_out: int
    lost: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Mix:
    """One answer to what teaches.

    Attributes:
        parts: only their train part differs from one mix to another.
        taught: posts of the train part, by source.
    """

    name: str
    parts: Parts
    taught: Mapping[str, int]


def fitted(examples: Sequence[Example], parts: Parts, taxonomy: Taxonomy) -> Added:
    """Of posts from elsewhere those that may teach, with the labels that the taxonomy has.

    A post that stands in the new history is left out, as its labels there are the newer ones; so is a post of a group
    of which posts judge, and a near copy of a post that judges.
    """
    known = {fingerprint(text) for part in PARTS for text in posts_of(getattr(parts, part))}
    judging = {example.group for part in PARTS if part != "train" for example in getattr(parts, part)} - {None}
    labels: dict[str, set[str | None]] = {
        head.name: {*head.labels, *([None] if head.optional else [])} for head in taxonomy
    }
    lost: dict[str, int] = {}
    kept: list[Example] = []
    left_out = 0
    for example in examples:
        if example.group in judging or fingerprint(example.post.text) in known:
            left_out += 1
            continue
        shared = {head: label for head, label in example.labels.items() if label in labels.get(head, ())}
        for head, label in example.labels.items():
            if head in labels and head not in shared and label is not None:
                lost[f"{head}.{label}"] = lost.get(f"{head}.{label}", 0) + 1
        if shared:
            kept.append(replace(example, labels=shared))
    apart = _without_near_copies(kept, parts, taxonomy)
    return Added(apart, left_out + len(kept) - len(apart), lost)


def mixes(parts: Parts, added: Mapping[str, Added], wanted: str) -> list[Mix]:
    """The mixes to be measured, the history alone first; of one that is named, only that.

    Args:
        added: by name; what has no post to teach is not offered.
        wanted: `MEASURE` for each, `EVERYTHING` for the largest, or names joined by `+`, such as `history+old`.

    Raises:
        ConfigurationError: there is no such mix.
    """
    usable = [name for name in added if added[name].examples]
    chosen = [extra for size in range(len(usable) + 1) for extra in combinations(usable, size)]
    found = {"+".join((HISTORY, *extra)): _mix(parts, {name: added[name] for name in extra}) for extra in chosen}
    if wanted == MEASURE:
        return list(found.values())
    if wanted == EVERYTHING:
        return [list(found.values())[-1]]
    if wanted not in found:
        raise ConfigurationError(f"--mix is {wanted!r}; expected {MEASURE}, {EVERYTHING} or one of {', '.join(found)}")
    return [found[wanted]]


def _without_near_copies(examples: Sequence[Example], parts: Parts, taxonomy: Taxonomy) -> list[Example]:
    """The examples that are no near copies of posts that judge; equal ones go together."""
    judging = [*parts.dev, *parts.calibration, *parts.test]
    pairs = near_pairs(survey({"judging": judging, "added": examples}, taxonomy))
    across = pairs[(pairs[:, 0] < len(judging)) & (pairs[:, 1] >= len(judging)), 1] - len(judging)
    near = {fingerprint(examples[place].post.text) for place in across.tolist()}
    return without_posts(examples, near) if near else list(examples)


def _mix(parts: Parts, added: Mapping[str, Added]) -> Mix:
    train = [*parts.train, *(example for extra in added.values() for example in extra.examples)]
    taught = {HISTORY: len(parts.train), **{name: len(extra.examples) for name, extra in added.items()}}
    return Mix("+".join(taught), replace(parts, train=train), taught)
