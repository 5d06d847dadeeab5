"""The one function from scores to decisions, for the service and the evaluation alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from model.policy import HeadPolicy, Policy
from model.scores import Scores

Action = Literal["auto", "ignore", "review"]
ACTIONS: tuple[Action, ...] = ("auto", "ignore", "review")


@dataclass(frozen=True, slots=True)
class HeadDecision:
    """The answer to one question.

    Attributes:
        label: the chosen one.
        confidence: its calibrated probability; no decision ever alters it.
        threshold: from which it is accepted.
        probabilities: `(n_labels,)`, calibrated, in the order of the head's labels.
    """

    label: str
    confidence: float
    threshold: float
    probabilities: NDArray[np.float64]

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

    A post is ignored when a label that nobody owns is accepted; it is automatic when the labels of all heads are
    accepted; otherwise a person reviews it, for each head below its threshold one reason.
    """
    answers = {name: _answers(scores.logits[name], head) for name, head in policy.heads.items()}
    return [_route({name: column[index] for name, column in answers.items()}, policy) for index in range(len(scores))]


def calibrated(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    """Softmax of `logits / temperature` over the last axis, in float64."""
    probabilities: NDArray[np.float64] = np.divide(logits, temperature, dtype=np.float64)
    probabilities -= probabilities.max(axis=-1, keepdims=True)
    np.exp(probabilities, out=probabilities)
    probabilities /= probabilities.sum(axis=-1, keepdims=True)
    return probabilities


def reasons_of(policy: Policy) -> tuple[str, ...]:
    """The closed list of reasons that `decide` can give under a policy."""
    return tuple(_below_threshold(head) for head in policy.heads)


def _answers(logits: NDArray[np.float32], head: HeadPolicy) -> Sequence[HeadDecision]:
    probabilities = calibrated(logits, head.temperature)
    return [
        HeadDecision(head.labels[best], float(row[best]), head.thresholds[best], row)
        for best, row in zip(probabilities.argmax(axis=1).tolist(), probabilities, strict=True)
    ]


def _route(heads: dict[str, HeadDecision], policy: Policy) -> Decision:
    for name, unowned in policy.unowned.items():
        if heads[name].accepted and heads[name].label in unowned:
            return Decision(heads, "ignore", None, ())
    owner = heads[policy.owner].label if policy.owner else None
    reasons = tuple(_below_threshold(name) for name, head in heads.items() if not head.accepted)
    return Decision(heads, "review" if reasons else "auto", owner, reasons)


def _below_threshold(head: str) -> str:
    return f"{head}_below_threshold"
