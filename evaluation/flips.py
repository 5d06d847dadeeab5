"""Posts about which two models decide otherwise."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from data.posts import Example
from model.decision import Decision


@dataclass(frozen=True, slots=True)
class Flip:
    """One change of a decision, and how often it comes.

    Attributes:
        champion, challenger: `review`, `ignore` or `auto: OWNER`.
        mended: how many of the posts the champion sent to a wrong owner without a person, and the challenger does not.
        broken: the other way round.
    """

    champion: str
    challenger: str
    posts: int
    mended: int
    broken: int


@dataclass(frozen=True, slots=True)
class FlippedPost:
    """A post about which two models decide otherwise.

    Attributes:
        row: its place among the posts compared.
        origin: `FILE:LINE`.
        gold: labels by head.
        champion, challenger: the decision.
        champion_labels, challenger_labels: by head.
        confidence: of the less sure of the two.
    """

    row: int
    origin: str | None
    gold: Mapping[str, str | None]
    champion: str
    challenger: str
    champion_labels: Mapping[str, str]
    challenger_labels: Mapping[str, str]
    confidence: float


def flips_of(
    examples: Sequence[Example], champion: Sequence[Decision], challenger: Sequence[Decision], owner: str | None
) -> list[Flip]:
    """All kinds of changes, the most frequent first.

    Args:
        owner: the head whose gold labels tell which owner is right.
    """
    posts: Counter[tuple[str, str]] = Counter()
    mended: Counter[tuple[str, str]] = Counter()
    broken: Counter[tuple[str, str]] = Counter()
    for example, before, after in zip(examples, champion, challenger, strict=True):
        kind = (route_of(before), route_of(after))
        if kind[0] == kind[1]:
            continue
        posts[kind] += 1
        was, is_ = (_misled(decision, example, owner) for decision in (before, after))
        mended[kind] += was and not is_
        broken[kind] += is_ and not was
    return [Flip(*kind, count, mended[kind], broken[kind]) for kind, count in posts.most_common()]


def surest_flips(
    examples: Sequence[Example], champion: Sequence[Decision], challenger: Sequence[Decision], most: int
) -> list[FlippedPost]:
    """The changes of which both models are most sure, the surest first.

    A decision is as sure as its answers are on average.
    """
    pairs = enumerate(zip(examples, champion, challenger, strict=True))
    found = [
        FlippedPost(
            row,
            example.origin,
            dict(example.labels),
            route_of(before),
            route_of(after),
            _labels(before),
            _labels(after),
            min(_sureness(before), _sureness(after)),
        )
        for row, (example, before, after) in pairs
        if route_of(before) != route_of(after)
    ]
    return sorted(found, key=lambda post: -post.confidence)[:most]


def route_of(decision: Decision) -> str:
    """A decision in a word or two."""
    return f"auto: {decision.owner}" if decision.action == "auto" and decision.owner else decision.action


def _misled(decision: Decision, example: Example, owner: str | None) -> bool:
    if owner is None or owner not in example.labels:
        return False
    return decision.action != "review" and decision.owner != example.labels[owner]


def _labels(decision: Decision) -> dict[str, str]:
    return {name: answer.label for name, answer in decision.heads.items()}


def _sureness(decision: Decision) -> float:
    return fmean(answer.confidence for answer in decision.heads.values())
