"""Posts that may judge a model: those that did not teach it, and did not pick what is judged."""

from collections.abc import Sequence, Set
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError
from data.examples import posts_of
from data.normalise import fingerprint
from data.posts import Example

MOST_SEEN = 0.05
"""Share of a file that may stand in the training data: strangers do write "thank you" alike."""

_NAMED = 3


class HeldOut(NamedTuple):
    """Labelled posts without those that the model has learned from.

    Attributes:
        fresh: the others, in their order.
        seen: how many were set aside.
    """

    fresh: list[Example]
    seen: int


def set_aside(examples: Sequence[Example], training_rows: Set[str]) -> HeldOut:
    """Leave out what stands in the training data.

    Args:
        training_rows: fingerprints, as `Bundle.training_rows` gives them; of two bundles, their union.
    """
    seen = seen_rows(examples, training_rows)
    fresh = [example for example, known in zip(examples, seen.tolist(), strict=True) if not known]
    return HeldOut(fresh, len(examples) - len(fresh))


def seen_rows(examples: Sequence[Example], training_rows: Set[str]) -> NDArray[np.bool_]:
    """`(n_examples,)`: whether the normalised text of each stands in the training data."""
    return np.array([fingerprint(text) in training_rows for text in posts_of(examples)], np.bool_)


def check_seen(seen: int, total: int, reference: str) -> None:
    """Refuse a file of which the model has learned more than a few posts.

    Raises:
        DataError: more than `MOST_SEEN` of its rows stand in the training data of the bundle `reference`.
    """
    if seen > MOST_SEEN * total:
        raise DataError(
            f"{seen} of {total} rows ({seen / total:.1%}) stand in the training data of {reference}; expected at most "
            f"{MOST_SEEN:.0%}. Figures of what a model has learned by heart say nothing about what it will meet: give "
            "posts that were held back (`triage data split`), or judge by the rest alone (--allow-training-rows)"
        )


def check_disjoint(first: Sequence[Example], second: Sequence[Example], names: tuple[str, str]) -> None:
    """Refuse two sets of posts that share a post, or a group of posts.

    Args:
        names: what the two are called in the error, such as the paths of their files.

    Raises:
        DataError: they do. It names some of the rows by their origin, or some of the groups.
    """
    known = {fingerprint(text) for text in posts_of(first)}
    shared = [example for example in second if fingerprint(example.post.text) in known]
    if shared:
        named = _some([example.origin or "a row without origin" for example in shared])
        raise DataError(
            f"{names[0]} and {names[1]} share {len(shared)} posts ({named}); what was tuned on a post cannot be tested "
            "on it: leave them out of one of the two, or split anew (`triage data split`)"
        )
    groups = {example.group for example in first if example.group is not None}
    common = sorted({example.group for example in second if example.group is not None} & groups)
    if common:
        raise DataError(
            f"{names[0]} and {names[1]} share {len(common)} groups ({_some(common)}); posts of one group are alike, so "
            "one file would tell about the other: split by group (`triage data split --by group`); or, if the names "
            "only happen to be equal, rename the groups of one file"
        )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
