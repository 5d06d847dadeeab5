"""What becomes of posts under one threshold for every head; labels that nobody owns keep theirs where it is higher."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evaluation.report.curves import Outcomes
from evaluation.routes import NEVER
from evaluation.scored import HeadAnswers, ScoredPosts, said_of
from evaluation.tuning.costs import Costs
from model.decision import Decision, calibrated, is_novel
from model.policy import Policy


def route_outcomes(posts: ScoredPosts, policy: Policy, decisions: Sequence[Decision]) -> Outcomes:
    """From which threshold on `decide` would handle each post without a person, and whether its owner would be wrong.

    A post is handled once all its labels are accepted, or one that nobody owns; under one threshold for all, that is
    at the smallest confidence of its labels, or at that of the label that nobody owns. It never is where it is out of
    scope, or where such a label stays below its own threshold.

    Args:
        policy: one that names an owner.
        decisions: what `decide` makes of the posts under the policy itself.
    """
    owner = policy.owner or ""
    confidence, nobody = _route_confidence(posts, policy)
    sent = [
        None if unowned else decision.heads[owner].label
        for decision, unowned in zip(decisions, nobody.tolist(), strict=True)
    ]
    judged = [owner in example.labels for example in posts.examples]
    wrong = [to != example.labels.get(owner) for to, example in zip(sent, posts.examples, strict=True)]
    handled = [decision.action != "review" for decision in decisions]
    return Outcomes(confidence, np.array(judged), np.array(wrong), np.array(handled))


def route_costs(
    posts: ScoredPosts, policy: Policy, answers: Sequence[HeadAnswers], costs: Costs
) -> NDArray[np.float64]:
    """`(n_posts,)`: what each costs when it is handled without a person, under one threshold for all.

    Args:
        answers: of each head over those posts that carry its label; where none is known a mistake costs nothing.
    """
    total = np.zeros(len(posts))
    for each in answers:
        if each.head.name in costs.heads:
            total[each.rows] += head_costs(each, costs)
    owned = np.array([example.labels.get(policy.owner or "") is not None for example in posts.examples], np.bool_)
    _, nobody = _route_confidence(posts, policy)
    return np.where(nobody, np.where(owned, costs.lost, 0.0), total)


def head_costs(answers: HeadAnswers, costs: Costs) -> NDArray[np.float64]:
    """`(n_known,)`: what acting on each answer of a head costs."""
    matrix = costs.heads[answers.head.name].matrix(answers.head.labels)
    found: NDArray[np.float64] = matrix[answers.gold, answers.said]
    return found


def _route_confidence(posts: ScoredPosts, policy: Policy) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """`(n_posts,)` each: the threshold up to which a post is handled, and whether nobody would own it then."""
    least = np.ones(len(posts))
    unowned = np.full(len(posts), NEVER)
    for name, head in policy.heads.items():
        said, confidence = said_of(calibrated(posts.scores.logits[name], head), head)
        free = np.isin(said, [head.labels.index(label) for label in policy.unowned.get(name, ())])
        confidence = np.where(free & (confidence < np.array(head.thresholds)[said]), NEVER, confidence)
        least = np.minimum(least, confidence)
        unowned = np.where(free, np.maximum(unowned, confidence), unowned)
    confidence = np.where(is_novel(posts.scores, policy), NEVER, np.maximum(least, unowned))
    return confidence, unowned >= 0
