"""The figures of a model on labelled posts."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import cohen_kappa_score, confusion_matrix, precision_recall_fscore_support

from data.posts import Example
from data.taxonomy import Taxonomy
from evaluation.calibration import confidence_figures, expected_calibration_error
from evaluation.intervals import Shares, confusion_intervals, groups_of, share_intervals
from evaluation.risk_coverage import risk_coverage
from evaluation.scored import HeadAnswers, ScoredPosts, answers_of
from model.decision import Decision, calibrated, decide
from model.policy import HeadPolicy, Policy


def evaluate(
    posts: ScoredPosts, policy: Policy, taxonomy: Taxonomy, weights: NDArray[np.float64] | None = None
) -> dict[str, Any]:
    """All figures, JSON-ready.

    Intervals are 95 % ones; where posts share groups (`Example.group`) they are by group.

    Args:
        weights: `(n_examples,)`, of the examples in the stream that they stand for, as `weights_for` gives them.

    Returns:
        `n`; `heads`: for each head the figures of the most probable label, with those of its `uncalibrated` confidence;
        `decided`: the same of the label that the policy chose; `routing`: of the actions, where the taxonomy names an
        owner; `weighted`: accuracy and ECE of each head under `weights`, where they are given. A head that no example
        carries is left out.
    """
    groups = groups_of(posts.examples)
    figures: dict[str, Any] = {"n": len(posts), "heads": {}, "decided": {}}
    for answers in known_answers(posts, policy, taxonomy):
        name, rows = answers.head.name, answers.rows
        found = head_figures(_most_probable(answers), None if groups is None else groups[rows])
        raw = calibrated(posts.scores.logits[name][rows], HeadPolicy(labels=answers.head.labels))
        figures["heads"][name] = {**found, "uncalibrated": confidence_figures(raw, answers.gold)}
        if not np.array_equal(answers.said, answers.most_probable):
            found = head_figures(answers, None if groups is None else groups[rows])
        figures["decided"][name] = found
        if weights is not None:
            right = answers.most_probable == answers.gold
            figures.setdefault("weighted", {})[name] = {
                "accuracy": float(np.average(right, weights=weights[rows])),
                "ece": expected_calibration_error(answers.probabilities, answers.gold, weights[rows]),
            }
    if taxonomy.routing:
        figures["routing"] = routing_figures(decide(posts.scores, policy), posts.examples, taxonomy.routing.owner)
    return figures


def known_answers(posts: ScoredPosts, policy: Policy, taxonomy: Taxonomy) -> list[HeadAnswers]:
    """What the policy answers to each question that some post carries the label of."""
    answers = [answers_of(posts, head, policy.heads[head.name]) for head in taxonomy]
    return [each for each in answers if len(each.rows)]


def accuracies(answers: Sequence[HeadAnswers]) -> dict[str, float]:
    """By head: the share of posts whose most probable label is right."""
    return {each.head.name: float((each.most_probable == each.gold).mean()) for each in answers}


def head_figures(answers: HeadAnswers, groups: NDArray[np.int64] | None = None) -> dict[str, Any]:
    """The figures of one head over examples that carry its label.

    Macro F1 is the mean over the labels that stand in `gold`. The intervals of macro and weighted F1, mean distance and
    kappa are quantiles of a seeded bootstrap, those of shares are of `share_intervals`.

    Args:
        groups: `(n_known,)`, as `groups_of` gives them.
    """
    head, gold, said = answers.head, answers.gold, answers.said
    labels = np.arange(len(head.labels))
    precision, recall, f1, support = precision_recall_fscore_support(gold, said, labels=labels, zero_division=0.0)
    right = _share_of(gold == said, groups)
    bounds = confusion_intervals(gold, said, len(labels), _bootstrapped, groups)
    intervals = _label_intervals(answers, groups)
    figures: dict[str, Any] = {
        "n": len(gold),
        "accuracy": right.value(0),
        "accuracy_ci95": right.interval(0),
        "macro_f1": float(f1[support > 0].mean()),
        "macro_f1_ci95": bounds[0].tolist(),
        "weighted_f1": float(np.average(f1, weights=support)),
        "weighted_f1_ci95": bounds[1].tolist(),
        **confidence_figures(answers.probabilities, gold),
        "per_label": {
            label: {
                "precision": float(precision[place]),
                "recall": float(recall[place]),
                "f1": float(f1[place]),
                "support": int(support[place]),
                **{f"{name}_ci95": shares.interval(place) for name, shares in intervals.items()},
            }
            for place, label in enumerate(head.labels)
        },
        "confusion": {
            "labels": list(head.labels),
            "counts": confusion_matrix(gold, said, labels=labels).tolist(),
        },
        "risk_coverage": risk_coverage(answers.confidence, answers.wrong).to_dict(),
    }
    if head.kind == "ordinal":
        figures |= _ordinal_figures(answers, groups)
        figures |= {"mae_ci95": bounds[2].tolist(), "qwk_ci95": bounds[3].tolist()}
    return figures


def routing_figures(decisions: Sequence[Decision], examples: Sequence[Example], owner: str) -> dict[str, Any]:
    """The figures of the actions.

    Shares are of all posts, but for `auto_error`, the share of the posts handled without a person (`auto` or `ignore`)
    that went to a wrong owner, nobody counting as an owner; it is over posts that carry the owner's label, with the
    interval of `share_intervals`. `none_precision` and `none_recall` are of "nobody owns it", said by the action
    `ignore`. A figure with nothing to count is null.
    """
    actions = [decision.action for decision in decisions]
    pairs = zip(decisions, examples, strict=True)
    judged = [(decision, example) for decision, example in pairs if owner in example.labels]
    handled = [(decision, example) for decision, example in judged if decision.action != "review"]
    wrong = np.array([decision.owner != example.labels[owner] for decision, example in handled], np.bool_)
    errors = _share_of(wrong, groups_of([example for _, example in handled]))
    nobody = [example.labels[owner] is None for _, example in judged]
    ignored = [decision.action == "ignore" for decision, _ in judged]
    rightly = sum(gold and said for gold, said in zip(nobody, ignored, strict=True))
    return {
        "auto_rate": actions.count("auto") / len(actions),
        "auto_error": errors.value(0),
        "auto_error_ci95": errors.interval(0),
        "ignored_rate": actions.count("ignore") / len(actions),
        "none_precision": _share(rightly, sum(ignored)),
        "none_recall": _share(rightly, sum(nobody)),
    }


def _most_probable(answers: HeadAnswers) -> HeadAnswers:
    """As if the policy knew no costs."""
    return replace(answers, said=answers.most_probable, confidence=answers.probabilities.max(axis=1))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _share_of(hits: NDArray[np.bool_], groups: NDArray[np.int64] | None) -> Shares:
    return share_intervals(np.zeros(len(hits), np.intp), hits, 1, groups)


def _label_intervals(answers: HeadAnswers, groups: NDArray[np.int64] | None) -> dict[str, Shares]:
    """Of precision, recall and F1 by label.

    F1 is 2 J / (1 + J) of the Jaccard index J, which is a share as the others are: of the posts that are or were said
    to be of the label, those that are both. So the bounds of J give those of F1.
    """
    gold, said, wrong = answers.gold, answers.said, answers.wrong
    n_labels = len(answers.head.labels)
    both = np.concatenate([gold, said[wrong]])
    hits = np.concatenate([~wrong, np.zeros(int(wrong.sum()), np.bool_)])
    jaccard = share_intervals(both, hits, n_labels, None if groups is None else np.concatenate([groups, groups[wrong]]))
    share, low, high = (2 * values / (1 + values) for values in (jaccard.share, jaccard.low, jaccard.high))
    return {
        "precision": share_intervals(said, ~wrong, n_labels, groups),
        "recall": share_intervals(gold, ~wrong, n_labels, groups),
        "f1": Shares(share, low, high, jaccard.count),
    }


def _ordinal_figures(answers: HeadAnswers, groups: NDArray[np.int64] | None) -> dict[str, Any]:
    """`top_missed`: of the posts of the highest level, those said to be of a lower one."""
    gold, said = answers.gold, answers.said
    levels = np.arange(len(answers.head.labels))
    distance = np.abs(gold - said)
    far = _share_of(distance >= 2, groups)
    top = gold == levels[-1]
    missed = _share_of(answers.wrong[top], None if groups is None else groups[top])
    # All alike and all right is 0/0 in the formula.
    same = len(np.union1d(gold, said)) == 1
    return {
        "mae": float(distance.mean()),
        "qwk": 1.0 if same else float(cohen_kappa_score(gold, said, labels=levels, weights="quadratic")),
        "two_levels_off": far.value(0),
        "two_levels_off_ci95": far.interval(0),
        "top_missed": missed.value(0),
        "top_missed_ci95": missed.interval(0),
    }


def _bootstrapped(confusions: NDArray[np.float64]) -> NDArray[np.float64]:
    """`(4, n_resamples)`: macro F1, weighted F1, mean distance and quadratic kappa (Cohen 1968).

    Args:
        confusions: `(n_resamples, n_labels, n_labels)`.
    """
    support, predicted = confusions.sum(axis=2), confusions.sum(axis=1)
    n = support.sum(axis=1)
    f1 = 2 * np.einsum("kii->ki", confusions) / np.maximum(support + predicted, 1)
    macro = (f1 * (support > 0)).sum(axis=1) / (support > 0).sum(axis=1)
    levels = np.arange(confusions.shape[1])
    distance = np.abs(levels[:, None] - levels)
    observed = np.einsum("kij,ij->k", confusions, distance**2)
    expected = np.einsum("ki,ij,kj->k", support, distance**2, predicted, optimize=True) / n
    kappa = 1 - np.divide(observed, expected, out=np.zeros_like(n), where=expected > 0)
    return np.stack([macro, (f1 * support).sum(axis=1) / n, np.einsum("kij,ij->k", confusions, distance) / n, kappa])
