"""A policy made from labelled posts, part by part: calibration, scope, costs, promises, sets of labels.

What is fitted on some posts is not judged on the same ones: each part that others build on gets posts of its own.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from data.errors import DataError
from data.splitting.parts import split_by_group
from data.taxonomy import Taxonomy
from evaluation.routes import passes, thresholds_of
from evaluation.scored import ScoredPosts, answers_of
from evaluation.targets import targets_of
from evaluation.tuning.conformal import fit_label_sets
from evaluation.tuning.costs import Costs, cheapest, cost_per_1000, expected_cost_per_1000, with_costs
from evaluation.tuning.promises import Wishes
from evaluation.tuning.recalibration import Recalibration, recalibrate
from evaluation.tuning.thresholds import Outcome, one_of_each_group, tune
from model.novelty import energy, threshold_refusing
from model.policy import HeadPolicy, Novelty, Policy
from model.scores import UNLABELLED

_FITTED, _COSTED, _SETS, _PROMISED = "fitted", "costed", "sets of labels", "promised"
_SHARES = {_FITTED: 0.3, _COSTED: 0.3, _SETS: 0.2}
_LEAST_POSTS = 10  # of a part


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for besides targets.

    Attributes:
        wishes: the targets.
        label_sets: the chance with which the right label shall be among those that the reviewer of a post sees, if any.
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
        cost_before, cost_after: of 1,000 posts like `judged`, as the policy was and as it is; where the least cost was
            sought on the same posts, the latter is cross-validated.
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
        DataError: too few posts for a part, or for the sets of labels.
    """
    parts = _parts(posts, request)
    before = policy
    # Sets of labels were fitted to a calibration, and to the posts that were reviewed, both of which change.
    policy = _with_heads(
        policy, {name: head.model_copy(update={"label_sets": None}) for name, head in policy.heads.items()}
    )
    recalibrations: dict[str, Recalibration] = {}
    if request.recalibrate:
        recalibrations = _recalibrations(parts[_FITTED], policy, taxonomy)
        policy = _with_heads(policy, {name: found.policy for name, found in recalibrations.items()})
    if request.out_of_scope is not None:
        policy = policy.model_copy(update={"novelty": _novelty(parts[_FITTED], taxonomy, request.out_of_scope)})
    judged = parts.get(_PROMISED, posts)
    cost_before = cost_after = None
    if request.costs:
        promised = {promise.head for promise in request.wishes.promises}
        own = [name for name in request.costs.heads if name not in promised]
        _check_labelled(parts[_COSTED], taxonomy, own)
        policy = with_costs(policy, request.costs, taxonomy)
        if _PROMISED not in parts:
            cost_after = expected_cost_per_1000(parts[_COSTED], policy, taxonomy, request.costs, own, request.seed)
        policy = cheapest(parts[_COSTED], policy, taxonomy, request.costs, own)
    tuning = tune(judged, policy, taxonomy, request.wishes, request.seed)
    policy = tuning.policy
    if request.costs:
        cost_before = cost_per_1000(judged, before, taxonomy, request.costs)
        if cost_after is None:
            cost_after = cost_per_1000(judged, policy, taxonomy, request.costs)
    if request.label_sets is not None:
        reviewed = _reviewed(parts[_SETS], policy, taxonomy, request.seed)
        known = {head.name for head in taxonomy if (targets_of(posts.examples, head) != UNLABELLED).any()}
        policy = _with_heads(policy, _label_sets(reviewed, policy, taxonomy, known, request.label_sets))
    sizes = {name: len(part) for name, part in parts.items()}
    return TunedPolicy(
        policy, tuning.outcomes, sizes, tuning.rows, tuning.stages, judged, recalibrations, cost_before, cost_after
    )


def _parts(posts: ScoredPosts, request: Request) -> dict[str, ScoredPosts]:
    wanted = {
        _FITTED: request.recalibrate or request.out_of_scope is not None,
        _COSTED: request.costs is not None,
        _SETS: request.label_sets is not None,
        _PROMISED: bool(request.wishes.promises),
    }
    *others, last = [name for name, asked in wanted.items() if asked]
    shares = {name: _SHARES[name] for name in others}
    shares[last] = 1 - sum(shares.values())
    row_of = {id(example): row for row, example in enumerate(posts.examples)}
    dealt = split_by_group(posts.examples, shares, f"tune {request.seed}")
    smallest = min(map(len, dealt.values()))
    if smallest < _LEAST_POSTS:
        raise DataError(
            f"{len(posts)} posts leave {smallest} for one of the parts {', '.join(dealt)}; expected at least "
            f"{_LEAST_POSTS} in each: give more labelled posts, or ask for less at a time"
        )
    return {
        name: posts.take(np.array(sorted(row_of[id(example)] for example in part), np.int64))
        for name, part in dealt.items()
    }


def _reviewed(posts: ScoredPosts, policy: Policy, taxonomy: Taxonomy, seed: int) -> ScoredPosts:
    """Those that a person sees, for whom the sets of labels are; one of each group."""
    posts = posts.take(one_of_each_group(posts.examples, seed))
    return posts.take(np.flatnonzero(~passes(posts, policy, taxonomy, thresholds_of(policy))))


def _check_labelled(posts: ScoredPosts, taxonomy: Taxonomy, heads: Sequence[str]) -> None:
    """Where nothing is known to be wrong, nothing costs anything, and all would be accepted."""
    for name in heads:
        known = int((targets_of(posts.examples, taxonomy.head(name)) != UNLABELLED).sum())
        if known < _LEAST_POSTS:
            raise DataError(
                f"costs of {name} are given, but {known} of the {len(posts)} posts to seek the least cost on have a "
                f"label of it; expected at least {_LEAST_POSTS}: label it, or leave it out of the costs"
            )


def _recalibrations(posts: ScoredPosts, policy: Policy, taxonomy: Taxonomy) -> dict[str, Recalibration]:
    # Its folds must not share groups.
    posts = posts.take(one_of_each_group(posts.examples, 0))
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
    known = targets_of(posts.examples, head) != UNLABELLED
    in_scope = known if known.any() else np.ones(len(posts), np.bool_)
    return Novelty(
        head=head.name, threshold=threshold_refusing(energy(posts.scores.logits[head.name][in_scope]), share)
    )


def _label_sets(
    posts: ScoredPosts, policy: Policy, taxonomy: Taxonomy, known: Set[str], chance: float
) -> dict[str, HeadPolicy]:
    heads = {}
    for head in (head for head in taxonomy if head.name in known):
        answers = answers_of(posts, head, policy.heads[head.name])
        try:
            sets = fit_label_sets(answers.probabilities, answers.gold, chance)
        except DataError as error:
            raise DataError(f"{head.name}, of the posts that a person reviews: {error}") from None
        heads[head.name] = policy.heads[head.name].model_copy(update={"label_sets": sets})
    return heads


def _with_heads(policy: Policy, heads: Mapping[str, HeadPolicy]) -> Policy:
    return policy.model_copy(update={"heads": {**policy.heads, **heads}})
