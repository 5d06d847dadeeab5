"""What a person said of answers, on its way to the service."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import uuid4

from pydantic import ConfigDict, Field, ValidationError

from api.client.batches import Batch, Batcher, Envelope
from api.client.errors import faults_of
from api.client.results import NotStored, Stored
from api.feedback.schemas import FeedbackId, FeedbackIn
from data.errors import DataError

FEEDBACK = Envelope(b'{"feedback": [', b"]}")


class Correction(FeedbackIn):
    """What a person says of one answer. It has an id from the beginning: sent again, it is stored once."""

    model_config = ConfigDict(hide_input_in_errors=True)

    id: FeedbackId | None = Field(default_factory=lambda: uuid4().hex)


AnyCorrection = Correction | Mapping[str, Any]
"""A correction as callers have it. What is no `Correction` has the id that it holds, or none."""


def read_correction(correction: AnyCorrection) -> FeedbackIn:
    """A correction, which is given no id here: made anew by each call, none would say that it is sent again.

    Raises:
        DataError: it is none.
    """
    try:
        return FeedbackIn.model_validate(dict(correction) if isinstance(correction, Mapping) else correction)
    except ValidationError as error:
        raise DataError(f"a correction: {faults_of(error)}") from None


def batched(
    corrections: Iterable[FeedbackIn], batcher: Batcher[Stored | NotStored]
) -> Iterator[Batch[Stored | NotStored]]:
    """Corrections in requests of which each may be sent again.

    One without an id is known to the service where it is what was said last of its answer. So it shares a request with
    no other one of the same answer: of two, only the later would be the last.
    """
    nameless: dict[str, bool] = {}
    """Of each answer in the request, whether what is said of it has no id."""
    for correction in corrections:
        entry = correction.model_dump_json(exclude_defaults=True).encode()
        answer, has_none = correction.answer, correction.id is None
        if not batcher.fits(entry) or (answer in nameless and (has_none or nameless[answer])):
            yield batcher.take()
            nameless.clear()
        batcher.add(entry)
        nameless[answer] = has_none
    if batcher:
        yield batcher.take()
