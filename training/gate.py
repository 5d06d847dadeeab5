"""The gate between precisions: a smaller graph is served only if it decides as the larger one does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.decision import Decision
from model.policy import Policy

LEAST_AGREEMENT = 0.98
"""Of most probable labels, in a head."""

LEAST_ROUTE_AGREEMENT = 0.95
"""Of routes: any of several confidences may fall on the other side of its threshold."""

MOST_F1_LOSS = 0.01
"""Of macro F1, in a head."""


@dataclass(frozen=True, slots=True)
class Judged:
    """How a model answers held-back posts.

    Attributes:
        decisions: under the policy.
        figures: of the decisions, as `evaluate` gives them.
    """

    policy: Policy
    decisions: Sequence[Decision]
    figures: dict[str, Any]

    def probabilities(self, head: str) -> NDArray[np.float64]:
        """`(n_posts, n_labels)`, calibrated."""
        return np.stack([decision.heads[head].probabilities for decision in self.decisions])

    def macro_f1(self) -> dict[str, float]:
        """By head that the posts carry."""
        return {head: figures["macro_f1"] for head, figures in self.figures["heads"].items()}


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a model answers held-back posts, against a reference.

    Attributes:
        posts: how many.
        label_agreement: by head, share of posts with the same most probable label.
        probability_shift: by head, mean over posts of the largest difference of a calibrated probability.
        macro_f1_loss: by head that the posts carry, macro F1 of the reference less the model's.
        route_agreement: share of posts with the same action for the same owner.
    """

    posts: int
    label_agreement: Mapping[str, float]
    probability_shift: Mapping[str, float]
    macro_f1_loss: Mapping[str, float]
    route_agreement: float

    def faults(self) -> list[str]:
        """Why the graph must not be served; empty where it may."""
        faults = [
            f"{head}: the same label for {share:.1%} of {self.posts} posts, expected at least {LEAST_AGREEMENT:.0%}"
            for head, share in self.label_agreement.items()
            if not share >= LEAST_AGREEMENT
        ]
        faults += [
            f"{head}: {loss:.3f} of macro F1 lost, expected at most {MOST_F1_LOSS}"
            for head, loss in self.macro_f1_loss.items()
            if not loss <= MOST_F1_LOSS
        ]
        if not self.route_agreement >= LEAST_ROUTE_AGREEMENT:
            faults.append(
                f"the same route for {self.route_agreement:.1%} of {self.posts} posts, "
                f"expected at least {LEAST_ROUTE_AGREEMENT:.0%}"
            )
        return faults


def compare(reference: Judged, candidate: Judged) -> Comparison:
    """Compare two models on the same posts."""
    agreement, shift = {}, {}
    for head in reference.policy.heads:
        expected, found = reference.probabilities(head), candidate.probabilities(head)
        agreement[head] = float((expected.argmax(axis=1) == found.argmax(axis=1)).mean())
        shift[head] = float(np.abs(expected - found).max(axis=1).mean())
    same = [_route(one) == _route(other) for one, other in zip(reference.decisions, candidate.decisions, strict=True)]
    f1 = candidate.macro_f1()
    return Comparison(
        posts=len(same),
        label_agreement=agreement,
        probability_shift=shift,
        macro_f1_loss={head: before - f1[head] for head, before in reference.macro_f1().items()},
        route_agreement=float(np.mean(same)),
    )


def _route(decision: Decision) -> tuple[str, str | None]:
    return decision.action, decision.owner
