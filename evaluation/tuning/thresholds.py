"""Thresholds that keep what is asked of a policy, each with its chance, and hold as few posts back as they can.

Promises that look at thresholds which other promises have set are made on posts of their own, or they would be made on
posts that the thresholds were fitted to: first those about single labels, then those about whole heads that have some
of these, at last the one about the route.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from data.posts import Example
from data.taxonomy import Head, Taxonomy
from evaluation.routes import NEVER, misses, route_answers
from evaluation.scored import HeadAnswers, ScoredPosts, answers_of
from evaluation.tuning.promises import Measure, Promise, Wishes
from evaluation.tuning.risk_control import Cut, Refusal, loosest_cut, threshold_for_misses
from model.policy import Policy


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a promise.

    Attributes:
        posts: independent ones that it was made on: of the head, the label, or all, as it is about them.
        threshold: the lowest that keeps it; `None` where it was refused.
        refusal: why.
    """

    promise: Promise
    posts: int
    threshold: float | None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Tuning:
    """A policy and what it promises.

    Attributes:
        policy: with the thresholds of all promises that could be made; the heads of others are left as they were.
        rows: that promises were made on, one of each group.
        stages: parts that these were dealt out to.
    """

    policy: Policy
    outcomes: tuple[Outcome, ...]
    rows: int
    stages: int


def tune(posts: ScoredPosts, policy: Policy, taxonomy: Taxonomy, wishes: Wishes, seed: int = 13) -> Tuning:
    """Find the thresholds.

    Args:
        posts: labelled ones that neither taught the weights nor fitted the calibration, drawn like what will be served.
            Of each group one is used, at random: posts of a group are not independent.
        seed: of that draw, and of dealing posts out to stages.
    """
    rows = one_of_each_group(posts.examples, seed)
    stage_of = _stages(wishes)
    stages = max(stage_of.values(), default=0) + 1
    parts = np.array_split(np.random.default_rng(seed).permutation(rows), stages)
    thresholds = _Thresholds(taxonomy, policy, wishes)
    outcomes: dict[Promise, Outcome] = {}
    for stage, part in enumerate(parts):
        sample = posts.take(np.sort(part))
        due = [promise for promise in wishes.promises if stage_of[promise] == stage]
        outcomes |= {promise: _keep(promise, sample, policy, taxonomy, thresholds) for promise in due}
        # All of a stage are made on the same thresholds; only then do they move.
        for promise in due:
            thresholds.keep(promise, outcomes[promise])
    return Tuning(thresholds.policy(), tuple(outcomes[promise] for promise in wishes.promises), len(rows), stages)


def one_of_each_group(examples: Sequence[Example], seed: int) -> NDArray[np.int64]:
    """The rows of posts of which no two are of one group, in order; a post without a group is one by itself."""
    order = np.random.default_rng(seed).permutation(len(examples))
    first: dict[str | int, int] = {}
    for row in order.tolist():
        group = examples[row].group
        first.setdefault(row if group is None else group, row)
    return np.sort(np.fromiter(first.values(), np.int64, len(first)))


def _stages(wishes: Wishes) -> dict[Promise, int]:
    stages = {promise: 0 for promise in wishes.promises if promise.label is not None}
    of_label = {promise.head for promise in stages}
    stages |= {
        promise: int(promise.head in of_label)
        for promise in wishes.promises
        if promise.label is None and promise.head is not None
    }
    last = max(stages.values(), default=-1)
    return stages | {promise: last + 1 for promise in wishes.promises if promise.head is None}


@dataclass
class _Thresholds:
    """What is known of the thresholds by now, by head and label.

    Attributes:
        least: `(n_labels,)` a head: below it no label is accepted.
    """

    taxonomy: Taxonomy
    given: Policy
    wishes: Wishes
    least: dict[str, NDArray[np.float64]] = field(init=False)

    def __post_init__(self) -> None:
        self.least = {head.name: self._begin(head) for head in self.taxonomy}

    def _begin(self, head: Head) -> NDArray[np.float64]:
        of_head = [promise for promise in self.wishes.promises if promise.head == head.name]
        found = any(promise.label is None for promise in of_head)
        found |= self.given.owner == head.name and any(promise.head is None for promise in self.wishes.promises)
        given = np.array(self.given.heads[head.name].thresholds)
        precise = {promise.label for promise in of_head if promise.measure in (Measure.PRECISION, Measure.ERROR)}
        free = found or (self.wishes.max_coverage and not of_head)
        unowned = self.given.unowned.get(head.name, ())
        return np.array(
            [
                0.0 if (free and label not in unowned) or label in precise else before
                for label, before in zip(head.labels, given.tolist(), strict=True)
            ]
        )

    def keep(self, promise: Promise, outcome: Outcome) -> None:
        """Raise thresholds to what a promise needs; one that was refused gets the thresholds that it had."""
        if promise.head is None:
            self._keep_route(outcome.threshold)
            return
        labels = self.taxonomy.head(promise.head).labels
        least = self.least[promise.head]
        given = np.array(self.given.heads[promise.head].thresholds)
        for place, label in enumerate(labels):
            concerned = promise.label is None or (label == promise.label) != (promise.measure is Measure.RECALL)
            if concerned:
                least[place] = max(least[place], given[place] if outcome.threshold is None else outcome.threshold)

    @property
    def tied(self) -> frozenset[str]:
        """Heads whose labels the route's threshold moves together, as they have a promise over all of them."""
        whole = {promise.head for promise in self.wishes.promises if promise.label is None}
        return frozenset(name for name in self.given.unowned if name in whole)

    def _keep_route(self, threshold: float | None) -> None:
        for name, head in self.given.heads.items():
            unowned = self.given.unowned.get(name, ())
            whole = name == self.given.owner or (name in self.tied and threshold is not None)
            for place, label in enumerate(head.labels):
                if whole or label in unowned:
                    raised = head.thresholds[place] if threshold is None else threshold
                    self.least[name][place] = max(self.least[name][place], raised)

    def policy(self) -> Policy:
        """The policy with these thresholds."""
        heads = {name: head.with_thresholds(self.least[name].tolist()) for name, head in self.given.heads.items()}
        return self.given.model_copy(update={"heads": heads})


def _keep(
    promise: Promise, sample: ScoredPosts, policy: Policy, taxonomy: Taxonomy, thresholds: _Thresholds
) -> Outcome:
    if promise.head is None:
        confidence, wrong = route_answers(sample, policy, taxonomy, thresholds.least, thresholds.tied)
        return _outcome(promise, len(confidence), loosest_cut(confidence, wrong, promise.error, promise.chance))
    head = taxonomy.head(promise.head)
    answers = answers_of(sample, head, policy.heads[head.name])
    confidence = _acceptable(answers, thresholds.least[head.name])
    if promise.label is None:
        return _outcome(promise, len(confidence), loosest_cut(confidence, answers.wrong, promise.error, promise.chance))
    place = head.labels.index(promise.label)
    if promise.measure is Measure.RECALL:
        confidence, missed = misses(sample, policy, taxonomy, (head, promise.label), thresholds.least)
        return _outcome(
            promise, len(confidence), threshold_for_misses(confidence, missed, promise.error, promise.chance)
        )
    said = answers.said == place
    cut = loosest_cut(confidence[said], answers.wrong[said], promise.error, promise.chance)
    return _outcome(promise, int(said.sum()), cut)


def _outcome(promise: Promise, posts: int, found: Cut | float | Refusal) -> Outcome:
    if isinstance(found, Refusal):
        return Outcome(promise, posts, None, found)
    return Outcome(promise, posts, found.threshold if isinstance(found, Cut) else found)


def _acceptable(answers: HeadAnswers, least: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(answers.confidence >= least[answers.said], answers.confidence, NEVER)
