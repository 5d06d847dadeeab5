"""What a policy does to a stream of posts: what is accepted, what of it is wrong, and how many people it takes."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.errors import ConfigurationError
from data.taxonomy import Taxonomy
from evaluation.intervals import groups_of, share_intervals
from evaluation.risk_coverage import risk_coverage
from evaluation.routes import NEVER, misses, passes, route_answers, thresholds_of
from evaluation.scored import ScoredPosts, answers_of
from evaluation.tuning.promises import Measure, Promise
from model.policy import Policy

_VOLUME = re.compile(r"(?P<posts>\d+(?:\.\d+)?)(?P<thousands>k?)(?:/(?P<per>hour|day|week))?", re.IGNORECASE)
_DAYS = {"hour": 24.0, "day": 1.0, "week": 1 / 7}


@dataclass(frozen=True, slots=True)
class Staffing:
    """What comes in, and how fast people work.

    Attributes:
        posts_per_day: that come in.
        minutes: that a person takes for a post.
        hours: that a person works a day.
    """

    posts_per_day: float
    minutes: float
    hours: float = 6.0

    def reviewers(self, share: float) -> float:
        """People needed where that share of the posts goes to them."""
        return self.posts_per_day * share * self.minutes / 60 / self.hours


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen of the subject of a promise; no promise by itself.

    Attributes:
        posts: that it is about: of the head, of the label, or all.
        counted: of these, those that the bound counts: accepted ones, or, for a recall, all.
        wrong: of these, those that break it.
        interval: 95 % interval of their share, by group where posts share groups (`share_intervals`).
    """

    posts: int
    counted: int
    wrong: int
    interval: tuple[float, float]

    @property
    def rate(self) -> float | None:
        return self.wrong / self.counted if self.counted else None


@dataclass(frozen=True, slots=True)
class Row:
    """One threshold among many.

    Attributes:
        coverage: share of the posts that the promise is about that pass.
        review: share of all posts that a person sees, with this threshold and the others as they are.
    """

    threshold: float
    coverage: float
    review: float
    accepted: int
    wrong: int
    interval: tuple[float, float]


def read_volume(text: str) -> float:
    """Posts a day, from `20000/day`, `20k`, `900/hour`.

    Raises:
        ConfigurationError: it is none of these.
    """
    found = _VOLUME.fullmatch(text.replace(",", "").strip())
    if not found or not float(found["posts"]):
        raise ConfigurationError(f"expected a volume such as 20000/day, 900/hour or 100k/week, found {text!r}")
    thousands = 1000 if found["thousands"] else 1
    return float(found["posts"]) * thousands * _DAYS[(found["per"] or "day").lower()]


def observe(promise: Promise, posts: ScoredPosts, policy: Policy, taxonomy: Taxonomy) -> Observed:
    """What a policy, with all of its thresholds, does about the subject of a promise."""
    confidence, wrong, groups = _subject(promise, posts, policy, taxonomy, thresholds_of(policy))
    accepted = confidence >= 0
    counted = np.ones(len(confidence), np.bool_) if promise.measure is Measure.RECALL else accepted
    errors = accepted & wrong
    interval = _interval(errors, groups, counted)
    return Observed(len(confidence), int(counted.sum()), int(errors.sum()), interval)


def sweep(promise: Promise, posts: ScoredPosts, policy: Policy, taxonomy: Taxonomy, rows: int = 10) -> list[Row]:
    """Thresholds from strict to loose, evenly by coverage: each in place of those that the promise is about."""
    concerned = _concerned(promise, policy)
    others = thresholds_of(policy)
    least = {name: np.where(concerned[name], 0.0, values) for name, values in others.items()}
    confidence, wrong, groups = _subject(promise, posts, policy, taxonomy, least)
    passing = confidence >= 0
    if not passing.any():
        return []
    curve = risk_coverage(confidence[passing], wrong[passing])
    wanted = np.searchsorted(curve.taken, curve.n * np.arange(1, rows + 1) / rows)

    def at(threshold: float) -> dict[str, NDArray[np.float64]]:
        return {name: np.where(concerned[name], threshold, values) for name, values in others.items()}

    return [
        Row(
            float(curve.threshold[cut]),
            float(curve.taken[cut] / len(confidence)),
            1 - float(passes(posts, policy, taxonomy, at(curve.threshold[cut])).mean()),
            int(curve.taken[cut]),
            int(curve.wrong[cut]),
            _interval(wrong, groups, confidence >= curve.threshold[cut]),
        )
        for cut in sorted(set(wanted.tolist()))
    ]


def review_share(actions: Iterable[str]) -> float:
    """The share of posts that a person sees."""
    listed = list(actions)
    return listed.count("review") / len(listed) if listed else 0.0


def _concerned(promise: Promise, policy: Policy) -> dict[str, NDArray[np.bool_]]:
    """`(n_labels,)` a head: whether a promise is about the threshold of a label."""
    return {
        name: np.array(
            [
                (name == policy.owner or label in policy.unowned.get(name, ()))
                if promise.head is None
                else promise.head == name and promise.label in (None, label)
                for label in head.labels
            ]
        )
        for name, head in policy.heads.items()
    }


def _subject(
    promise: Promise, posts: ScoredPosts, policy: Policy, taxonomy: Taxonomy, least: dict[str, NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64] | None]:
    """Of the posts that a promise is about: confidence (negative where it is not accepted), errors and groups."""
    if promise.head is None:
        owned = [example for example in posts.examples if policy.owner in example.labels]
        return *route_answers(posts, policy, taxonomy, least), groups_of(owned)
    head = taxonomy.head(promise.head)
    answers = answers_of(posts, head, policy.heads[head.name])
    confidence = np.where(answers.confidence >= least[head.name][answers.said], answers.confidence, NEVER)
    groups = groups_of([posts.examples[row] for row in answers.rows])
    if promise.label is None:
        return confidence, answers.wrong, groups
    place = head.labels.index(promise.label)
    if promise.measure is Measure.RECALL:
        of_label = answers.gold == place
        confidence, wrong = misses(posts, policy, taxonomy, (head, promise.label), least)
        return confidence, wrong, None if groups is None else groups[of_label]
    of_label = answers.said == place
    return confidence[of_label], answers.wrong[of_label], None if groups is None else groups[of_label]


def _interval(
    hits: NDArray[np.bool_], groups: NDArray[np.int64] | None, counted: NDArray[np.bool_]
) -> tuple[float, float]:
    """Of the share of hits among the posts that count."""
    one_set = np.zeros(int(counted.sum()), np.intp)
    shares = share_intervals(one_set, hits[counted], 1, None if groups is None else groups[counted])
    return float(shares.low[0]), float(shares.high[0])
