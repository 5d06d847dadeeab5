"""What passes no person under given thresholds, and what of that goes wrong: `decide`, for many posts in one go."""

from collections.abc import Mapping, Set

import numpy as np
from numpy.typing import NDArray

from data.taxonomy import Head, Taxonomy
from evaluation.scored import ScoredPosts, answers_of, said_of
from model.decision import calibrated, is_novel
from model.policy import Policy

NEVER = -1.0
"""The confidence of what is accepted at no threshold."""

ALWAYS = 2.0
"""The confidence of what passes at any."""


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
        said, confidence = _said(posts, head, policy)
        accepted = confidence >= least[head.name][said]
        ignored |= accepted & _unowned(head, policy)[said]
        automatic &= accepted
    return (automatic | ignored) & ~is_novel(posts.scores, policy)


def thresholds_of(policy: Policy) -> dict[str, NDArray[np.float64]]:
    """`(n_labels,)` a head."""
    return {name: np.array(head.thresholds) for name, head in policy.heads.items()}


def misses(
    posts: ScoredPosts,
    policy: Policy,
    taxonomy: Taxonomy,
    subject: tuple[Head, str],
    least: Mapping[str, NDArray[np.float64]],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Of posts of a label: the confidence that lets them pass, and whether they are then missed.

    A post is missed when another label is accepted for it, or when another head says that nobody owns it although
    somebody does: then it is ignored, at any threshold of this head.

    Args:
        subject: the head and the label.
        least: `(n_labels,)` a head: below it no label is accepted.
    """
    head, label = subject
    answers = answers_of(posts, head, policy.heads[head.name])
    of_label = answers.gold == head.labels.index(label)
    rows = answers.rows[of_label]
    confidence, said = answers.confidence[of_label], answers.said[of_label]
    confidence = np.where(confidence >= least[head.name][said], confidence, NEVER)
    ignored = np.zeros(len(rows), np.bool_)
    for other in taxonomy:
        if other.name != head.name:
            ignored |= _accepted_as_nobodys(posts, other, policy, least)[rows]
    owned = [posts.examples[row].labels.get(policy.owner or "", "unknown") is not None for row in rows]
    rightly = ignored & ~np.array(owned, np.bool_)
    confidence = np.where(ignored, ALWAYS, confidence)
    confidence = np.where(rightly | is_novel(posts.scores, policy)[rows], NEVER, confidence)
    return confidence, answers.wrong[of_label] | ignored


def route_answers(
    posts: ScoredPosts,
    policy: Policy,
    taxonomy: Taxonomy,
    least: Mapping[str, NDArray[np.float64]],
    tied: Set[str] = frozenset(),
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Of posts whose owner is known: the confidence that lets them pass no person, and whether they then go wrong.

    That confidence is the owning head's, where all other heads are accepted; or that of the head which says that nobody
    owns the post; or negative, where a person sees it at any threshold.

    Args:
        least: `(n_labels,)` a head: below it no label is accepted.
        tied: heads all of whose labels the same threshold holds for; a post passes only where they are as sure.
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
        said, confidence = _said(posts, head, policy)
        accepted = confidence >= least[head.name][said]
        unowned = _unowned(head, policy)[said]
        ignored |= unowned & accepted
        nobodys = np.maximum(nobodys, np.where(unowned & accepted, confidence, NEVER))
        passing = np.where(accepted & ~unowned, passing, NEVER)
        if head.name in tied:
            passing = np.minimum(passing, confidence)
        if head.name == owner:
            sent = np.array(head.labels, object)[said]
            of_owner = confidence
    confidence = np.where(ignored, nobodys, np.where(passing > 0, np.minimum(passing, of_owner), NEVER))
    confidence = np.where(is_novel(posts.scores, policy), NEVER, confidence)
    wrong = np.array(
        [
            (label is not None) if no_owner else (label != to)
            for label, no_owner, to in zip(gold, ignored.tolist(), sent, strict=True)
        ],
        bool,
    )
    return confidence, wrong


def _said(posts: ScoredPosts, head: Head, policy: Policy) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """`(n_posts,)` each: what a head says, and how sure it is."""
    head_policy = policy.heads[head.name]
    return said_of(calibrated(posts.scores.logits[head.name], head_policy), head_policy)


def _accepted_as_nobodys(
    posts: ScoredPosts, head: Head, policy: Policy, least: Mapping[str, NDArray[np.float64]]
) -> NDArray[np.bool_]:
    """`(n_posts,)`: whether a head says, and is sure enough, that nobody owns a post."""
    said, confidence = _said(posts, head, policy)
    return _unowned(head, policy)[said] & (confidence >= least[head.name][said])


def _unowned(head: Head, policy: Policy) -> NDArray[np.bool_]:
    """`(n_labels,)`: whether nobody owns a post of that label."""
    return np.isin(head.labels, policy.unowned.get(head.name, ()))
