"""What the posts of late are answered, against what the calibration posts were: counts only, and they fade."""

from collections import Counter as Tally
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from api.answers import energy_head
from model.bundle import Bundle
from model.decision import calibrated, chosen
from model.novelty import energy

BLOCK_POSTS = 500
"""So many are counted before they join the others, whereupon the drift is told anew."""

KEPT = 0.95
"""What the older ones still count for when a block joins them: half of all weight lies on the last 7,000 posts."""

LEAST_POSTS = 1_000
"""Below these, chance alone moves a tenth of the posts to other labels, where there are a few dozen labels."""

LEAST_CALIBRATION_POSTS = 50


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the policy says to the calibration posts of a bundle.

    Attributes:
        labels: by head.
        shares: by head, `(n_labels,)`.
        confidence: by head, the mean of the chosen labels'.
        energies: `(n_posts,)`, from the least unlike the others to the most (`answers.energy_head`).
    """

    labels: Mapping[str, tuple[str, ...]]
    shares: Mapping[str, NDArray[np.float64]]
    confidence: Mapping[str, float]
    energies: NDArray[np.float64]

    @classmethod
    def of(cls, bundle: Bundle) -> "Baseline | None":
        """`None` where the bundle does not know its calibration posts, or too few to compare with.

        Raises:
            BundleError: what it knows of them is torn or altered.
        """
        reference = bundle.reference()
        if reference is None or len(reference) < LEAST_CALIBRATION_POSTS:
            return None
        shares, confidence = {}, {}
        for name, head in bundle.policy.heads.items():
            probabilities = calibrated(reference.scores.logits[name], head)
            said = chosen(probabilities, head)
            shares[name] = np.bincount(said, minlength=len(head.labels)) / len(said)
            confidence[name] = float(probabilities[np.arange(len(said)), said].mean())
        energies = np.sort(energy(reference.scores.logits[energy_head(bundle.policy)]))
        return cls({name: head.labels for name, head in bundle.policy.heads.items()}, shares, confidence, energies)


class RecentTraffic:
    """Label counts and confidences of late, the older ones for less. Lives on the event loop."""

    def __init__(self, baseline: Baseline, tell: Callable[[str, float, float], None]) -> None:
        """
        Args:
            tell: is given, a head at a time, the total variation distance of the label shares from the baseline's, and
                the mean confidence less the baseline's; from `LEAST_POSTS` posts on, at the end of each block.
        """
        self._baseline = baseline
        self._tell = tell
        self._counts = {name: np.zeros(len(labels)) for name, labels in baseline.labels.items()}
        self._confidence = dict.fromkeys(baseline.labels, 0.0)
        self._posts = 0
        self._seen: Tally[tuple[str, str]] = Tally()
        self._sums = dict.fromkeys(baseline.labels, 0.0)
        self._block = 0

    def add(self, posts: int, labels: Mapping[tuple[str, ...], int], confidence: Mapping[str, float]) -> None:
        """Count answers.

        Args:
            labels: how often each `(head, label, decision)` was given.
            confidence: by head, their sum.
        """
        for (head, label, *_), times in labels.items():
            self._seen[head, label] += times
        for name in self._sums:
            self._sums[name] += confidence.get(name, 0.0)
        self._block += posts
        if self._block >= BLOCK_POSTS:
            self._join()

    def _join(self) -> None:
        self._posts += self._block
        for name, labels in self._baseline.labels.items():
            found = np.array([self._seen[name, label] for label in labels], np.float64)
            counts = self._counts[name] = KEPT * self._counts[name] + found
            self._confidence[name] = KEPT * self._confidence[name] + self._sums[name]
            total = counts.sum()
            if self._posts >= LEAST_POSTS and total:
                distance = float(np.abs(counts / total - self._baseline.shares[name]).sum() / 2)
                self._tell(name, distance, float(self._confidence[name] / total) - self._baseline.confidence[name])
        self._seen.clear()
        self._sums = dict.fromkeys(self._sums, 0.0)
        self._block = 0
