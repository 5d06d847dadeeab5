"""What recent posts look like against those that a model was calibrated on, per head and for the posts themselves."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import entropy

from data.errors import DataError
from data.taxonomy import Head
from evaluation.drift.effects import Effect, mean_difference, share_distance, stability_index, value_distance
from evaluation.drift.label_shift import estimated_shares, weights_to
from evaluation.drift.two_samples import LEAST_POSTS, separability
from model.decision import calibrated, chosen
from model.policy import HeadPolicy, Policy
from model.reference import ReferencePosts, drawn_rows


@dataclass(frozen=True, slots=True)
class Shift:
    """How values of posts moved.

    Attributes:
        mean: difference of the means.
        distance: Kolmogorov's.
    """

    mean: Effect
    distance: Effect

    def to_dict(self) -> dict[str, Any]:
        return {"mean_difference": self.mean.to_dict(), "distance": self.distance.to_dict()}


@dataclass(frozen=True, slots=True)
class HeadDrift:
    """One question, before and now.

    Attributes:
        reference, recent: `(n_labels,)`, shares of the labels that the policy chose.
        estimated: `(n_labels,)`, shares of the right labels of the recent posts, if only the mix of labels changed.
        mix: distance between `reference` and `recent`.
        stability: the same as population stability index.
        confidence: of the chosen labels.
        entropy: of all probabilities, as a share of the greatest possible.
        left: of the separability of the posts, once the reference is weighted to the estimated shares.
        weighing: number of equally weighted posts that the weighted reference is worth (Kish).
    """

    head: Head
    reference: NDArray[np.float64]
    recent: NDArray[np.float64]
    estimated: NDArray[np.float64]
    mix: Effect
    stability: Effect
    confidence: Shift
    entropy: Shift
    left: Effect
    weighing: float

    @property
    def alarm(self) -> bool:
        return any(effect.alarm for effect in (self.mix, self.confidence.distance, self.entropy.distance))

    def to_dict(self) -> dict[str, Any]:
        columns = {"reference": self.reference, "recent": self.recent, "estimated": self.estimated}
        return {
            "labels": {
                "distance": self.mix.to_dict(),
                "psi": self.stability.to_dict(),
                "shares": {
                    label: {name: float(shares[place]) for name, shares in columns.items()}
                    for place, label in enumerate(self.head.labels)
                },
            },
            "confidence": self.confidence.to_dict(),
            "entropy": self.entropy.to_dict(),
            "inputs_left": {**self.left.to_dict(), "reference_worth": self.weighing},
            "alarm": self.alarm,
        }


@dataclass(frozen=True, slots=True)
class Drift:
    """All that differs.

    Attributes:
        posts: of the reference and recent ones.
        inputs: separability of the posts by their embeddings.
        tokens: of the lengths.
    """

    posts: tuple[int, int]
    heads: dict[str, HeadDrift]
    inputs: Effect
    tokens: Shift

    @property
    def alarm(self) -> bool:
        return self.inputs.alarm or self.tokens.distance.alarm or any(head.alarm for head in self.heads.values())

    def to_dict(self) -> dict[str, Any]:
        """As `--json` prints it, but for the verdicts."""
        return {
            "posts": {"reference": self.posts[0], "recent": self.posts[1]},
            "alarm": self.alarm,
            "inputs": {"auc": self.inputs.to_dict(), "tokens": self.tokens.to_dict()},
            "heads": {name: head.to_dict() for name, head in self.heads.items()},
        }


def drift(reference: ReferencePosts, recent: ReferencePosts, heads: Iterable[Head], policy: Policy) -> Drift:
    """Hold recent posts against a reference; both scored by one model.

    Raises:
        DataError: either has too few posts for anything to be said.
    """
    for name, posts in (("the reference has", reference), ("there are", recent)):
        if len(posts) < LEAST_POSTS:
            raise DataError(f"{name} {len(posts)} posts; expected at least {LEAST_POSTS}: give more of them")
    return Drift(
        posts=(len(reference), len(recent)),
        heads={head.name: _head(head, reference, recent, policy.heads[head.name]) for head in heads},
        inputs=_separability(reference, recent),
        tokens=_shift(reference.tokens.astype(np.float64), recent.tokens.astype(np.float64)),
    )


def _head(head: Head, reference: ReferencePosts, recent: ReferencePosts, policy: HeadPolicy) -> HeadDrift:
    before, now = (_Answers.of(posts, head, policy) for posts in (reference, recent))
    shares = before.probabilities.mean(axis=0)
    estimated = estimated_shares(now.probabilities, shares)
    weights = weights_to(before.probabilities, shares, estimated)
    return HeadDrift(
        head=head,
        reference=before.counts / len(reference),
        recent=now.counts / len(recent),
        estimated=estimated,
        mix=share_distance(before.counts, now.counts),
        stability=stability_index(before.counts, now.counts),
        confidence=_shift(before.confidence, now.confidence),
        entropy=_shift(before.entropy, now.entropy),
        left=_separability(reference, recent, weights),
        weighing=float(weights.sum() ** 2 / (weights**2).sum()),
    )


@dataclass(frozen=True, slots=True)
class _Answers:
    """`(n_posts, n_labels)`, then `(n_posts,)` twice, then `(n_labels,)`."""

    probabilities: NDArray[np.float64]
    confidence: NDArray[np.float64]
    entropy: NDArray[np.float64]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, posts: ReferencePosts, head: Head, policy: HeadPolicy) -> "_Answers":
        probabilities = calibrated(posts.scores.logits[head.name], policy)
        said = chosen(probabilities, policy)
        return cls(
            probabilities,
            probabilities[np.arange(len(said)), said],
            entropy(probabilities, axis=1) / np.log(len(head.labels)),
            np.bincount(said, minlength=len(head.labels)),
        )


def _shift(reference: NDArray[np.float64], recent: NDArray[np.float64]) -> Shift:
    return Shift(mean_difference(reference, recent), value_distance(reference, recent))


def _separability(
    reference: ReferencePosts, recent: ReferencePosts, weights: NDArray[np.float64] | None = None
) -> Effect:
    """Of at most as many posts as a bundle's reference has: more would cost time and hardly tell more."""
    rows = drawn_rows(len(reference))
    # A bundle keeps half precision; where only one side had it, a classifier could learn just that.
    first, second = (
        posts.scores.embedding[drawn].astype(np.float16).astype(np.float32)
        for posts, drawn in ((reference, rows), (recent, drawn_rows(len(recent))))
    )
    return separability(first, second, None if weights is None else weights[rows])
