"""A policy made from labelled posts, part by part: calibration, scope, costs, promises, sets of labels.

What is fitted on some posts is not judged on the same ones: each part that others build on gets posts of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.splitting import split_by_group
from data.taxonomy import Head, Taxonomy
from evaluation.scored import ScoredPosts, answers_of
from evaluation.targets import targets_of
from evaluation.tuning.conformal import fit_label_sets
from evaluation.tuning.costs import Costs, cheapest, cost_per_1000, expected_cost_per_1000, with_costs
from evaluation.tuning.promises import Wishes
from evaluation.tuning.recalibration import Recalibration, recalibrate
from evaluation.tuning.thresholds import Outcome, one_of_each_group, tune
from model.novelty import energy
from model.policy import HeadPolicy, Novelty, Policy
from model.scores import UNLABELLED

_FITTED, _COSTED, _PROMISED = "fitted", "costed", "promised"
_SHARE_OF_FITTED, _SHARE_OF_COSTED = 0.3, 0.35


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for besides targets.

    Attributes:
        wishes: the targets.
        label_sets: the chance with which the right label shall be among those that a reviewer sees, if any.
        out_of_scope: the share of in-scope posts that may be taken for out of scope, if any shall be.
    """

    wishes: Wishes
    costs: Costs | None = None
    label_sets: float | None = None
    out_of_scope: float | None = None
    recalibrate: bool = False
    seed: int = 13


@dataclass(frozen=True, slots=True)
class TunedPolicy:
    """A policy and how it came about.

    Attributes:
        parts: posts by what they were used for.
        judged: posts that nothing was fitted on but promises, which account for that; all where there were no others.
        cost_before, cost_after: of 1,000 posts like these, as the policy was and, cross-validated, as it is.
    """

    policy: Policy
    outcomes: tuple[Outcome, ...]
    parts: Mapping[str, int]
    independent: int
    stages: int
    judged: ScoredPosts
    recalibrations: Mapping[str, Recalibration]
    cost_before: float | None = None
    cost_after: float | None = None

    @property
    def kept(self) -> bool:
        """Whether all promises could be made."""
        return all(outcome.refusal is None for outcome in self.outcomes)


def make_policy(posts: ScoredPosts, policy: Policy, taxonomy: Taxonomy, request: Request) -> TunedPolicy:
    """Do all that is asked for.

    Args:
        posts: labelled, drawn like what will be served, unknown to the model.

    Raises:
        DataError: too few posts for the sets of labels.
    """
    parts = _parts(posts, request)
    before = policy
    recalibrations: dict[str, Recalibration] = {}
    if request.recalibrate:
        recalibrations = _recalibrations(parts[_FITTED], policy, taxonomy)
        policy = _with_heads(policy, {name: found.policy for name, found in recalibrations.items()})
    if request.out_of_scope is not None:
        policy = policy.model_copy(update={"novelty": _novelty(parts[_FITTED], taxonomy, request.out_of_scope)})
    cost_before = cost_after = None
    if request.costs:
        own = [head.name for head in taxonomy if not any(one.head == head.name for one in request.wishes.promises)]
        policy = with_costs(policy, request.costs, taxonomy)
        costed = parts[_COSTED]
        cost_before = cost_per_1000(costed, before, taxonomy, request.costs)
        cost_after = expected_cost_per_1000(costed, policy, taxonomy, request.costs, own, request.seed)
        policy = cheapest(costed, policy, taxonomy, request.costs, own)
    judged = parts.get(_PROMISED, posts)
    tuning = tune(judged, policy, taxonomy, request.wishes, request.seed)
    policy = tuning.policy
    if request.label_sets is not None:
        rows = one_of_each_group(judged.examples, request.seed)
        policy = _with_heads(policy, _label_sets(judged.take(rows), policy, taxonomy, request.label_sets))
    sizes = {name: len(part) for name, part in parts.items()}
    return TunedPolicy(
        policy, tuning.outcomes, sizes, tuning.rows, tuning.stages, judged, recalibrations, cost_before, cost_after
    )


def _parts(posts: ScoredPosts, request: Request) -> dict[str, ScoredPosts]:
    shares = {}
    if request.recalibrate or request.out_of_scope is not None:
        shares[_FITTED] = _SHARE_OF_FITTED
    promised = bool(request.wishes.promises) or request.label_sets is not None
    if request.costs:
        shares[_COSTED] = _SHARE_OF_COSTED if promised else 1 - sum(shares.values())
    if promised or not shares:
        shares[_PROMISED] = 1 - sum(shares.values())
    if len(shares) == 1:
        return dict.fromkeys(shares, posts)
    row_of = {id(example): row for row, example in enumerate(posts.examples)}
    dealt = split_by_group(posts.examples, shares, f"tune {request.seed}")
    return {
        name: posts.take(np.array(sorted(row_of[id(example)] for example in part), np.int64))
        for name, part in dealt.items()
    }


def _recalibrations(posts: ScoredPosts, policy: Policy, taxonomy: Taxonomy) -> dict[str, Recalibration]:
    found = {}
    for head in taxonomy:
        gold = targets_of(posts.examples, head)
        known = gold != UNLABELLED
        if known.any():
            found[head.name] = recalibrate(policy.heads[head.name], posts.scores.logits[head.name][known], gold[known])
    return found


def _novelty(posts: ScoredPosts, taxonomy: Taxonomy, share: float) -> Novelty:
    """On the head with the most labels, which knows the scope best."""
    head = max(taxonomy, key=lambda each: len(each.labels))
    rows = np.flatnonzero(targets_of(posts.examples, head) != UNLABELLED)
    return Novelty(head=head.name, threshold=float(np.quantile(_novelties(posts, head)[rows], 1 - share)))


def _novelties(posts: ScoredPosts, head: Head) -> NDArray[np.float64]:
    return energy(posts.scores.logits[head.name])


def _label_sets(posts: ScoredPosts, policy: Policy, taxonomy: Taxonomy, chance: float) -> dict[str, HeadPolicy]:
    heads = {}
    for head in taxonomy:
        answers = answers_of(posts, head, policy.heads[head.name])
        sets = fit_label_sets(answers.probabilities, answers.gold, chance)
        heads[head.name] = policy.heads[head.name].model_copy(update={"label_sets": sets})
    return heads


def _with_heads(policy: Policy, heads: Mapping[str, HeadPolicy]) -> Policy:
    return policy.model_copy(update={"heads": {**policy.heads, **heads}})
