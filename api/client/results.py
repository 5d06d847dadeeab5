"""What the service answers, in types that a newer service does not break: fields and codes may be added to them."""

from typing import Annotated, TypeVar

from pydantic import BaseModel, Field, ValidationError

from api import schemas
from api.client.errors import UnreachableError
from api.feedback.schemas import FeedbackRefused, FeedbackTaken

Model = TypeVar("Model", bound=BaseModel)


class Answered(schemas.Answered):
    """A post that was labelled. Feedback refers to its `answer`."""

    warnings: list[str]  # type: ignore[assignment]  # a newer service may know more of them


class ItemError(schemas.ItemError):
    code: str  # type: ignore[assignment]  # a newer service may know more of them


class Failed(schemas.Failed):
    """A post that could not be labelled, and why; the others of its request were."""

    error: ItemError


Result = Answered | Failed


Stored = FeedbackTaken


class NotStored(FeedbackRefused):
    """Feedback that cannot be stored, and why; the rest is."""

    error: ItemError  # type: ignore[assignment]  # as above


class Labelled(BaseModel):
    """The envelope of `/classify`."""

    results: list[Annotated[Result, Field(discriminator="status")]]


class Received(BaseModel):
    """The envelope of `/feedback`."""

    results: list[Annotated[Stored | NotStored, Field(discriminator="status")]]


class _Limits(BaseModel):
    max_posts: int
    max_body_bytes: int


class Served(BaseModel):
    """What the client needs to know of `/model`."""

    limits: _Limits


def parsed(model: type[Model], content: bytes) -> Model:
    """An answer.

    Raises:
        UnreachableError: it is none of a triage service.
    """
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise UnreachableError(f"what came back is no answer of a triage service{where and f': see {where}'}") from None
