"""How many answers could be taken without a person, and how many of them would be wrong."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.intervals import binomial_bounds

_POINTS = 100


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """The curve of one question; each array is `(n_cuts,)`, from the strictest threshold to none.

    A cut is a confidence that occurs: answers of equal confidence are taken together or not at all.

    Attributes:
        threshold: from which an answer is taken.
        taken, wrong: answers, and wrong ones among them.
        n: all answers.
        area: mean over k = 1 ... n of the share of errors among the k most confident answers (AURC; Geifman & El-Yaniv
            2017, arXiv:1705.08500). Among answers of equal confidence the errors are spread evenly.
        excess_area: the area less that of a model as often wrong whose wrong answers are all less confident than its
            right ones (E-AURC; Geifman et al. 2019, arXiv:1805.08206); 0 is a perfect order.
    """

    threshold: NDArray[np.float64]
    taken: NDArray[np.int64]
    wrong: NDArray[np.int64]
    n: int
    area: float
    excess_area: float

    def to_dict(self, points: int = _POINTS) -> dict[str, Any]:
        """JSON-ready: at most `points` cuts, evenly by coverage, with exact binomial 95 % intervals of the error."""
        wanted = np.searchsorted(self.taken, self.n * np.arange(1, points + 1) / points)
        cuts = np.unique(np.minimum(wanted, len(self.taken) - 1))
        taken, wrong = self.taken[cuts].astype(np.float64), self.wrong[cuts].astype(np.float64)
        return {
            "aurc": self.area,
            "excess_aurc": self.excess_area,
            "threshold": self.threshold[cuts].tolist(),
            "coverage": (taken / self.n).tolist(),
            "error": (wrong / taken).tolist(),
            "error_ci95": np.stack(binomial_bounds(wrong, taken), axis=1).tolist(),
        }


def risk_coverage(confidence: NDArray[np.float64], wrong: NDArray[np.bool_]) -> RiskCoverage:
    """The curve of answers.

    Args:
        confidence: `(n_posts,)`, of the answers; at least one.
        wrong: `(n_posts,)`.
    """
    n = len(confidence)
    order = np.argsort(-confidence, kind="stable")
    falling = confidence[order]
    last = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))
    taken, errors = last + 1, np.cumsum(wrong[order], dtype=np.int64)[last]
    ranks = np.arange(1, n + 1)
    area = float(np.mean(np.interp(ranks, np.r_[0, taken], np.r_[0, errors]) / ranks))
    best = float(np.mean(np.maximum(ranks - (n - errors[-1]), 0) / ranks))
    return RiskCoverage(falling[last], taken, errors, n, area, area - best)
