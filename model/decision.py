"""The one function from scores to decisions, for the service and the evaluation alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from model.novelty import energy
from model.policy import HeadPolicy, Policy
from model.scores import Scores

Action = Literal["auto", "ignore", "review"]
ACTIONS: tuple[Action, ...] = ("auto", "ignore", "review")
OUT_OF_SCOPE = "out_of_scope"

_EQUAL_COST = 1e-9  # relative


@dataclass(frozen=True, slots=True)
class HeadDecision:
    """The answer to one question.

    Attributes:
        label: the chosen one: the most probable, or that of least expected cost where the policy knows costs.
        confidence: its calibrated probability; no decision ever alters it.
        threshold: from which it is accepted.
        probabilities: `(n_labels,)`, calibrated, in the order of the head's labels.
        label_set: the labels among which the right one is with the policy's chance, likeliest first, and the chosen
            one; empty where the policy states no chance.
    """

    label: str
    confidence: float
    threshold: float
    probabilities: NDArray[np.float64]
    label_set: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        return self.confidence >= self.threshold


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with a post.

    Attributes:
        heads: the answers by head, in the order of the taxonomy.
        action: `auto`: act on all labels; `ignore`: nobody needs to act; `review`: a person looks first.
        owner: the label of the owning head, or `None` where nobody owns the post or no head names an owner.
        reasons: why a person is asked; empty otherwise.
    """

    heads: dict[str, HeadDecision]
    action: Action
    owner: str | None
    reasons: tuple[str, ...]


def decide(scores: Scores, policy: Policy) -> list[Decision]:
    """Calibrate scores and decide, post by post.

    A post out of scope is for a person. Any other is ignored when a label that nobody owns is accepted; it is automatic
    when the labels of all heads are accepted; otherwise a person reviews it, for each head below its threshold one
    reason.
    """
    answers = {name: _answers(scores.logits[name], head) for name, head in policy.heads.items()}
    novel = is_novel(scores, policy).tolist()
    return [
        _route({name: column[index] for name, column in answers.items()}, policy, novel[index])
        for index in range(len(scores))
    ]


def calibrated(logits: NDArray[np.float32], head: HeadPolicy) -> NDArray[np.float64]:
    """Softmax of `(logits * scales + biases) / temperature` over the last axis, in float64."""
    probabilities: NDArray[np.float64]
    if head.scales or head.biases:
        scaled = logits * np.array(head.scales or 1.0) + np.array(head.biases or 0.0)
        probabilities = scaled / head.temperature
    else:
        probabilities = np.divide(logits, head.temperature, dtype=np.float64)
    probabilities -= probabilities.max(axis=-1, keepdims=True)
    np.exp(probabilities, out=probabilities)
    probabilities /= probabilities.sum(axis=-1, keepdims=True)
    return probabilities


def chosen(probabilities: NDArray[np.float64], head: HeadPolicy) -> NDArray[np.intp]:
    """`(n_posts,)`: the index of the label that the policy chooses.

    Args:
        probabilities: `(n_posts, n_labels)`, calibrated.
    """
    places: NDArray[np.intp]
    if head.cost_matrix is None:
        places = probabilities.argmax(axis=1)
        return places
    # Among labels that cost the same, the more probable one.
    expected = probabilities @ head.cost_matrix
    tied = expected <= expected.min(axis=1, keepdims=True) * (1 + _EQUAL_COST)
    places = np.where(tied, probabilities, -1.0).argmax(axis=1)
    return places


def is_novel(scores: Scores, policy: Policy) -> NDArray[np.bool_]:
    """`(n_posts,)`: whether each post is out of scope."""
    if policy.novelty is None:
        return np.zeros(len(scores), np.bool_)
    return np.greater(energy(scores.logits[policy.novelty.head]), policy.novelty.threshold)


def reasons_of(policy: Policy) -> tuple[str, ...]:
    """The closed list of reasons that `decide` can give under a policy."""
    return (*((OUT_OF_SCOPE,) if policy.novelty else ()), *(_below_threshold(head) for head in policy.heads))


def _answers(logits: NDArray[np.float32], head: HeadPolicy) -> Sequence[HeadDecision]:
    probabilities = calibrated(logits, head)
    places = chosen(probabilities, head).tolist()
    sets = _label_sets(probabilities, places, head)
    return [
        HeadDecision(head.labels[best], float(row[best]), head.thresholds[best], row, label_set)
        for best, row, label_set in zip(places, probabilities, sets, strict=True)
    ]


def _label_sets(
    probabilities: NDArray[np.float64], places: Sequence[int], head: HeadPolicy
) -> Sequence[tuple[str, ...]]:
    if head.label_sets is None:
        return [()] * len(places)
    least = head.label_sets.least_probability
    by_probability = np.argsort(-probabilities, axis=1, kind="stable")
    return [
        tuple(head.labels[place] for place in order if place == best or row[place] >= least)
        for best, row, order in zip(places, probabilities, by_probability, strict=True)
    ]


def _route(heads: dict[str, HeadDecision], policy: Policy, novel: bool) -> Decision:
    owner = heads[policy.owner].label if policy.owner else None
    below = tuple(_below_threshold(name) for name, head in heads.items() if not head.accepted)
    if novel:
        return Decision(heads, "review", owner, (OUT_OF_SCOPE, *below))
    for name, unowned in policy.unowned.items():
        if heads[name].accepted and heads[name].label in unowned:
            return Decision(heads, "ignore", None, ())
    return Decision(heads, "review" if below else "auto", owner, below)


def _below_threshold(head: str) -> str:
    return f"{head}_below_threshold"
