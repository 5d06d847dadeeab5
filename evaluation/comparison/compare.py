"""A challenger against the champion on the same posts: the gate before a promotion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError
from data.posts import Example
from evaluation.comparison.figures import (
    HeadAnswersOfTwo,
    HeadDifferences,
    RoutingDifferences,
    head_differences,
    routing_differences,
)
from evaluation.comparison.paired import units_of
from evaluation.comparison.verdict import Margins, Measure, Verdict, adjusted, verdict_on
from evaluation.flips import Flip, FlippedPost, flips_of, surest_flips
from model.decision import calibrated, decide
from model.policy import Policy
from model.scores import UNLABELLED, Scores


@dataclass(frozen=True, slots=True)
class Contender:
    """What a model says of the posts.

    Attributes:
        scores: in the order of the posts.
        policy: its own.
    """

    scores: Scores
    policy: Policy

    def most_probable(self, head: str) -> list[str]:
        """The label of each post, whatever it would cost to be wrong."""
        policy = self.policy.heads[head]
        return [policy.labels[place] for place in calibrated(self.scores.logits[head], policy).argmax(axis=1)]


@dataclass(frozen=True, slots=True)
class ComparedHead:
    """One head, most probable labels.

    Attributes:
        gained, lost: posts that only the challenger, only the champion gets right.
        mcnemar_p: of McNemar's exact test on these two.
        recalls: by label that stands in the posts.
    """

    accuracy: Measure
    macro_f1: Measure
    gained: int
    lost: int
    mcnemar_p: float
    recalls: Mapping[str, Measure]


@dataclass(frozen=True, slots=True)
class ComparedRouting:
    """The decisions, each under its own policy.

    Attributes:
        handled: share of posts handled without a person.
        error: share of these that went to a wrong owner; `None` where one of the models handles none.
    """

    handled: Measure
    error: Measure | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a challenger does against a champion.

    Attributes:
        posts: that both were asked about.
        routing: `None` where the two have no owner's head in common.
        flips: kinds of changed decisions, the most frequent first.
        surest_flips: some changed decisions.
        left_out: what could not be compared, and why.
    """

    posts: int
    verdict: Verdict
    heads: Mapping[str, ComparedHead]
    routing: ComparedRouting | None
    flips: Sequence[Flip]
    surest_flips: Sequence[FlippedPost]
    left_out: Sequence[str]


def compare(
    examples: Sequence[Example],
    champion: Contender,
    challenger: Contender,
    margins: Margins | None = None,
    most_flips: int = 0,
) -> Comparison:
    """Compare two models on labelled posts that neither has learned from.

    Heads that both have are compared by their most probable labels, over the posts whose gold label both know; the
    routing by what each policy decides.

    Args:
        margins: losses that are put up with; by default those of `Margins`.
        most_flips: how many changed decisions to name.

    Raises:
        DataError: no post carries a label that both know.
    """
    units = units_of(examples)
    answers, left_out = _shared_answers(examples, champion, challenger, units)
    if not answers:
        raise DataError(
            f"none of the {len(examples)} posts carries a label that both models know; expected labels of some of the "
            f"heads {list(champion.policy.heads)}"
        )
    heads = {name: head_differences(each) for name, each in answers.items()}
    decisions = decide(champion.scores, champion.policy), decide(challenger.scores, challenger.policy)
    owner = champion.policy.owner if champion.policy.owner == challenger.policy.owner else None
    routing = routing_differences(examples, *decisions, owner, units) if owner else None
    if routing is None:
        left_out.append("routing: there is no head that names the owner of a post in both")
    elif routing.error is None:
        left_out.append("routing: the error, as one of the two handles no post of known owner without a person")
    compared_heads, compared_routing, verdict = _judged(heads, routing, margins or Margins(), len(examples))
    return Comparison(
        posts=len(examples),
        verdict=verdict,
        heads=compared_heads,
        routing=compared_routing,
        flips=flips_of(examples, *decisions, owner),
        surest_flips=surest_flips(examples, *decisions, most_flips) if most_flips else [],
        left_out=left_out,
    )


def _shared_answers(
    examples: Sequence[Example], champion: Contender, challenger: Contender, units: NDArray[np.int64]
) -> tuple[dict[str, HeadAnswersOfTwo], list[str]]:
    """The answers to each question that both were asked, and what had to be left out."""
    answers: dict[str, HeadAnswersOfTwo] = {}
    left_out = []
    for name, policy in champion.policy.heads.items():
        if name not in challenger.policy.heads:
            continue
        others = challenger.policy.heads[name].labels
        labels = [*policy.labels, *(label for label in others if label not in policy.labels)]
        place = {label: index for index, label in enumerate(labels)}
        shared = {label: place[label] for label in policy.labels if label in others}
        known = [example.labels.get(name) for example in examples]
        gold = np.array([shared.get(label or "", UNLABELLED) for label in known], np.int64)
        rows = np.flatnonzero(gold != UNLABELLED)
        if one_sided := sum(label is not None for label in known) - len(rows):
            left_out.append(f"{name}: {one_sided} posts whose label only one of the two knows")
        if len(rows):
            said = [np.array([place[label] for label in side.most_probable(name)]) for side in (champion, challenger)]
            answers[name] = HeadAnswersOfTwo(labels, gold[rows], said[0][rows], said[1][rows], units[rows])
        else:
            left_out.append(f"{name}: no post carries a label of this head that both know")
    return answers, left_out


def _judged(
    heads: Mapping[str, HeadDifferences], routing: RoutingDifferences | None, margins: Margins, posts: int
) -> tuple[dict[str, ComparedHead], ComparedRouting | None, Verdict]:
    head_measures, label_measures, routing_measures = {}, {}, {}
    for name, head in heads.items():
        head_measures[f"{name} accuracy"] = Measure(head.accuracy, margins.head)
        head_measures[f"{name} macro F1"] = Measure(head.macro_f1, margins.head)
        for label, recall in head.recalls.items():
            label_measures[f"{name} {label}"] = Measure(recall, margins.label)
    if routing:
        routing_measures["automatic share"] = Measure(routing.handled, margins.share)
        if routing.error:
            routing_measures["wrong owner"] = Measure(routing.error, margins.head, less_is_better=True)
    guards = adjusted({**head_measures, **routing_measures})
    recalls = adjusted(label_measures)
    verdict = verdict_on(
        {name: guards[name] for name in head_measures},
        {name: guards[name] for name in routing_measures},
        recalls,
        posts,
    )
    compared_heads = {
        name: ComparedHead(
            guards[f"{name} accuracy"],
            guards[f"{name} macro F1"],
            head.gained,
            head.lost,
            head.mcnemar_p,
            {label: recalls[f"{name} {label}"] for label in head.recalls},
        )
        for name, head in heads.items()
    }
    compared_routing = ComparedRouting(guards["automatic share"], guards.get("wrong owner")) if routing else None
    return compared_heads, compared_routing, verdict
