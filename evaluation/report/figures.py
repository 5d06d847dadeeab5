"""All that a report shows, as plain data for the page."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.posts import Example
from data.taxonomy import Taxonomy
from evaluation.intervals import groups_of
from evaluation.metrics import head_figures, known_answers, routing_figures
from evaluation.report.curves import outcomes_of, reliability, risk_coverage
from evaluation.report.one_threshold import head_costs, route_costs, route_outcomes
from evaluation.report.standouts import confident_errors, label_errors, named
from evaluation.scored import HeadAnswers, ScoredPosts
from evaluation.slices import slice_figures
from evaluation.tuning.costs import Costs
from model.decision import ACTIONS, decide
from model.policy import HeadPolicy, Policy


@dataclass(frozen=True, slots=True)
class About:
    """What stands at the top of a report.

    Attributes:
        title: of the page.
        files: names of the files that the posts came from.
        facts: more by name, such as the bundle and its precision.
        notes: what a reader must know first, such as rows that were set aside, a sentence or two each.
        made: when; by default now.
    """

    title: str
    files: Sequence[str]
    facts: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    made: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Options:
    """What a report shows, and what its sliders start from.

    Attributes:
        texts: whether texts of posts stand in it.
        slices: columns, as `slice_figures` takes them; by default those of channel, language and month
            that are there, and length.
        volume: posts a day.
        review_minutes: that a person takes for a post.
        hours: that a reviewer reviews a day.
        costs: of mistakes and of reviews; without them no cost is shown.
    """

    texts: bool = True
    slices: Sequence[str] | None = None
    volume: float = 1000
    review_minutes: float = 2
    hours: float = 6
    costs: Costs | None = None


def report_figures(
    posts: ScoredPosts, policy: Policy, taxonomy: Taxonomy, about: About, options: Options
) -> dict[str, Any]:
    """Everything on the page, JSON-ready; no text of a post where `options.texts` is off.

    Args:
        posts: at least one.
    """
    answers = known_answers(posts, policy, taxonomy)
    groups = groups_of(posts.examples)
    return {
        "header": {
            "posts": len(posts),
            "files": list(about.files),
            "made": f"{about.made.astimezone(UTC):%-d %B %Y, %H:%M} UTC",
            "facts": {**about.facts, "Policy": policy.version, "Taxonomy": f"{taxonomy.name} {taxonomy.sha256[:12]}"},
            "notes": list(about.notes),
        },
        "plan": {"volume": options.volume, "minutes": options.review_minutes, "hours": options.hours},
        "texts": options.texts,
        "grouped": groups is not None,
        "routing": _routing(posts, policy, answers, options.costs) if policy.owner else None,
        "heads": [
            _head(
                each,
                policy.heads[each.head.name],
                posts.examples,
                None if groups is None else groups[each.rows],
                options,
            )
            for each in answers
        ],
        "slices": _slices(posts.examples, answers, options.slices),
    }


def _routing(posts: ScoredPosts, policy: Policy, answers: Sequence[HeadAnswers], costs: Costs | None) -> dict[str, Any]:
    decisions = decide(posts.scores, policy)
    actions = Counter(decision.action for decision in decisions)
    figures = routing_figures(decisions, posts.examples, policy.owner or "")
    low, high = figures["auto_error_ci95"] or (None, None)
    outcomes = route_outcomes(posts, policy, decisions)
    thresholds = {head.threshold for head in policy.heads.values()}
    common = thresholds.pop() if len(thresholds) == 1 else None
    if costs is None:
        curve = risk_coverage(outcomes, common)
    else:
        curve = risk_coverage(outcomes, common, route_costs(posts, policy, answers, costs), costs.review)
    return {
        "actions": {action: actions[action] for action in ACTIONS},
        **curve["policy"],
        "low": low,
        "high": high,
        "reasons": Counter(reason for decision in decisions for reason in decision.reasons).most_common(),
        "curve": curve,
    }


def _head(
    answers: HeadAnswers,
    policy: HeadPolicy,
    examples: Sequence[Example],
    groups: NDArray[np.int64] | None,
    options: Options,
) -> dict[str, Any]:
    head = answers.head
    figures = head_figures(answers, groups)
    return {
        "name": head.name,
        "kind": head.kind,
        "labels": list(head.labels),
        "posts": len(answers.rows),
        "figures": {name: figures.get(name) for name in _SHOWN},
        "reliability": reliability(answers.probabilities, answers.gold),
        "curve": _curve(answers, policy, options.costs),
        "confusion": figures["confusion"]["counts"],
        "per_label": [
            {
                "label": label,
                "posts": row["support"],
                **{name: [row[name], *row[f"{name}_ci95"]] if row[f"{name}_ci95"] else None for name in _OF_LABELS},
            }
            for label, row in figures["per_label"].items()
        ],
        "errors": [entry | named(row, examples[row], options.texts) for row, entry in confident_errors(answers)],
        "suspects": [entry | named(row, examples[row], options.texts) for row, entry in label_errors(answers)],
    }


_SHOWN = (
    *("accuracy", "accuracy_ci95", "macro_f1", "macro_f1_ci95", "ece", "brier", "log_loss"),
    *("mae", "mae_ci95", "qwk", "qwk_ci95", "top_missed", "top_missed_ci95"),
)
_OF_LABELS = ("precision", "recall", "f1")


def _curve(answers: HeadAnswers, policy: HeadPolicy, costs: Costs | None) -> dict[str, Any]:
    if costs is None or answers.head.name not in costs.heads:
        return risk_coverage(outcomes_of(answers), policy.threshold)
    return risk_coverage(outcomes_of(answers), policy.threshold, head_costs(answers, costs), costs.review)


def _slices(
    examples: Sequence[Example], answers: Sequence[HeadAnswers], columns: Sequence[str] | None
) -> list[dict[str, Any]]:
    found = slice_figures(examples, answers, _present(examples) if columns is None else columns)
    return [
        {
            "name": column,
            "values": [
                {
                    "name": name,
                    "posts": value["n"],
                    "heads": {
                        head: [row["accuracy"], *row["accuracy_ci95"], row["too_small"]]
                        for head, row in value["heads"].items()
                    },
                }
                for name, value in slices.items()
            ],
        }
        for column, slices in found.items()
    ]


def _present(examples: Sequence[Example]) -> list[str]:
    times = any(example.post.time for example in examples)
    own = [name for name in ("channel", "language") if any(getattr(example.post, name) for example in examples)]
    return [*own, *(["month"] if times else []), "length"]
