"""What can be wrong with labelled data, as far as it can be seen without a model."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from data.duplicates import exact_duplicates, near_duplicates
from data.examples import posts_of
from data.giveaways import giveaways
from data.normalise import normalise
from data.posts import Example
from data.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class Fault:
    """Something to mend.

    Attributes:
        kind: `duplicate`, `near_duplicate`, `conflict` (equal posts, other labels), `leak`, `near_leak` (in two parts),
            `giveaway`.
        where: `FILE:LINE` of the posts; empty for a giveaway.
        message: without the text of a post.
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
    equal = {pair for group in exact_duplicates(texts) for pair in combinations(group, 2)}
    faults = []
    for one, other in sorted(equal | set(near_duplicates(texts))):
        first, second = examples[one], examples[other]
        near = (one, other) not in equal
        if near and first.metadata.get("pair") is not None and first.metadata["pair"] == second.metadata.get("pair"):
            continue
        where = (first.origin or f"row {one + 1}", second.origin or f"row {other + 1}")
        prefix = "near_" if near else ""
        said = "nearly equal" if near else "equal"
        if part_of[one] != part_of[other]:
            faults.append(Fault(f"{prefix}leak", where, f"{said} posts in {part_of[one]} and {part_of[other]}"))
        elif not near and first.labels != second.labels:
            faults.append(Fault("conflict", where, f"equal posts, {_difference(first, second)}"))
        else:
            faults.append(Fault(f"{prefix}duplicate", where, f"{said} posts"))
    return faults


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
