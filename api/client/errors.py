"""Why a request was not answered. No message holds the text of a post."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ValidationError

from data.errors import TriageError

_PASSING = (
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)
_LONGEST_NAME = 64  # of a field, which is the caller's own and could be a text by mistake
_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)


class ServiceError(TriageError):
    """A request was not answered.

    Attributes:
        may_pass: the same request may be answered later.
        retry_after: seconds after which to try again, where the service says so.
    """

    may_pass: bool = False
    retry_after: float | None = None


class UnreachableError(ServiceError):
    """Nothing came back, or nothing that a triage service sends."""

    def __init__(self, message: str, *, may_pass: bool = False) -> None:
        super().__init__(message)
        self.may_pass = may_pass


class FieldFault(BaseModel):
    """One fault of a request: where, and what."""

    field: str
    message: str


class _Problem(BaseModel):
    """A problem document, of this service or of a newer one."""

    code: str | None = None
    detail: str = "no problem document came with it"
    request_id: str | None = None
    limit: float | None = None
    value: float | None = None
    errors: list[FieldFault] = []


class RefusedError(ServiceError):
    """The service said no.

    Attributes:
        status: of HTTP.
        code: of the closed list that `GET /model` tells; `None` where something else than the service refused.
        request_id: under which the service's log knows it.
        limit, value: for a code that is about a limit, the limit and what was sent.
        errors: for `invalid_request` the faulty fields.
    """

    def __init__(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        """
        Args:
            headers: of the answer, found in whatever case.
            content: of the answer; what is no problem document is not looked at.
        """
        problem = _read_problem(content)
        told = "".join(f"; {fault.field}: {fault.message}" for fault in problem.errors)
        super().__init__(f"{problem.code or 'refused'} ({status}): {problem.detail}{told}")
        self.status = status
        self.code = problem.code
        self.detail = problem.detail
        self.request_id = problem.request_id
        self.limit = problem.limit
        self.value = problem.value
        self.errors: Sequence[FieldFault] = problem.errors
        self.may_pass = status in _PASSING
        self.retry_after = read_retry_after(headers.get("Retry-After", ""))


def read_retry_after(value: str) -> float | None:
    """Seconds, from what `Retry-After` says: seconds or a date; `None` where it says neither."""
    if _SECONDS.fullmatch(value.strip()):
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # of a year of many digits
        return None
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def faults_of(error: ValidationError) -> str:
    """What is wrong with something that was to be sent, without what was to be sent."""
    faults: list[Any] = error.errors(include_url=False, include_context=False, include_input=False)
    names = [".".join(str(part)[:_LONGEST_NAME] for part in fault["loc"]) for fault in faults]
    return "; ".join(
        f"{name}: {fault['msg']}" if name else fault["msg"] for name, fault in zip(names, faults, strict=True)
    )


def _read_problem(content: bytes) -> _Problem:
    try:
        problem = _Problem.model_validate_json(content)
    except ValidationError:
        return _Problem()
    return problem if problem.code else _Problem()
