"""Refusals, as RFC 9457 problem documents. A problem never holds the text of a post."""

from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse

PROBLEM_JSON = "application/problem+json"


class Code(StrEnum):
    """The closed list of codes; each belongs to one HTTP status."""

    INVALID_JSON = "invalid_json"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    BODY_TOO_LARGE = "body_too_large"
    TOO_MANY_POSTS = "too_many_posts"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    INVALID_REQUEST = "invalid_request"
    QUEUE_FULL = "queue_full"
    INTERNAL_ERROR = "internal_error"
    LOADING = "loading"
    DRAINING = "draining"
    TIMEOUT = "timeout"


STATUS: Mapping[Code, HTTPStatus] = {
    Code.INVALID_JSON: HTTPStatus.BAD_REQUEST,
    Code.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.METHOD_NOT_ALLOWED: HTTPStatus.METHOD_NOT_ALLOWED,
    Code.BODY_TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Code.TOO_MANY_POSTS: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Code.UNSUPPORTED_MEDIA_TYPE: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Code.INVALID_REQUEST: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.QUEUE_FULL: HTTPStatus.TOO_MANY_REQUESTS,
    Code.INTERNAL_ERROR: HTTPStatus.INTERNAL_SERVER_ERROR,
    Code.LOADING: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.DRAINING: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.TIMEOUT: HTTPStatus.GATEWAY_TIMEOUT,
}

RETRY_AFTER_SECONDS: Mapping[Code, int] = {Code.QUEUE_FULL: 1, Code.LOADING: 1, Code.DRAINING: 5}


class FieldFault(BaseModel):
    """One fault of a request: where, and what."""

    field: str
    message: str


class ProblemDocument(BaseModel):
    """The body of every refusal.

    Attributes:
        limit, value: for a code that is about a limit, the limit and what was sent.
        errors: for `invalid_request` the faulty fields, at most 20 of them.
    """

    type: str = "about:blank"
    title: str
    status: int
    code: Code
    detail: str
    request_id: str
    limit: int | float | None = None
    value: int | float | None = None
    errors: list[FieldFault] | None = None


class Problem(Exception):  # noqa: N818  # the name that RFC 9457 gives it
    """Raised anywhere in a request; answered as a problem document."""

    def __init__(
        self,
        code: Code,
        detail: str,
        *,
        limit: float | None = None,
        value: float | None = None,
        errors: list[FieldFault] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code.value)
        self.code = code
        self.detail = detail
        self.limit = limit
        self.value = value
        self.errors = errors
        self.headers = dict(headers or {})
        if code in RETRY_AFTER_SECONDS:
            self.headers["Retry-After"] = str(RETRY_AFTER_SECONDS[code])

    def response(self, request_id: str) -> JSONResponse:
        status = STATUS[self.code]
        document = ProblemDocument(
            title=status.phrase,
            status=status,
            code=self.code,
            detail=self.detail,
            request_id=request_id,
            limit=self.limit,
            value=self.value,
            errors=self.errors,
        )
        return JSONResponse(
            document.model_dump(mode="json", exclude_none=True),
            status_code=status,
            headers=self.headers,
            media_type=PROBLEM_JSON,
        )


def too_large(code: Code, what: str, limit: int, value: int) -> Problem:
    return Problem(code, f"{what}: {value}, the limit is {limit}; send fewer at a time", limit=limit, value=value)


def from_http_error(status: int, headers: Mapping[str, str] | None = None) -> Problem:
    """The problem for an error that the framework raised by itself (no such path, no such method)."""
    if status == HTTPStatus.NOT_FOUND:
        return Problem(Code.NOT_FOUND, "no such path; GET /docs lists them")
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return Problem(Code.METHOD_NOT_ALLOWED, "this path does not take this method", headers=headers)
    return Problem(Code.INTERNAL_ERROR, "something failed on our side; the log knows the request id")


def problem_responses(*codes: Code) -> dict[int | str, dict[str, Any]]:
    """The refusals of a route, for its OpenAPI entry."""
    by_status: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        status = STATUS[code]
        entry = by_status.setdefault(
            int(status),
            {
                "description": "",
                "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
            },
        )
        entry["description"] = ", ".join(filter(None, [entry["description"], f"`{code}`"]))
        if code in RETRY_AFTER_SECONDS:
            entry["headers"] = {"Retry-After": {"description": "seconds to wait", "schema": {"type": "integer"}}}
    return by_status


def request_id_of(request: Request) -> str:
    return str(request.scope.get("request_id", ""))
