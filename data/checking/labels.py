"""Labels that are too rare to learn, or that are written in two ways."""

import re
from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from data.checking.faults import Fault
from data.checking.survey import Survey
from data.taxonomy import Taxonomy

MIN_POSTS, MIN_GROUPS = 10, 5
"""A label needs as many different posts, in as many groups: with 70, 10, 10 and 10 % of them in four parts, one of ten
posts is tested on one, and five groups are the folds of the audit."""

_MARKS = re.compile(r"[\W_]+")


def label_counts(surveyed: Survey, taxonomy: Taxonomy) -> dict[str, dict[str | None, int]]:
    """How often each label stands, by head; `None`, where it stands, is no label of an optional head."""
    counts: dict[str, dict[str | None, int]] = {}
    for column, head in enumerate(taxonomy):
        found = np.bincount(surveyed.labels[:, column].astype(np.int64) + 2, minlength=len(head.labels) + 2).tolist()
        unknown_no_label, known = found[:2], found[2:]
        none: dict[str | None, int] = {None: unknown_no_label[1]} if unknown_no_label[1] else {}
        counts[head.name] = {**dict(zip(head.labels, known, strict=True)), **none}
    return counts


def rare_labels(surveyed: Survey, taxonomy: Taxonomy) -> Iterator[Fault]:
    """A caution for each label of fewer than `MIN_POSTS` different posts or `MIN_GROUPS` groups, in all parts together.

    A post without a group is one by itself.
    """
    groups = np.where(surveyed.group, surveyed.group, surveyed.text)
    for column, head in enumerate(taxonomy):
        for code, label in enumerate(head.labels):
            rows = surveyed.labels[:, column] == code
            posts, apart = len(np.unique(surveyed.text[rows])), len(np.unique(groups[rows]))
            if posts < MIN_POSTS or apart < MIN_GROUPS:
                said = f"{head.name}: {label}: {posts} different posts in {apart} groups"
                yield Fault("rare_label", (), f"{said}; {MIN_POSTS} in {MIN_GROUPS} are the least to learn from")


def label_spellings(surveyed: Survey, taxonomy: Taxonomy) -> Iterator[Fault]:
    """A caution for labels of one head that differ only by case, spaces or punctuation."""
    counts = label_counts(surveyed, taxonomy)
    for head in taxonomy:
        spellings: defaultdict[str, list[str]] = defaultdict(list)
        for label in head.labels:
            spellings[_MARKS.sub("", label.casefold()) or label].append(label)
        for alike in spellings.values():
            if len(alike) > 1:
                said = " and ".join(f"{label!r} ({counts[head.name][label]} posts)" for label in alike)
                yield Fault("label_spelling", (), f"{head.name}: {said} differ only by case, spaces or marks")
