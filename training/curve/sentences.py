"""What a learning curve says, in a sentence a head."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from data.posts import Example

_NAMED = 3
_LEAST_SUPPORT = 5
"""Posts of a label in the test part, below which its F1 is chance."""


def weakest_labels(figures: Mapping[str, Any], head: str, train: Sequence[Example]) -> dict[str, int]:
    """The labels of least F1 and how many posts teach each, weakest first.

    Args:
        figures: of the head, as `evaluate` gives them.
    """
    rows = figures["per_label"]
    known = sorted((label for label in rows if rows[label]["support"] >= _LEAST_SUPPORT), key=lambda x: rows[x]["f1"])
    below = [label for label in known if rows[label]["f1"] < figures["macro_f1"]]
    taught = Counter(example.labels.get(head) for example in train)
    return {label: taught[label] for label in below[:_NAMED]}


def sentence_of(
    trend: str,
    now: float | None,
    gain: tuple[float, float] | None,
    seen: tuple[int, int],
    weakest: Mapping[str, int],
) -> str:
    """Whether more posts would help.

    Args:
        trend: of `Outlook`.
        now: macro F1 with all posts.
        gain: interval of what twice the posts would add.
        seen: points of the curve, and posts of the test part that carry the head's label.
        weakest: labels with the number of posts that teach them.
    """
    points, tested = seen
    if now is None or gain is None:
        return (
            f"too little to tell ({points} sizes that teach, {tested} labelled posts that test); label more posts, "
            "for the test part too"
        )
    low, high = gain
    weak = _named(weakest)
    if trend == "falling":
        return (
            f"the last doubling made it worse (macro F1 {now:.3f} now); look at the labels of the posts that came in "
            f"with it (triage data check), before more are added{weak}"
        )
    if trend == "rising":
        return f"twice the posts would add about {low:.3f} to {high:.3f} macro F1 ({now:.3f} now): worth it{weak}"
    if trend == "flat":
        return (
            f"flat: twice the posts would add at most {high:.3f} macro F1 ({now:.3f} now); more of the same will not "
            f"help{weak}"
        )
    return (
        f"twice the posts would add between {low:.3f} and {high:.3f} macro F1 ({now:.3f} now); {tested} test posts "
        f"cannot tell whether that is worth it{weak}"
    )


def _named(weakest: Mapping[str, int]) -> str:
    """`; the weakest labels are a, b and c (posts that teach them: 12, 20 and 31)`."""
    if not weakest:
        return ""
    counts = _and([f"{count:,}" for count in weakest.values()])
    one = len(weakest) == 1
    return (
        f"; the weakest {'label is' if one else 'labels are'} {_and(list(weakest))} "
        f"(posts that teach {'it' if one else 'them'}: {counts})"
    )


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
