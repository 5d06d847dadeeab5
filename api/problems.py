"""Refusals, as RFC 9457 problem documents. A problem never holds the text of a post."""

from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from math import ceil
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse

PROBLEM_JSON = "application/problem+json"


class Code(StrEnum):
    """The closed list of codes; each belongs to one HTTP status."""

    INVALID_HTTP = "invalid_http"
    INVALID_JSON = "invalid_json"
    INVALID_ENCODING = "invalid_encoding"
    UNAUTHORIZED = "unauthorized"
    NOT_FOUND = "not_found"
    FEEDBACK_OFF = "feedback_off"
    TEXT_NOT_STORED = "text_not_stored"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CLIENT_TOO_SLOW = "client_too_slow"
    BODY_TOO_LARGE = "body_too_large"
    TOO_MANY_POSTS = "too_many_posts"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    UNKNOWN_HOST = "unknown_host"
    INVALID_REQUEST = "invalid_request"
    QUEUE_FULL = "queue_full"
    RATE_LIMITED = "rate_limited"
    HEADERS_TOO_LARGE = "headers_too_large"
    INTERNAL_ERROR = "internal_error"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    LOADING = "loading"
    STORE_UNAVAILABLE = "store_unavailable"
    DRAINING = "draining"
    TIMEOUT = "timeout"


STATUS: Mapping[Code, HTTPStatus] = {
    Code.INVALID_HTTP: HTTPStatus.BAD_REQUEST,
    Code.INVALID_JSON: HTTPStatus.BAD_REQUEST,
    Code.INVALID_ENCODING: HTTPStatus.BAD_REQUEST,
    Code.UNAUTHORIZED: HTTPStatus.UNAUTHORIZED,
    Code.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.FEEDBACK_OFF: HTTPStatus.NOT_FOUND,
    Code.TEXT_NOT_STORED: HTTPStatus.NOT_FOUND,
    Code.METHOD_NOT_ALLOWED: HTTPStatus.METHOD_NOT_ALLOWED,
    Code.CLIENT_TOO_SLOW: HTTPStatus.REQUEST_TIMEOUT,
    Code.BODY_TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Code.TOO_MANY_POSTS: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Code.UNSUPPORTED_MEDIA_TYPE: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Code.UNKNOWN_HOST: HTTPStatus.MISDIRECTED_REQUEST,
    Code.INVALID_REQUEST: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.QUEUE_FULL: HTTPStatus.TOO_MANY_REQUESTS,
    Code.RATE_LIMITED: HTTPStatus.TOO_MANY_REQUESTS,
    Code.HEADERS_TOO_LARGE: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    Code.INTERNAL_ERROR: HTTPStatus.INTERNAL_SERVER_ERROR,
    Code.TOO_MANY_CONNECTIONS: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.LOADING: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.STORE_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.DRAINING: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.TIMEOUT: HTTPStatus.GATEWAY_TIMEOUT,
}

RETRY_AFTER_SECONDS: Mapping[Code, int] = {
    Code.QUEUE_FULL: 1,
    Code.RATE_LIMITED: 1,
    Code.TOO_MANY_CONNECTIONS: 1,
    Code.LOADING: 1,
    Code.STORE_UNAVAILABLE: 2,
    Code.DRAINING: 5,
}
"""The least that a client is asked to wait."""

_EXAMPLES: Mapping[Code, Mapping[str, Any]] = {
    Code.INVALID_HTTP: {"detail": "this is not HTTP/1.1"},
    Code.INVALID_JSON: {"detail": "the body is not JSON: Expecting value at character 9"},
    Code.INVALID_ENCODING: {"detail": "the body is not whole gzip"},
    Code.UNAUTHORIZED: {"detail": "expected a valid key: Authorization: Bearer KEY"},
    Code.CLIENT_TOO_SLOW: {"detail": "the request was not whole within 30 seconds", "limit": 30},
    Code.BODY_TOO_LARGE: {
        "detail": "bytes in the body: 9000000, the limit is 8388608; send fewer at a time",
        "limit": 8388608,
        "value": 9000000,
    },
    Code.TOO_MANY_POSTS: {
        "detail": "posts in the request: 1200, the limit is 1000; send fewer at a time",
        "limit": 1000,
        "value": 1200,
    },
    Code.UNSUPPORTED_MEDIA_TYPE: {"detail": "expected the content type application/json or application/x-ndjson"},
    Code.UNKNOWN_HOST: {"detail": "this service does not answer for that host; see allowed_hosts"},
    Code.INVALID_REQUEST: {
        "detail": "1 field(s) are wrong",
        "errors": [{"field": "posts.3.text", "message": "Field required"}],
    },
    Code.QUEUE_FULL: {
        "detail": "3990 posts are waiting, 32 more would exceed the limit of 4000; try again shortly",
        "limit": 4000,
        "value": 4022,
    },
    Code.RATE_LIMITED: {"detail": "this key may send 50 posts a second; try again in 0.4 seconds", "limit": 50},
    Code.HEADERS_TOO_LARGE: {"detail": "the headers are too large", "limit": 65536},
    Code.INTERNAL_ERROR: {"detail": "something failed on our side; the log knows the request id"},
    Code.TOO_MANY_CONNECTIONS: {"detail": "too many connections are open; try again shortly", "limit": 900},
    Code.FEEDBACK_OFF: {"detail": "this service takes no feedback; start it with the setting feedback"},
    Code.TEXT_NOT_STORED: {"detail": "this service keeps no posts; start it with --store-text"},
    Code.STORE_UNAVAILABLE: {"detail": "the store of feedback cannot be reached; send it again shortly"},
    Code.LOADING: {"detail": "the model is being loaded; try again shortly"},
    Code.DRAINING: {"detail": "the service is shutting down; ask another instance"},
    Code.TIMEOUT: {"detail": "no answer within 2 seconds", "limit": 2},
}


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
        retry_after: float = 0.0,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """
        Args:
            retry_after: seconds after which it may be tried again, where more is known than the least.
        """
        super().__init__(code.value)
        self.code = code
        self.detail = detail
        self.limit = limit
        self.value = value
        self.errors = errors
        self.headers = dict(headers or {})
        if code in RETRY_AFTER_SECONDS:
            self.headers["Retry-After"] = str(max(RETRY_AFTER_SECONDS[code], ceil(retry_after)))
        if code is Code.UNAUTHORIZED:
            self.headers["WWW-Authenticate"] = "Bearer"

    def document(self, request_id: str) -> dict[str, Any]:
        """The refusal as JSON can hold it."""
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
        return document.model_dump(mode="json", exclude_none=True)

    def response(self, request_id: str) -> JSONResponse:
        return JSONResponse(
            self.document(request_id),
            status_code=STATUS[self.code],
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
    """The refusals of a route with an example of each, for its OpenAPI entry."""
    by_status: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        status = STATUS[code]
        entry = by_status.setdefault(
            int(status),
            {
                "description": "",
                "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}, "examples": {}}},
            },
        )
        entry["content"][PROBLEM_JSON]["examples"][code.value] = {"value": _example(code)}
        entry["description"] = ", ".join(filter(None, [entry["description"], f"`{code}`"]))
        if code in RETRY_AFTER_SECONDS:
            entry["headers"] = {"Retry-After": {"description": "seconds to wait", "schema": {"type": "integer"}}}
    return by_status


def request_id_of(request: Request) -> str:
    return str(request.scope.get("request_id", ""))


def _example(code: Code) -> dict[str, Any]:
    status = STATUS[code]
    head = {"type": "about:blank", "title": status.phrase, "status": int(status), "code": code.value}
    return {**head, "request_id": "6f3edb5bfafd4e19a6cee03d743533b1", **_EXAMPLES[code]}
