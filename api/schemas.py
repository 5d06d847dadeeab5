"""The contract of `/classify`: what is sent and what is answered."""

from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictStr

MAX_TOP_K = 10
MAX_HEADS = 64


class ItemErrorCode(StrEnum):
    """Why a post was not labelled; the others of its batch are. The last two are of lines of a stream."""

    TEXT_EMPTY = "text_empty"
    TEXT_TOO_LONG = "text_too_long"
    INVALID_LINE = "invalid_line"
    LINE_TOO_LONG = "line_too_long"


class WarningCode(StrEnum):
    """What a caller should know of an answer: that the end of the post was not read, or a part before its end."""

    TRUNCATED = "truncated"
    TRUNCATED_MIDDLE = "truncated_middle"


def _without_surrogates(value: Any) -> Any:
    """Half a character that JSON can spell and UTF-8 cannot: it says nothing, so it costs nobody their answer."""
    return value.encode("utf-8", "ignore").decode() if isinstance(value, str) else value


Text = Annotated[StrictStr, BeforeValidator(_without_surrogates)]


class PostIn(BaseModel):
    """A post. Only `text` is read by the model; the rest comes back or is ignored, and never changes an answer."""

    model_config = ConfigDict(extra="forbid")

    text: Text = Field(examples=["@acme my parcel says delivered but nothing is here"])
    id: StrictStr | None = Field(None, max_length=256, description="comes back with the answer")
    channel: StrictStr | None = None
    thread: StrictStr | None = None
    author: StrictStr | None = None
    time: StrictStr | None = None
    language: StrictStr | None = None


class Options(BaseModel):
    """How to answer."""

    model_config = ConfigDict(extra="forbid")

    top_k: int = Field(0, ge=0, le=MAX_TOP_K, strict=True, description="runners-up to show for each head")
    heads: list[StrictStr] | None = Field(
        None, min_length=1, max_length=MAX_HEADS, description="heads to show; all by default"
    )

    @cached_property
    def shown(self) -> frozenset[str]:
        """The heads to show, where they are named."""
        return frozenset(self.heads or ())


class BatchRequest(BaseModel):
    """Many posts."""

    model_config = ConfigDict(extra="forbid")

    posts: list[PostIn] = Field(min_length=1)
    options: Options = Field(default_factory=Options)


class SingleRequest(PostIn):
    """One post: the short form."""

    options: Options = Field(default_factory=Options)


class Alternative(BaseModel):
    label: str
    confidence: float


class HeadAnswer(BaseModel):
    """The answer to one question."""

    label: str
    confidence: float = Field(description="calibrated probability of the label")
    threshold: float = Field(description="confidence from which the label is accepted without a person")
    decision: Literal["accept", "review"]
    alternatives: list[Alternative]
    label_set: list[str] | None = Field(
        None,
        description="the labels among which the right one is with the chance that the policy states, likeliest first; "
        "left out where it states none",
    )


class Route(BaseModel):
    """What to do with the post."""

    action: Literal["auto", "ignore", "review"]
    department: str | None = Field(description="who must act; null where nobody does")
    reasons: list[str] = Field(description="why a person should look first")


class Input(BaseModel):
    tokens: int = Field(description="of the post that the model read")
    truncated: bool = Field(
        description="the post was longer than the model reads: `warnings` says whether its end or its middle was not"
    )


class Answered(BaseModel):
    index: int
    id: str | None = None
    status: Literal["ok"]
    answer: str | None = Field(
        None, description="id of the answer, for `POST /feedback`; left out where no feedback is taken"
    )
    labels: dict[str, HeadAnswer]
    route: Route
    input: Input
    warnings: list[WarningCode]


class ItemError(BaseModel):
    code: ItemErrorCode
    message: str


class Failed(BaseModel):
    index: int
    id: str | None = None
    status: Literal["error"]
    error: ItemError


class ModelInfo(BaseModel):
    """Which model answered."""

    name: str
    version: str
    taxonomy: str
    policy: str
    precision: str


class Summary(BaseModel):
    total: int
    ok: int
    failed: int
    auto: int
    ignore: int
    review: int


class ClassifyResponse(BaseModel):
    """The envelope, always the same. `results` stand in the order of the posts."""

    request_id: str
    model: ModelInfo
    results: list[Answered | Failed]
    summary: Summary


class StreamEnd(BaseModel):
    """The last line of a stream that is whole."""

    request_id: str
    model: ModelInfo
    summary: Summary
