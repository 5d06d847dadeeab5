"""What mistakes cost, as a file, and the policy that costs least."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from data.errors import ConfigurationError
from data.taxonomy import Head, Taxonomy
from evaluation.routes import NEVER, thresholds_of
from evaluation.scored import ScoredPosts, said_of
from evaluation.targets import targets_of
from evaluation.tuning.risk_control import grid_floor
from model.decision import calibrated, is_novel
from model.policy import Policy
from model.scores import UNLABELLED

Cost = Annotated[float, Field(ge=0, allow_inf_nan=False)]

_FOLDS = 5
_ROUNDS = 5


class HeadCosts(BaseModel):
    """Of one head: what it costs when a post is handled under a wrong label.

    Attributes:
        missed: by the right label.
        false_alarm: by the label that was said; both are added.
        other: where neither names one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    missed: Mapping[str, Cost] = {}
    false_alarm: Mapping[str, Cost] = {}
    other: Cost = 0.0

    def matrix(self, labels: Sequence[str]) -> NDArray[np.float64]:
        """`(n_labels, n_labels)`: `[gold, said]`."""
        costs = np.full((len(labels), len(labels)), np.nan)
        for gold, label in enumerate(labels):
            costs[gold] = [
                self.missed.get(label, 0.0) + self.false_alarm.get(other, 0.0)
                if label in self.missed or other in self.false_alarm
                else self.other
                for other in labels
            ]
        np.fill_diagonal(costs, 0.0)
        return costs


class Costs(BaseModel):
    """All costs, in any one unit.

    Attributes:
        review: of a post that a person looks at.
        lost: of a post that is known to be somebody's and that is ignored.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    review: Cost
    lost: Cost = 0.0
    heads: Mapping[str, HeadCosts] = {}

    @classmethod
    def read(cls, path: Path, taxonomy: Taxonomy) -> "Costs":
        """Read a file of costs.

        Raises:
            ConfigurationError: it is none, or names heads or labels that the taxonomy does not have.
        """
        try:
            costs = cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ConfigurationError(f"{path}: cannot be read as YAML: {error}") from error
        except ValidationError as error:
            faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
            raise ConfigurationError(f"{path}: not a file of costs: {faults}") from error
        faults_found = list(_unknown(costs, taxonomy))
        if faults_found:
            raise ConfigurationError(f"{path}: {'; '.join(faults_found)}")
        return costs


def with_costs(policy: Policy, costs: Costs, taxonomy: Taxonomy) -> Policy:
    """The policy that chooses labels of least expected cost, in the ordinal heads that have costs."""
    heads = dict(policy.heads)
    for head in taxonomy:
        if head.kind == "ordinal" and head.name in costs.heads:
            matrix = costs.heads[head.name].matrix(head.labels)
            heads[head.name] = heads[head.name].model_copy(update={"costs": tuple(map(tuple, matrix.tolist()))})
    return policy.model_copy(update={"heads": heads})


def cheapest(posts: ScoredPosts, policy: Policy, taxonomy: Taxonomy, costs: Costs, heads: Sequence[str]) -> Policy:
    """The policy with those thresholds of some heads, one a head, that cost least on these posts.

    One head's threshold is moved at a time, to the best of all places, until none moves. Labels that nobody owns keep
    theirs where it is higher.

    Args:
        heads: whose thresholds may move.
    """
    ledger = _Ledger(posts, policy, taxonomy, costs)
    least = thresholds_of(policy)
    for _ in range(_ROUNDS):
        before = dict(least)
        for name in heads:
            head = policy.heads[name]
            unowned = np.isin(head.labels, policy.unowned.get(name, ()))
            kept = np.where(unowned, head.thresholds, 0.0)
            least[name] = np.maximum(kept, ledger.best_threshold(name, kept, least))
        if all(np.array_equal(before[name], least[name]) for name in heads):
            break
    changed = {name: policy.heads[name].with_thresholds(least[name].tolist()) for name in heads}
    return policy.model_copy(update={"heads": {**policy.heads, **changed}})


def cost_per_1000(posts: ScoredPosts, policy: Policy, taxonomy: Taxonomy, costs: Costs) -> float:
    """What a thousand posts like these cost under a policy."""
    return 1000 * float(_Ledger(posts, policy, taxonomy, costs).costs(thresholds_of(policy)).mean())


def expected_cost_per_1000(
    posts: ScoredPosts, policy: Policy, taxonomy: Taxonomy, costs: Costs, heads: Sequence[str], seed: int
) -> float:
    """What a thousand posts like these will cost under thresholds found as `cheapest` finds them.

    Each fifth of the posts is judged by thresholds found on the others: those that they were fitted to flatter them.
    """
    folds = np.array_split(np.random.default_rng(seed).permutation(len(posts)), _FOLDS)
    total = 0.0
    for fold in folds:
        others = np.setdiff1d(np.arange(len(posts)), fold)
        found = cheapest(posts.take(others), policy, taxonomy, costs, heads)
        total += cost_per_1000(posts.take(np.sort(fold)), found, taxonomy, costs) * len(fold)
    return total / len(posts)


class _Ledger:
    """What each post costs, by thresholds."""

    def __init__(self, posts: ScoredPosts, policy: Policy, taxonomy: Taxonomy, costs: Costs) -> None:
        self._costs = costs
        self._novel = is_novel(posts.scores, policy)
        self._owned = np.array(
            [policy.owner is not None and example.labels.get(policy.owner) is not None for example in posts.examples]
        )
        self._said: dict[str, NDArray[np.intp]] = {}
        self._confidence: dict[str, NDArray[np.float64]] = {}
        self._unowned: dict[str, NDArray[np.bool_]] = {}
        self._errors = np.zeros(len(posts))
        for head in taxonomy:
            said, confidence = said_of(
                calibrated(posts.scores.logits[head.name], policy.heads[head.name]), policy.heads[head.name]
            )
            self._said[head.name], self._confidence[head.name] = said, confidence
            places = [head.labels.index(label) for label in policy.unowned.get(head.name, ())]
            self._unowned[head.name] = np.isin(said, places)
            self._errors += _errors(posts, head, said, costs)

    def best_threshold(self, name: str, kept: NDArray[np.float64], least: Mapping[str, NDArray[np.float64]]) -> float:
        """The threshold of a head at which all posts together cost least, those of the other heads being as they are.

        Args:
            kept: `(n_labels,)`: below it no label of the head is accepted in any case.
        """
        confidence = self._confidence[name]
        keys = np.where(confidence >= kept[self._said[name]], grid_floor(confidence), NEVER)
        accepted, refused = (self.costs({**least, name: np.full(len(kept), threshold)}) for threshold in (0.0, np.inf))
        order = np.argsort(-keys, kind="stable")
        order = order[keys[order] >= 0]
        falling = keys[order]
        last_of_key = np.flatnonzero(np.append(falling[1:] != falling[:-1], True)) if len(order) else order
        changes = np.cumsum((accepted - refused)[order])[last_of_key]
        # Of refusing all, accepting some, and accepting all, with those that are less sure than any here.
        thresholds = np.concatenate([[1.0], falling[last_of_key[:-1]], [0.0] * bool(len(order))])
        return float(thresholds[np.argmin(np.append(0.0, changes))])

    def costs(self, least: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """`(n_posts,)`."""
        automatic = ~self._novel
        ignored = np.zeros(len(automatic), bool)
        for name, said in self._said.items():
            accepted = self._confidence[name] >= least[name][said]
            ignored |= accepted & self._unowned[name]
            automatic &= accepted
        ignored &= ~self._novel
        lost = np.where(self._owned, self._costs.lost, 0.0)
        return np.where(ignored, lost, np.where(automatic, self._errors, self._costs.review))


def _errors(posts: ScoredPosts, head: Head, said: NDArray[np.intp], costs: Costs) -> NDArray[np.float64]:
    """`(n_posts,)`: the cost of acting on the answers of a head; 0 where the right one is not known."""
    if head.name not in costs.heads:
        return np.zeros(len(posts))
    gold = targets_of(posts.examples, head)
    matrix = costs.heads[head.name].matrix(head.labels)
    return np.where(gold == UNLABELLED, 0.0, matrix[np.maximum(gold, 0), said])


def _unknown(costs: Costs, taxonomy: Taxonomy) -> Sequence[str]:
    known = {head.name: set(head.labels) for head in taxonomy}
    faults = [f"heads.{name}: there is no such head" for name in costs.heads if name not in known]
    for name, head in costs.heads.items():
        unknown = sorted((set(head.missed) | set(head.false_alarm)) - known.get(name, set()))
        if unknown and name in known:
            faults.append(f"heads.{name}: there are no labels {', '.join(unknown)}")
    return faults
