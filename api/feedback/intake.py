"""From feedback as it was sent to feedback as it is stored; one that is wrong fails alone."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from api.feedback.answer_ids import AnswerId, InvalidAnswerError, hash_of
from api.feedback.desk import Desk
from api.feedback.schemas import FeedbackErrorCode, FeedbackIn
from data.feedback.records import Feedback, Respondent, Said
from data.feedback.store import Outcome, Stored


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why feedback is not taken."""

    code: FeedbackErrorCode
    message: str


@dataclass(frozen=True, slots=True)
class Taken:
    """Feedback that is stored, and the id that it has."""

    feedback: Feedback
    id: str
    outcome: Outcome


async def take(
    desk: Desk, items: Sequence[FeedbackIn], client: str | None, max_characters: int
) -> list[Taken | Refusal]:
    """Store what can be stored; the answers in the order of the items.

    Args:
        client: name of the key that the request came with.

    Raises:
        Problem: the store fails.
    """
    answers = [_answer(item) for item in items]
    models = await desk.find({answer.model for answer in answers if isinstance(answer, AnswerId)})
    read = [
        _read(item, answer, models.get(answer.model), client, max_characters)
        if isinstance(answer, AnswerId)
        else answer
        for item, answer in zip(items, answers, strict=True)
    ]
    stored = iter(await desk.add([item for item in read if isinstance(item, Feedback)]))
    return [_outcome(item, next(stored)) if isinstance(item, Feedback) else item for item in read]


def _outcome(item: Feedback, stored: Stored) -> Taken | Refusal:
    id_, outcome = stored
    if outcome is Outcome.TAKEN:
        return Refusal(FeedbackErrorCode.ID_TAKEN, "other feedback was stored with this id; give each its own")
    return Taken(item, id_, outcome)


def _answer(item: FeedbackIn) -> AnswerId | Refusal:
    try:
        return AnswerId.read(item.answer)
    except InvalidAnswerError as error:
        return Refusal(FeedbackErrorCode.ANSWER_INVALID, str(error))


def _read(
    item: FeedbackIn, answer: AnswerId, model: Respondent | None, client: str | None, max_characters: int
) -> Feedback | Refusal:
    if model is None:
        return Refusal(FeedbackErrorCode.MODEL_UNKNOWN, "the answer is by a model that this store has never seen")
    try:
        said = answer.said(model)
    except InvalidAnswerError as error:
        return Refusal(FeedbackErrorCode.ANSWER_INVALID, str(error))
    refusal = _judged(item, model) or _text(item, said, max_characters)
    if refusal:
        return refusal
    return Feedback(
        id=item.id,
        answer=item.answer,
        said=said,
        labels=item.labels,
        wrong=tuple(item.wrong),
        reviewer=item.reviewer,
        client=client,
        judged=item.time.timestamp() if item.time else time.time(),
        saw_answer=item.saw_answer,
        text=item.text,
    )


def _judged(item: FeedbackIn, model: Respondent) -> Refusal | None:
    """What is wrong with heads and labels. A label that is not known is not repeated: it could be a text."""
    named = [*item.labels, *item.wrong]
    if not named or len(set(named)) < len(named):
        return Refusal(FeedbackErrorCode.HEAD_UNKNOWN, "expected one head or more in `labels` or `wrong`, each once")
    if not model.heads.keys() >= set(named):
        return Refusal(FeedbackErrorCode.HEAD_UNKNOWN, f"no such head; there are {', '.join(model.heads)}")
    for head, label in item.labels.items():
        valid = [*model.heads[head], *([None] if head in model.optional else [])]
        if label not in valid:
            known = ", ".join(each or "null" for each in valid)
            return Refusal(FeedbackErrorCode.LABEL_UNKNOWN, f"{head}: no such label; there are {known}")
    return None


def _text(item: FeedbackIn, said: Said, max_characters: int) -> Refusal | None:
    if item.text is None:
        return None
    if len(item.text) > max_characters:
        found = f"the text has {len(item.text)} characters, the limit is {max_characters}"
        return Refusal(FeedbackErrorCode.TEXT_TOO_LONG, found)
    if hash_of(item.text) != said.text_hash:
        return Refusal(FeedbackErrorCode.TEXT_DIFFERS, "this is not the text that was answered; send it as it was")
    return None
