"""Single posts that are worth reading: where the model or the label is likely to be wrong."""

from typing import Any

import numpy as np
from cleanlab.filter import find_label_issues
from numpy.typing import NDArray

from data.posts import Example
from evaluation.scored import HeadAnswers

MOST_POSTS = 50

_MOST_CHARACTERS = 600
_LEAST_OF_A_LABEL = 5


def confident_errors(answers: HeadAnswers) -> list[tuple[int, dict[str, Any]]]:
    """The errors of a head of highest confidence, highest first, with the row of each post."""
    labels = answers.head.labels
    wrong = np.flatnonzero(answers.wrong)
    surest = wrong[np.argsort(-answers.confidence[wrong], kind="stable")][:MOST_POSTS]
    return [
        (
            int(answers.rows[place]),
            {
                "confidence": float(answers.confidence[place]),
                "gold": labels[answers.gold[place]],
                "said": labels[answers.said[place]],
            },
        )
        for place in surest
    ]


def label_errors(answers: HeadAnswers) -> list[tuple[int, dict[str, Any]]]:
    """Labels that confident learning (Northcutt et al. 2021, arXiv:1911.00068) takes for wrong, likeliest first.

    The probabilities are those of the model itself, so it must not have learned from these posts. Labels of fewer than
    five posts are left out: what such a label looks like cannot be known.
    """
    counts = np.bincount(answers.gold, minlength=len(answers.head.labels))
    judged = np.flatnonzero(counts >= _LEAST_OF_A_LABEL)
    places = np.flatnonzero(np.isin(answers.gold, judged))
    if len(judged) < 2:
        return []
    probabilities = _among(answers.probabilities[np.ix_(places, judged)])
    classes = np.searchsorted(judged, answers.gold[places])
    found = find_label_issues(classes, probabilities, return_indices_ranked_by="normalized_margin", n_jobs=1)
    labels = [answers.head.labels[label] for label in judged]
    return [
        (
            int(answers.rows[places[place]]),
            {
                "given": labels[classes[place]],
                "suggested": labels[probabilities[place].argmax()],
                "probability": float(answers.probabilities[places[place], judged[classes[place]]]),
            },
        )
        for place in found[:MOST_POSTS]
    ]


def named(row: int, example: Example, with_text: bool) -> dict[str, Any]:
    """How a report names a post; its text only where that was asked for."""
    entry: dict[str, Any] = {"row": row, "id": example.post.id, "origin": example.origin}
    if with_text:
        text = example.post.text
        entry["text"] = text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS].rstrip()}…"
    return entry


def _among(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shared out among the labels that are left; what no label had goes to all alike."""
    tiny = np.finfo(np.float64).tiny
    raised = np.maximum(probabilities, tiny)
    shared: NDArray[np.float64] = raised / raised.sum(axis=1, keepdims=True)
    return shared
