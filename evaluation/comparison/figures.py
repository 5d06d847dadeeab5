"""The figures in which two models are compared, each as a difference on the same posts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.posts import Example
from evaluation.comparison.paired import (
    Difference,
    bootstrap_interval,
    bootstrap_p,
    mcnemar_p,
    rate_interval,
    resampled,
    share_difference,
)
from model.decision import Decision

_Counts = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HeadAnswersOfTwo:
    """What two models say to one question, over the posts whose right answer both know.

    Attributes:
        labels: of either.
        gold, champion, challenger: `(n_posts,)`, indices of labels.
        units: `(n_posts,)`, as `units_of` gives them.
    """

    labels: Sequence[str]
    gold: NDArray[np.int64]
    champion: NDArray[np.int64]
    challenger: NDArray[np.int64]
    units: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class HeadDifferences:
    """The figures of one head.

    Attributes:
        gained, lost: posts that only the challenger, only the champion gets right.
        mcnemar_p: of McNemar's exact test on these two, as if every post stood by itself.
        recalls: by label that stands in the posts.
    """

    accuracy: Difference
    macro_f1: Difference
    gained: int
    lost: int
    mcnemar_p: float
    recalls: dict[str, Difference]


@dataclass(frozen=True, slots=True)
class RoutingDifferences:
    """The figures of the decisions.

    Attributes:
        handled: share of posts handled without a person, by the action `auto` or `ignore`.
        error: share of these that went to a wrong owner, nobody counting as one; `None` where one of the models
            handles no post whose owner is known.
    """

    handled: Difference
    error: Difference | None


def head_differences(answers: HeadAnswersOfTwo) -> HeadDifferences:
    """The figures of one head; there is at least one post."""
    n_labels = len(answers.labels)
    triples = (answers.gold * n_labels + answers.champion) * n_labels + answers.challenger
    found, cells = np.unique(triples, return_inverse=True)
    samples = resampled(cells, answers.units, len(found)).astype(np.float64)
    whole = np.bincount(cells, minlength=len(found))[None].astype(np.float64)
    gold, champion, challenger = found // n_labels**2, found // n_labels % n_labels, found % n_labels
    gains = (challenger == gold).astype(np.float64) - (champion == gold)

    def f1_gains(counts: _Counts) -> _Counts:
        return _macro_f1(counts, gold, challenger, n_labels) - _macro_f1(counts, gold, champion, n_labels)

    right = answers.champion == answers.gold, answers.challenger == answers.gold
    gained, lost = int((right[1] & ~right[0]).sum()), int((right[0] & ~right[1]).sum())
    recalls = {}
    for label in np.unique(answers.gold).tolist():
        posts, of_label = answers.gold == label, gold == label
        drawn = _ratio(samples[:, of_label] @ gains[of_label], samples[:, of_label].sum(axis=1))
        recalls[answers.labels[label]] = share_difference(right[0][posts], right[1][posts], answers.units[posts], drawn)
    drawn_f1 = f1_gains(samples)
    return HeadDifferences(
        accuracy=share_difference(*right, answers.units, samples @ gains / samples.sum(axis=1)),
        macro_f1=Difference(
            len(cells),
            float(_macro_f1(whole, gold, champion, n_labels)[0]),
            float(_macro_f1(whole, gold, challenger, n_labels)[0]),
            *bootstrap_interval(drawn_f1),
            bootstrap_p(drawn_f1),
        ),
        gained=gained,
        lost=lost,
        mcnemar_p=mcnemar_p(gained, lost),
        recalls=recalls,
    )


def routing_differences(
    examples: Sequence[Example],
    champion: Sequence[Decision],
    challenger: Sequence[Decision],
    owner: str,
    units: NDArray[np.int64],
) -> RoutingDifferences:
    """The figures of the decisions, each under its own policy.

    Args:
        owner: the head whose gold labels tell who owns a post.
        units: `(n_examples,)`, as `units_of` gives them.
    """
    handled, wrong = [], []
    known = np.array([owner in example.labels for example in examples])
    for decisions in (champion, challenger):
        acted = np.array([decision.action != "review" for decision in decisions])
        sent = [
            decision.owner != example.labels.get(owner) for decision, example in zip(decisions, examples, strict=True)
        ]
        handled.append(acted)
        wrong.append(acted & known & np.array(sent))
    # A post's cell is these five bits.
    bits = np.stack([known, *handled, *wrong])
    codes = (1 << np.arange(len(bits))) @ bits
    found, cells = np.unique(codes, return_inverse=True)
    samples = resampled(cells, units, len(found)).astype(np.float64)
    judged, *columns = (found[None] >> np.arange(len(bits))[:, None] & 1).astype(np.float64)
    acted_drawn = [samples @ column for column in columns[:2]]
    rates_drawn = [_ratio(samples @ columns[2 + side], samples @ (columns[side] * judged)) for side in (0, 1)]
    counts = [(int(wrong[side].sum()), int((handled[side] & known).sum())) for side in (0, 1)]
    return RoutingDifferences(
        handled=share_difference(
            handled[0], handled[1], units, (acted_drawn[1] - acted_drawn[0]) / samples.sum(axis=1)
        ),
        error=_rate_difference(counts, rates_drawn) if counts[0][1] and counts[1][1] else None,
    )


def _rate_difference(counts: Sequence[tuple[int, int]], drawn: Sequence[_Counts]) -> Difference:
    """Of two rates of errors, each among posts of its own; its interval is the wider of two on each side.

    Args:
        counts: errors and posts, of champion and challenger.
        drawn: the rate in each bootstrap sample, of both.
    """
    (champion_errors, champion_posts), (challenger_errors, challenger_posts) = counts
    finite = np.isfinite(drawn[0]) & np.isfinite(drawn[1])
    spread = [float(rates[finite].std()) for rates in drawn]
    both = float(np.mean(drawn[0][finite] * drawn[1][finite]) - drawn[0][finite].mean() * drawn[1][finite].mean())
    correlation = min(max(both / (spread[0] * spread[1]), 0.0), 1.0) if min(spread) > 0 else 0.0
    low, high = rate_interval(counts[0], counts[1], correlation)
    gains = drawn[1] - drawn[0]
    bootstrap_low, bootstrap_high = bootstrap_interval(gains)
    return Difference(
        min(champion_posts, challenger_posts),
        champion_errors / champion_posts,
        challenger_errors / challenger_posts,
        min(low, bootstrap_low),
        max(high, bootstrap_high),
        bootstrap_p(gains),
    )


def _macro_f1(counts: _Counts, gold: NDArray[np.int64], said: NDArray[np.int64], n_labels: int) -> _Counts:
    """`(n_samples,)`: the mean over labels that stand in a sample.

    Args:
        counts: `(n_samples, n_cells)`, posts of each cell.
        gold, said: `(n_cells,)`, of a post in it.
    """
    labels = np.arange(n_labels)
    is_gold, is_said = (gold[:, None] == labels).astype(np.float64), (said[:, None] == labels).astype(np.float64)
    support = counts @ is_gold
    f1 = 2 * (counts @ (is_gold * is_said)) / np.maximum(support + counts @ is_said, 1)
    stands = support > 0
    means: _Counts = (f1 * stands).sum(axis=1) / stands.sum(axis=1)
    return means


def _ratio(part: _Counts, whole: _Counts) -> _Counts:
    """Not a number where there is nothing to divide by."""
    ratio: _Counts = np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    return ratio
