"""Labelled posts with their scores, and what a policy makes of them, as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.posts import Example
from data.taxonomy import Head
from evaluation.targets import targets_of
from model.decision import calibrated, chosen
from model.policy import HeadPolicy
from model.scores import UNLABELLED, Scores


@dataclass(frozen=True, slots=True)
class ScoredPosts:
    """Labelled posts and the raw scores of one model, in the same order."""

    examples: Sequence[Example]
    scores: Scores

    def __len__(self) -> int:
        return len(self.examples)

    def take(self, rows: NDArray[np.int64]) -> "ScoredPosts":
        """Some of them, in the given order."""
        logits = {name: values[rows] for name, values in self.scores.logits.items()}
        return ScoredPosts([self.examples[row] for row in rows], Scores(logits, self.scores.embedding[rows]))


@dataclass(frozen=True, slots=True)
class HeadAnswers:
    """What a policy answers to one question, over the posts whose right answer is known.

    Attributes:
        rows: `(n_known,)`, the places of these posts among all.
        gold, said: `(n_known,)`, indices of labels: the right one and the one that the policy chose.
        probabilities: `(n_known, n_labels)`, calibrated.
        confidence: `(n_known,)`, the probability of `said`.
        accepted: `(n_known,)`, whether it reaches the threshold.
    """

    head: Head
    rows: NDArray[np.int64]
    gold: NDArray[np.int64]
    said: NDArray[np.intp]
    probabilities: NDArray[np.float64]
    confidence: NDArray[np.float64]
    accepted: NDArray[np.bool_]

    @property
    def wrong(self) -> NDArray[np.bool_]:
        return np.not_equal(self.said, self.gold)

    @property
    def most_probable(self) -> NDArray[np.intp]:
        """`(n_known,)`: what it would have said without costs."""
        places: NDArray[np.intp] = self.probabilities.argmax(axis=1)
        return places


def answers_of(posts: ScoredPosts, head: Head, policy: HeadPolicy) -> HeadAnswers:
    """What `decide` would answer, post by post, in one go."""
    targets = targets_of(posts.examples, head)
    rows = np.flatnonzero(targets != UNLABELLED)
    probabilities = calibrated(posts.scores.logits[head.name][rows], policy)
    said, confidence = said_of(probabilities, policy)
    accepted = confidence >= np.array(policy.thresholds)[said]
    return HeadAnswers(head, rows, targets[rows], said, probabilities, confidence, accepted)


def said_of(probabilities: NDArray[np.float64], policy: HeadPolicy) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """`(n_posts,)` each: the index of the label that the policy chooses, and its probability.

    Args:
        probabilities: `(n_posts, n_labels)`, calibrated.
    """
    said = chosen(probabilities, policy)
    return said, probabilities[np.arange(len(probabilities)), said]
