"""The figures of a model on labelled posts."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score, precision_recall_fscore_support

from data.posts import Example
from data.taxonomy import Head, Taxonomy
from evaluation.calibration import expected_calibration_error
from evaluation.targets import targets_of
from model.decision import Decision
from model.scores import UNLABELLED

_RESAMPLES = 1000
_SEED = 13


def evaluate(
    decisions: Sequence[Decision],
    examples: Sequence[Example],
    taxonomy: Taxonomy,
    weights: NDArray[np.float64] | None = None,
) -> dict[str, Any]:
    """All figures, JSON-ready.

    Args:
        weights: `(n_examples,)`, of the examples in the stream that they stand for, as `weights_for` gives them.

    Returns:
        `n`; `heads`: for each head the figures of the most probable label; `decided`: the same of the label that the
        policy chose; `routing`: of the actions, where the taxonomy names an owner; `weighted`: accuracy and ECE of each
        head under `weights`, where they are given. A head that no example carries is left out.
    """
    figures: dict[str, Any] = {"n": len(examples), "heads": {}, "decided": {}}
    for head in taxonomy:
        targets = targets_of(examples, head)
        known = targets != UNLABELLED
        if not known.any():
            continue
        answers = [decision.heads[head.name] for decision in decisions]
        probabilities = np.stack([answer.probabilities for answer in answers])[known]
        chosen = np.array([head.labels.index(answer.label) for answer in answers])[known]
        figures["heads"][head.name] = head_figures(head, targets[known], probabilities.argmax(axis=1), probabilities)
        figures["decided"][head.name] = head_figures(head, targets[known], chosen, probabilities)
        if weights is not None:
            right = probabilities.argmax(axis=1) == targets[known]
            figures.setdefault("weighted", {})[head.name] = {
                "accuracy": float(np.average(right, weights=weights[known])),
                "ece": expected_calibration_error(probabilities, targets[known], weights[known]),
            }
    if taxonomy.routing:
        figures["routing"] = routing_figures(decisions, examples, taxonomy.routing.owner)
    return figures


def head_figures(
    head: Head, targets: NDArray[np.int64], predicted: NDArray[np.int64], probabilities: NDArray[np.float64]
) -> dict[str, Any]:
    """The figures of one head over examples that carry its label.

    Macro F1 is the mean over the labels that stand in `targets`; its interval is from a seeded bootstrap over examples.

    Args:
        targets, predicted: `(n_examples,)`, indices of labels.
        probabilities: `(n_examples, n_labels)`, calibrated.
    """
    labels = np.arange(len(head.labels))
    precision, recall, f1, support = precision_recall_fscore_support(
        targets, predicted, labels=labels, zero_division=0.0
    )
    truth = np.eye(len(labels))[targets]
    figures: dict[str, Any] = {
        "n": len(targets),
        "accuracy": float((targets == predicted).mean()),
        "macro_f1": float(f1[support > 0].mean()),
        "macro_f1_ci95": _macro_f1_interval(targets, predicted, len(labels)),
        "ece": expected_calibration_error(probabilities, targets),
        "brier": float(((probabilities - truth) ** 2).sum(axis=1).mean()),
        "per_label": {
            label: {
                "precision": float(precision[index]),
                "recall": float(recall[index]),
                "f1": float(f1[index]),
                "support": int(support[index]),
            }
            for index, label in enumerate(head.labels)
        },
    }
    if head.kind == "ordinal":
        figures["mae"] = float(np.abs(targets - predicted).mean())
        figures["qwk"] = _quadratic_kappa(targets, predicted, labels)
    return figures


def routing_figures(decisions: Sequence[Decision], examples: Sequence[Example], owner: str) -> dict[str, Any]:
    """The figures of the actions.

    Shares are of all posts, but for `auto_error`, the share of the posts handled without a person (`auto` or `ignore`)
    that went to a wrong owner, nobody counting as an owner; it is over posts that carry the owner's label, with its
    exact binomial interval (Clopper & Pearson 1934). `none_precision` and `none_recall` are of "nobody owns it", said
    by the action `ignore`. A figure with nothing to count is null.
    """
    actions = [decision.action for decision in decisions]
    judged = [
        (decision, example.labels[owner])
        for decision, example in zip(decisions, examples, strict=True)
        if owner in example.labels
    ]
    handled = [(decision.owner, gold) for decision, gold in judged if decision.action != "review"]
    errors = sum(sent != gold for sent, gold in handled)
    interval = binomtest(errors, len(handled)).proportion_ci(method="exact") if handled else None
    nobody = [gold is None for _, gold in judged]
    ignored = [decision.action == "ignore" for decision, _ in judged]
    rightly = sum(gold and said for gold, said in zip(nobody, ignored, strict=True))
    return {
        "auto_rate": actions.count("auto") / len(actions),
        "auto_error": _share(errors, len(handled)),
        "auto_error_ci95": [float(interval.low), float(interval.high)] if interval else None,
        "ignored_rate": actions.count("ignore") / len(actions),
        "none_precision": _share(rightly, sum(ignored)),
        "none_recall": _share(rightly, sum(nobody)),
    }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _quadratic_kappa(targets: NDArray[np.int64], predicted: NDArray[np.int64], labels: NDArray[np.int64]) -> float:
    if len(np.union1d(targets, predicted)) == 1:
        return 1.0  # all alike and all right, where the formula is 0/0
    return float(cohen_kappa_score(targets, predicted, labels=labels, weights="quadratic"))


def _macro_f1_interval(targets: NDArray[np.int64], predicted: NDArray[np.int64], n_labels: int) -> list[float]:
    """The 2.5 % and 97.5 % quantiles of macro F1 over resampled examples."""
    generator = np.random.default_rng(_SEED)
    cells = targets * n_labels + predicted
    shares = np.bincount(cells, minlength=n_labels * n_labels) / len(cells)
    # Resampling examples and counting them is one multinomial draw of the confusion matrix.
    drawn = generator.multinomial(len(cells), shares, size=_RESAMPLES).reshape(_RESAMPLES, n_labels, n_labels)
    hits = np.einsum("kii->ki", drawn)
    support = drawn.sum(axis=2)
    f1 = 2 * hits / np.maximum(support + drawn.sum(axis=1), 1)
    macro = (f1 * (support > 0)).sum(axis=1) / (support > 0).sum(axis=1)
    return [float(bound) for bound in np.quantile(macro, [0.025, 0.975])]
