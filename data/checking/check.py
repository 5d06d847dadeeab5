"""What can be wrong with labelled data, as far as it can be seen without a model."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from data.checking.copies import equal_posts, nearly_equal_posts
from data.checking.faults import Fault, FaultLog
from data.checking.giveaways import giveaways
from data.checking.labels import label_counts, label_spellings, rare_labels
from data.checking.leaks import author_overlaps, group_leaks, missing, time_overlaps
from data.checking.survey import Report, Survey, near_pairs
from data.posts import Example
from data.taxonomy import Taxonomy

SAMPLE = 50_000
"""Giveaways are looked for in so many posts; in fewer, in all."""

_QUANTILES = (0.0, 0.1, 0.5, 0.9, 1.0)


@dataclass(frozen=True, slots=True)
class Findings:
    """What a check gives.

    Attributes:
        posts: how many, by part.
        labels: how often each stands, by head; `None` where no label of an optional head applies.
        words: quantiles of the posts' lengths in words, by quantile.
        missing: how many posts have no group, author or time.
        sampled: how many posts giveaways were looked for in.
        counts: of the faults, by kind: `leak` (equal posts in two parts), `conflict` (equal posts with other labels),
            `duplicate`, `near_leak`, `near_conflict`, `near_duplicate`, `group_leak` (a group or thread in two parts),
            `giveaway`.
        faults: what is to be mended; of each kind the first `KEPT_FAULTS`.
        caution_counts: as `counts`, of the cautions.
        cautions: what may be meant so: `author_overlap`, `time_overlap`, `rare_label`, `label_spelling`; of each kind
            the first `KEPT_FAULTS`.
    """

    posts: dict[str, int]
    labels: dict[str, dict[str | None, int]]
    words: dict[float, float]
    missing: dict[str, int]
    sampled: int
    counts: dict[str, int]
    faults: list[Fault]
    caution_counts: dict[str, int]
    cautions: list[Fault]


def findings_of(
    surveyed: Survey,
    taxonomy: Taxonomy,
    known_giveaways: Mapping[str, str] | None = None,
    record: Callable[[Fault], None] | None = None,
    report: Report | None = None,
) -> Findings:
    """Look at labelled data in one or more parts, of which none may hold a post of another.

    Two posts of one `pair` (their metadata say so) are meant to be alike and are no near-duplicates. Giveaways are
    looked for in the head with the most labels, in all posts or in `SAMPLE` of them, chosen by a hash of the text.

    Args:
        known_giveaways: n-grams that may stand for one label, each with its reason.
        record: is given every fault and caution.

    Raises:
        DataError: a file cannot be read anew.
    """
    pairs = near_pairs(surveyed, report)
    sample = _sample(surveyed)
    faults, cautions = FaultLog(record), FaultLog(record)
    for fault in chain(
        equal_posts(surveyed, taxonomy),
        nearly_equal_posts(surveyed, pairs, taxonomy),
        group_leaks(surveyed),
        _giveaways(sample, taxonomy, known_giveaways or {}),
    ):
        faults.add(fault)
    for caution in chain(
        author_overlaps(surveyed),
        time_overlaps(surveyed),
        rare_labels(surveyed, taxonomy),
        label_spellings(surveyed, taxonomy),
    ):
        cautions.add(caution)
    return Findings(
        posts=dict(
            zip(surveyed.parts, np.bincount(surveyed.part, minlength=len(surveyed.parts)).tolist(), strict=True)
        ),
        labels=label_counts(surveyed, taxonomy),
        words={share: float(np.quantile(surveyed.words, share)) for share in _QUANTILES},
        missing=dict(missing(surveyed)),
        sampled=len(sample),
        counts=dict(faults.counts),
        faults=faults.kept,
        caution_counts=dict(cautions.counts),
        cautions=cautions.kept,
    )


def _sample(surveyed: Survey) -> list[Example]:
    wanted = np.ones(len(surveyed), np.bool_)
    if len(surveyed) > SAMPLE:
        wanted[np.argsort(surveyed.text, kind="stable")[SAMPLE:]] = False
    return [example for _, example in surveyed.examples(wanted)]


def _giveaways(examples: Sequence[Example], taxonomy: Taxonomy, known: Mapping[str, str]) -> Iterator[Fault]:
    head = max(taxonomy, key=lambda head: len(head.labels))
    for found in giveaways(examples, head.name):
        if found.ngram not in known:
            said = f"{found.ngram!r} stands in {found.posts} posts, {found.share:.0%} of them {head.name} {found.label}"
            yield Fault("giveaway", (), f"{said} (of all posts {found.base:.0%})")
