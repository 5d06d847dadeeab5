"""What a person said of answers, on its way to the service."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from pydantic import ConfigDict, Field, ValidationError

from api.client.batches import Envelope
from api.client.errors import faults_of
from api.feedback.schemas import FeedbackIn
from data.errors import DataError

FEEDBACK = Envelope(b'{"feedback": [', b"]}")


class Correction(FeedbackIn):
    """What a person says of one answer. It has an id from the beginning: sent again, it is stored once."""

    model_config = ConfigDict(hide_input_in_errors=True)

    id: str | None = Field(default_factory=lambda: uuid4().hex)


AnyCorrection = Correction | Mapping[str, Any]


def encoded_correction(correction: AnyCorrection) -> bytes:
    """A correction as JSON.

    Raises:
        DataError: it is none.
    """
    try:
        plain = dict(correction) if isinstance(correction, Mapping) else correction
        return Correction.model_validate(plain).model_dump_json(exclude_defaults=True).encode()
    except ValidationError as error:
        raise DataError(f"a correction: {faults_of(error)}") from None
