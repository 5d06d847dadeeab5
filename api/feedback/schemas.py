"""The contract of `/feedback` and `/review`."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictStr

from api.schemas import MAX_HEADS, HeadAnswer, ModelInfo, Route, Text

_LONGEST_ANSWER = 512
_LONGEST_NAME = 128
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCKS_DIFFER_BY = timedelta(hours=1)

AnswerIdText = Annotated[StrictStr, Field(max_length=_LONGEST_ANSWER)]
FeedbackId = Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9._-]{1,128}$")]
Reviewer = Annotated[Text, Field(min_length=1, max_length=_LONGEST_NAME)]


class FeedbackErrorCode(StrEnum):
    """Why feedback was not taken; the others of its request are."""

    ANSWER_INVALID = "answer_invalid"
    MODEL_UNKNOWN = "model_unknown"
    HEAD_UNKNOWN = "head_unknown"
    LABEL_UNKNOWN = "label_unknown"
    TEXT_DIFFERS = "text_differs"
    TEXT_TOO_LONG = "text_too_long"
    ID_TAKEN = "id_taken"


def _written_out(value: Any) -> Any:
    if isinstance(value, datetime):  # of who calls from Python
        return value
    if not isinstance(value, str) or "T" not in value.upper():  # pydantic takes numbers for Unix time
        raise ValueError("expected a time as ISO 8601 writes it")  # which pydantic makes a fault of
    return value


def _in_range(time: datetime) -> datetime:
    # Compared, not converted: east of Greenwich the calendar's first hours are none in UTC.
    if not _FIRST <= time <= datetime.now(UTC) + _CLOCKS_DIFFER_BY:
        raise ValueError("expected a time from 1970 to now")
    return time


class FeedbackIn(BaseModel):
    """What a person says of one answer."""

    model_config = ConfigDict(extra="forbid")

    answer: AnswerIdText = Field(description="`answer` as /classify gave it")
    labels: dict[StrictStr, StrictStr | None] = Field(
        default_factory=dict,
        max_length=MAX_HEADS,
        description="the right label of each head that was judged, be it the one that was given; null: none applies, "
        "where the taxonomy lets a head be optional",
        examples=[{"intent": "refund_or_return", "department": None}],
    )
    wrong: list[StrictStr] = Field(
        default_factory=list,
        max_length=MAX_HEADS,
        description="heads that are wrong, where the right label is not known",
    )
    reviewer: Reviewer | None = Field(None, description="who judged")
    time: Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_in_range)] | None = Field(
        None, description="when; by default now", examples=["2026-11-23T10:00:00Z"]
    )
    saw_answer: StrictBool | None = Field(None, description="whether the person had seen the answer before judging")
    text: Text | None = Field(None, description="the post again, so that it can teach; it is kept, masked")
    id: FeedbackId | None = Field(
        None,
        description="sent twice, it is stored once; what comes without one is stored unless the same `reviewer` said "
        "the same of this answer last",
    )


class FeedbackRequest(BaseModel):
    """Feedback on many answers."""

    model_config = ConfigDict(extra="forbid")

    feedback: list[FeedbackIn] = Field(min_length=1)


class FeedbackTaken(BaseModel):
    index: int
    status: Literal["ok"]
    id: str
    stored: Literal["new", "known"]


class FeedbackFault(BaseModel):
    code: FeedbackErrorCode
    message: str


class FeedbackRefused(BaseModel):
    index: int
    status: Literal["error"]
    error: FeedbackFault


class FeedbackSummary(BaseModel):
    total: int
    new: int
    known: int
    failed: int


class FeedbackResponse(BaseModel):
    """What became of each, in order. It is sent once all that was taken is stored for good."""

    request_id: str
    results: list[FeedbackTaken | FeedbackRefused]
    summary: FeedbackSummary


class ReviewPost(BaseModel):
    """A post that waits for a person.

    Attributes:
        text: masked.
        usefulness: what a judgement of it would teach, from 0 to 1.
        model_key: of its model in `models`.
    """

    answer: str
    text: str
    time: str
    usefulness: float
    labels: dict[str, HeadAnswer]
    route: Route
    model: ModelInfo
    model_key: str
    claimed_by: str | None
    claimed_until: str | None


class ReviewHead(BaseModel):
    """A question that a model answered, and the labels that feedback may say are right.

    Attributes:
        optional: whether none may be.
    """

    name: str
    labels: list[str]
    optional: bool


class ReviewModel(BaseModel):
    """A model that answered; the one in service now may be another, with other heads."""

    heads: list[ReviewHead]


class ReviewResponse(BaseModel):
    """Posts that wait for a person, and how many there are in all.

    Attributes:
        models: those that answered the posts that wait, by key.
    """

    request_id: str
    posts: list[ReviewPost]
    models: dict[str, ReviewModel]
    open: int
    claimed: int


class ClaimRequest(BaseModel):
    """Either so many of the most useful posts, or these."""

    model_config = ConfigDict(extra="forbid")

    reviewer: Reviewer
    count: int = Field(10, ge=1, le=100, strict=True)
    answers: list[AnswerIdText] | None = Field(None, min_length=1, max_length=100)
    labels: dict[StrictStr, StrictStr] = Field(
        default_factory=dict, max_length=MAX_HEADS, description="only posts that were given these labels"
    )


class ReleaseRequest(BaseModel):
    """Posts that the reviewer leaves to others."""

    model_config = ConfigDict(extra="forbid")

    reviewer: Reviewer
    answers: list[AnswerIdText] = Field(min_length=1, max_length=100)


class ReleaseResponse(BaseModel):
    request_id: str
    released: int
