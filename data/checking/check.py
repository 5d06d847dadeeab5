"""What can be wrong with labelled data, as far as it can be seen without a model."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from data.checking.duplicates import exact_duplicates, near_duplicates
from data.checking.giveaways import giveaways
from data.examples import posts_of
from data.normalise import normalise
from data.posts import Example
from data.taxonomy import Taxonomy

SHOWN_COPIES = 5


@dataclass(frozen=True, slots=True)
class Fault:
    """Something to mend.

    Attributes:
        kind: `leak` (equal posts in two parts), `conflict` (equal posts with other labels), `duplicate`, `near_leak`,
            `near_duplicate`, `giveaway`.
        where: `FILE:LINE` of the first `SHOWN_COPIES` posts; empty for a giveaway.
        message: without the text of a post, but for the words of a giveaway, which stand in many.
    """

    kind: str
    where: tuple[str, ...]
    message: str


@dataclass(frozen=True, slots=True)
class Findings:
    """What a check gives.

    Attributes:
        posts: how many, by part.
        labels: how often each stands, by head; `None` where no label of an optional head applies.
        words: quantiles of the posts' lengths in words, by quantile.
    """

    posts: dict[str, int]
    labels: dict[str, dict[str | None, int]]
    words: dict[float, float]
    faults: list[Fault]


def check(
    parts: Mapping[str, Sequence[Example]], taxonomy: Taxonomy, known_giveaways: Mapping[str, str] | None = None
) -> Findings:
    """Look at labelled data in one or more parts, of which none may hold a post of another.

    Two posts of one `pair` (their metadata say so) are meant to be alike and are no near-duplicates. Giveaways are
    looked for in the head with the most labels.

    Args:
        parts: by name; files, or the parts of a split.
        known_giveaways: n-grams that may stand for one label, each with its reason.
    """
    examples = [example for part in parts.values() for example in part]
    part_of = [name for name, part in parts.items() for _ in part]
    return Findings(
        posts={name: len(part) for name, part in parts.items()},
        labels=_distribution(examples, taxonomy),
        words=_lengths(examples),
        faults=[*_copies(examples, part_of), *_giveaways(examples, taxonomy, known_giveaways or {})],
    )


def _copies(examples: Sequence[Example], part_of: Sequence[str]) -> list[Fault]:
    texts = posts_of(examples)
    groups = exact_duplicates(texts)
    faults = [_of_equal(group, examples, part_of) for group in groups]
    again = {index for group in groups for index in group[1:]}
    once = [index for index in range(len(texts)) if index not in again]
    for one, other in near_duplicates([texts[index] for index in once]):
        pair = [once[one], once[other]]
        tied, second = (examples[index].metadata.get("pair") for index in pair)
        if tied is None or tied != second:
            kind = "near_leak" if _parts(pair, part_of) else "near_duplicate"
            faults.append(Fault(kind, _where(pair, examples), f"nearly equal posts{_parts(pair, part_of)}"))
    return faults


def _of_equal(group: Sequence[int], examples: Sequence[Example], part_of: Sequence[str]) -> Fault:
    """One fault, its gravest kind, for all copies of a post."""
    said = f"{len(group)} equal posts{_parts(group, part_of)}"
    different = [examples[index] for index in group if examples[index].labels != examples[group[0]].labels]
    if different:
        said += f", {_difference(examples[group[0]], different[0])}"
    kind = "leak" if _parts(group, part_of) else "conflict" if different else "duplicate"
    return Fault(kind, _where(group, examples), said)


def _parts(indices: Sequence[int], part_of: Sequence[str]) -> str:
    """The parts that posts stand in, if they are more than one."""
    names = sorted({part_of[index] for index in indices})
    return f" in {' and '.join(names)}" if len(names) > 1 else ""


def _where(indices: Sequence[int], examples: Sequence[Example]) -> tuple[str, ...]:
    return tuple(examples[index].origin or f"row {index + 1}" for index in indices[:SHOWN_COPIES])


def _difference(first: Example, second: Example) -> str:
    heads = first.labels.keys() | second.labels.keys()
    return "; ".join(
        f"{head}: {first.labels.get(head)} and {second.labels.get(head)}"
        for head in sorted(heads)
        if first.labels.get(head) != second.labels.get(head)
    )


def _giveaways(examples: Sequence[Example], taxonomy: Taxonomy, known: Mapping[str, str]) -> list[Fault]:
    head = max(taxonomy, key=lambda head: len(head.labels))
    return [
        Fault(
            "giveaway",
            (),
            f"{found.ngram!r} stands in {found.rows} posts, {found.share:.0%} of them {head.name} {found.label}",
        )
        for found in giveaways(examples, head.name)
        if found.ngram not in known
    ]


def _distribution(examples: Sequence[Example], taxonomy: Taxonomy) -> dict[str, dict[str | None, int]]:
    distribution: dict[str, dict[str | None, int]] = {}
    for head in taxonomy:
        counts = Counter(example.labels[head.name] for example in examples if head.name in example.labels)
        distribution[head.name] = {label: counts[label] for label in (*head.labels, *([None] if counts[None] else []))}
    return distribution


def _lengths(examples: Sequence[Example]) -> dict[float, float]:
    words = [len(normalise(text).split()) for text in posts_of(examples)]
    return {share: float(np.quantile(words, share)) for share in (0.0, 0.1, 0.5, 0.9, 1.0)}
