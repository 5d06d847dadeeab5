"""What the two charts of a head show: how far confidence is to be trusted, and what each threshold buys."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.intervals import binomial_bounds
from evaluation.scored import HeadAnswers
from evaluation.tuning.risk_control import grid_floor

MOST_CUTS = 500
"""Thresholds that the slider stops at; finer ones move the coverage by less than a fifth of a point."""

_BINS = 15


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Posts that a threshold may let pass, and what would come of it.

    Attributes:
        confidence: `(n_posts,)`, a post is handled without a person from this threshold on; -1 where it never is.
        judged: `(n_posts,)`, whether the right answer is known.
        wrong: `(n_posts,)`, whether the answer would be an error; only read where it is judged.
        accepted: `(n_posts,)`, what the policy lets pass as it stands.
    """

    confidence: NDArray[np.float64]
    judged: NDArray[np.bool_]
    wrong: NDArray[np.bool_]
    accepted: NDArray[np.bool_]


def outcomes_of(answers: HeadAnswers) -> Outcomes:
    """Of one head by itself, over the posts whose right answer is known."""
    return Outcomes(answers.confidence, np.ones(len(answers.rows), np.bool_), answers.wrong, answers.accepted)


def risk_coverage(
    outcomes: Outcomes,
    start: float | None = None,
    costs: NDArray[np.float64] | None = None,
    review_cost: float = 0.0,
) -> dict[str, Any]:
    """What each of at most `MOST_CUTS` thresholds does, from the strictest to the loosest, JSON-ready.

    The bounds of the error are Clopper and Pearson's 95 % interval of each threshold by itself.

    Args:
        start: the threshold that the policy sets, where there is one; otherwise the slider starts at the threshold
            whose coverage is nearest to the policy's.
        costs: `(n_posts,)`, of taking each post as it is answered; without them no cost is shown.
        review_cost: of a post that a person sees.
    """
    order = np.argsort(-outcomes.confidence, kind="stable")
    descending = outcomes.confidence[order]
    thresholds = _thresholds(descending[descending >= 0], start)
    handled = np.searchsorted(-descending, -thresholds, side="right")
    judged = _sums(outcomes.judged[order])[handled]
    errors = _sums((outcomes.judged & outcomes.wrong)[order])[handled]
    low, high = binomial_bounds(errors, judged)
    passed = outcomes.accepted
    policy_handled = int(passed.sum())
    nearest = (
        int(np.abs(handled - policy_handled).argmin()) if start is None else int(np.flatnonzero(thresholds == start)[0])
    )
    return {
        "posts": len(order),
        "thresholds": thresholds.tolist(),
        "handled": handled.tolist(),
        "judged": judged.astype(int).tolist(),
        "errors": errors.astype(int).tolist(),
        "low": _plain(low),
        "high": _plain(high),
        "costs": None if costs is None else _cost_per_thousand(costs[order], handled, review_cost),
        "start": nearest,
        "policy": {
            "handled": policy_handled,
            "judged": int((passed & outcomes.judged).sum()),
            "errors": int((passed & outcomes.judged & outcomes.wrong).sum()),
        },
    }


def reliability(probabilities: NDArray[np.float64], gold: NDArray[np.int64]) -> list[dict[str, float]]:
    """The bins of `expected_calibration_error`, from the least confident to the most, with 95 % intervals.

    Args:
        probabilities: `(n_posts, n_labels)`, calibrated.
        gold: `(n_posts,)`.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == gold
    order = np.argsort(confidence, kind="stable")
    bins = []
    for part in np.array_split(order, min(_BINS, len(order))):
        (low,), (high,) = binomial_bounds(np.array([float(right[part].sum())]), np.array([float(len(part))]))
        bins.append(
            {
                "posts": len(part),
                "from": float(confidence[part[0]]),
                "to": float(confidence[part[-1]]),
                "confidence": float(confidence[part].mean()),
                "right": float(right[part].mean()),
                "low": float(low),
                "high": float(high),
            }
        )
    return bins


def _thresholds(descending: NDArray[np.float64], start: float | None) -> NDArray[np.float64]:
    """Equal ranks apart, of six digits at most, 0 among them."""
    given = [] if start is None else [start]
    keys = np.unique(grid_floor(descending))
    if len(keys) > MOST_CUTS - 1 - len(given):
        ranks = np.linspace(0, len(descending) - 1, MOST_CUTS - 1 - len(given)).round().astype(int)
        keys = np.unique(grid_floor(descending[ranks]))
    # What reaches the lowest key also reaches 0, and 0 says plainly that all do.
    return np.unique(np.concatenate([[0.0], keys[1:], given]))[::-1]


def _sums(values: NDArray[np.bool_]) -> NDArray[np.float64]:
    """`(n_posts + 1,)`: of the first none, one, two ... of them."""
    return np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])


def _cost_per_thousand(costs: NDArray[np.float64], handled: NDArray[np.intp], review_cost: float) -> list[float]:
    taken = np.concatenate([[0.0], np.cumsum(costs)])[handled]
    per_post = (taken + review_cost * (len(costs) - handled)) / max(len(costs), 1)
    return [float(cost) for cost in 1000 * per_post]


def _plain(values: NDArray[np.float64]) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]
