"""What passes no person under given thresholds, and what of that goes wrong: `decide`, for many posts in one go."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from data.taxonomy import Head, Taxonomy
from evaluation.scored import ScoredPosts, said_of
from model.decision import calibrated, is_novel
from model.policy import Policy

NEVER = -1.0
"""The confidence of what is accepted at no threshold."""


def passes(
    posts: ScoredPosts, policy: Policy, taxonomy: Taxonomy, least: Mapping[str, NDArray[np.float64]]
) -> NDArray[np.bool_]:
    """`(n_posts,)`: whether no person sees a post, as it is ignored or automatic.

    Args:
        least: `(n_labels,)` a head: below it no label is accepted.
    """
    automatic = np.ones(len(posts), np.bool_)
    ignored = np.zeros(len(posts), np.bool_)
    for head in taxonomy:
        head_policy = policy.heads[head.name]
        said, confidence = said_of(calibrated(posts.scores.logits[head.name], head_policy), head_policy)
        accepted = confidence >= least[head.name][said]
        ignored |= accepted & _unowned(head, policy)[said]
        automatic &= accepted
    return (automatic | ignored) & ~is_novel(posts.scores, policy)


def thresholds_of(policy: Policy) -> dict[str, NDArray[np.float64]]:
    """`(n_labels,)` a head."""
    return {name: np.array(head.thresholds) for name, head in policy.heads.items()}


def route_answers(
    posts: ScoredPosts, policy: Policy, taxonomy: Taxonomy, least: Mapping[str, NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Of posts whose owner is known: the confidence that lets them pass no person, and whether they then go wrong.

    That confidence is the owning head's, where all other heads are accepted; or that of the head which says that nobody
    owns the post; or negative, where a person sees it at any threshold.

    Args:
        least: `(n_labels,)` a head: below it no label is accepted.
    """
    owner = policy.owner or ""
    rows = np.array([row for row, example in enumerate(posts.examples) if owner in example.labels], np.int64)
    posts = posts.take(rows)
    gold = [example.labels[owner] for example in posts.examples]
    passing = np.full(len(rows), 1.0)
    nobodys = np.full(len(rows), NEVER)
    ignored = np.zeros(len(rows), bool)
    sent = np.array([None] * len(rows), object)
    for head in taxonomy:
        head_policy = policy.heads[head.name]
        said, confidence = said_of(calibrated(posts.scores.logits[head.name], head_policy), head_policy)
        accepted = confidence >= least[head.name][said]
        unowned = _unowned(head, policy)[said]
        ignored |= unowned & accepted
        nobodys = np.maximum(nobodys, np.where(unowned & accepted, confidence, NEVER))
        passing = np.where(accepted & ~unowned, passing, NEVER)
        if head.name == owner:
            sent = np.array(head.labels, object)[said]
            of_owner = confidence
    confidence = np.where(ignored, nobodys, np.where(passing > 0, of_owner, NEVER))
    confidence = np.where(is_novel(posts.scores, policy), NEVER, confidence)
    wrong = np.array(
        [
            (label is not None) if no_owner else (label != to)
            for label, no_owner, to in zip(gold, ignored.tolist(), sent, strict=True)
        ],
        bool,
    )
    return confidence, wrong


def _unowned(head: Head, policy: Policy) -> NDArray[np.bool_]:
    """`(n_labels,)`: whether nobody owns a post of that label."""
    return np.isin(head.labels, policy.unowned.get(head.name, ()))
