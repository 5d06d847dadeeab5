"""Rows of a store of feedback: what people said of answers, as labelled history."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from data.feedback.records import Respondent
from data.feedback.store import FeedbackStore
from data.importing.persons import pseudonym
from data.tables.rows import BadRow, Row
from data.taxonomy import NO_LABEL
from data.times import iso_of

PROVENANCE = "feedback"
"""Column of what is known of a judgement: model, policy, label and confidence then, who, when, what was seen first."""


def feedback_rows(location: str, name: str) -> Iterator[Row | BadRow]:
    """A row a post: of each head the label that was told last. A post whose text nobody kept is a bad row.

    Args:
        location: of the store.
        name: as messages call it.

    Raises:
        ConfigurationError, DataError, MissingExtraError, StoreError: as `FeedbackStore.open_to_read`.
    """
    store = FeedbackStore.open_to_read(location)
    try:
        models = store.models()
        posts = groupby(store.rows(), key=lambda row: row["text_hash"])
        for line, (_, judgements) in enumerate(posts, start=1):
            yield _row(name, line, [*judgements], models)
    finally:
        store.close()


def judged_heads(location: str) -> list[str]:
    """The heads of which a right label was told, in the order of the taxonomies.

    Raises:
        ConfigurationError, DataError, MissingExtraError, StoreError: as `FeedbackStore.open_to_read`.
    """
    store = FeedbackStore.open_to_read(location)
    try:
        judged = {head for row in store.rows() for head in row["labels"]}
        known = dict.fromkeys(head for model in store.models().values() for head in model.heads)
        return [head for head in known if head in judged]
    finally:
        store.close()


def _row(
    name: str, line: int, judgements: Sequence[Mapping[str, Any]], models: Mapping[str, Respondent]
) -> Row | BadRow:
    """
    Args:
        judgements: of one post, the latest first.
    """
    values: dict[str, Any] = dict(_labels(judgements))
    text = next((judgement["text"] for judgement in judgements if judgement["text"] is not None), None)
    latest = judgements[0]
    values |= {
        "text": text,
        "time": iso_of(latest["answered"]),
        PROVENANCE: [_provenance(judgement, models[judgement["model"]]) for judgement in judgements],
    }
    row = Row(name, line, values)
    if text is None:
        return row.bad("the text was not kept: run the service with --store-text, or send it with the feedback", "text")
    return row


def _labels(judgements: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The label of each head that was told last, unless it was taken back."""
    told: dict[str, tuple[str, tuple[Any, ...]]] = {}
    for judgement in reversed(judgements):
        # Who gives no name may be another one the next time, unless it is of the same answer.
        person = (judgement["client"], judgement["reviewer"] or judgement["answer"], not judgement["reviewer"])
        for head in judgement["wrong"]:
            # It is the label of the answer that is wrong: that says nothing against another one of somebody who knew.
            label, by = told.get(head, (None, None))
            if label == judgement["said"][head][0] or by == person:
                told.pop(head, None)
        for head, right in judgement["labels"].items():
            told[head] = (NO_LABEL if right is None else right, person)
    return {head: label for head, (label, _) in told.items()}


def _provenance(judgement: Mapping[str, Any], model: Respondent) -> dict[str, Any]:
    return {
        "model": f"{model.name}@{model.version}",
        "policy": model.policy,
        "said": {head: {"label": label, "confidence": sure} for head, (label, sure) in judgement["said"].items()},
        "labels": judgement["labels"],
        "wrong": judgement["wrong"],
        "action": judgement["action"],
        "saw_answer": judgement["saw_answer"],
        "reviewer": judgement["reviewer"] and pseudonym(judgement["reviewer"]),
        "judged": iso_of(judgement["judged"]),
    }
