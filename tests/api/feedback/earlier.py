"""A post that waits for a person since before the model was replaced by one with other heads."""

import json
import time

import numpy as np

from api.feedback.answer_ids import AnswerIds, hash_of
from data.feedback.records import KeptPost, Respondent
from data.feedback.review_list import ReviewList
from data.feedback.store import FeedbackStore
from model.decision import Decision, HeadDecision

TEXT = "i like my present"
MODEL = Respondent(
    key="0123456789abcdef",
    name="earlier",
    version="1",
    taxonomy="taxonomy",
    policy="policy",
    precision="int8",
    heads={"intent": ("thanks", "refund"), "mood": ("glad", "sad"), "department": ("gifts", "support")},
    optional=("mood",),
)
"""Beside those of the toy taxonomy it has a head of its own, and a label of its own in each."""


def leave_post(location: str, usefulness: float = 0.5) -> str:
    """Put it on the review list of a store; every head is given its first label. Returns the answer's id."""
    chosen = {name: HeadDecision(labels[0], 0.6, 0.9, np.array([0.6, 0.4])) for name, labels in MODEL.heads.items()}
    reasons = tuple(f"{name}_below_threshold" for name in chosen)
    places = {name: {label: place for place, label in enumerate(labels)} for name, labels in MODEL.heads.items()}
    answer = AnswerIds(MODEL, places).make(TEXT, Decision(chosen, "review", "gifts", reasons), time.time())
    result = {
        "labels": {
            name: {
                "label": head.label,
                "confidence": head.confidence,
                "threshold": head.threshold,
                "decision": "review",
                "alternatives": [{"label": MODEL.heads[name][1], "confidence": 0.4}],
            }
            for name, head in chosen.items()
        },
        "route": {"action": "review", "department": "gifts", "reasons": reasons},
    }
    given = {name: head.label for name, head in chosen.items()}
    store = FeedbackStore.open(location)
    try:
        store.add_model(MODEL)
        kept = KeptPost(answer, TEXT, hash_of(TEXT), MODEL.key, json.dumps(result), int(time.time()), usefulness, given)
        ReviewList(store, claim_seconds=900).keep([kept])
    finally:
        store.close()
    return answer
