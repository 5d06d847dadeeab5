"""Reading the body of `/classify`: bounded, strict, and without ever repeating what it held."""

import asyncio
import json
import re
from typing import Any, NoReturn

from pydantic import ValidationError
from starlette.requests import Request

from api.problems import Code, FieldFault, Problem, too_large
from api.schemas import BatchRequest, Options, PostIn, SingleRequest
from api.settings import Settings
from data.taxonomy import Taxonomy

JSON = "application/json"
DEADLINE = "X-Deadline-Ms"

_MILLISECONDS = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_SHOWN_FAULTS = 20
_LONGEST_NAME = 64
# Parsing more than this would hold the event loop up; it goes to a thread.
_INLINE_BYTES = 64 * 1024


async def read_classify(request: Request, settings: Settings, taxonomy: Taxonomy) -> tuple[list[PostIn], Options]:
    """The posts of a request and how to answer them.

    Raises:
        Problem: 400, 413, 415 or 422.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != JSON:
        raise Problem(Code.UNSUPPORTED_MEDIA_TYPE, f"expected the content type {JSON}", headers={"Accept": JSON})
    body = await _read_body(request, settings.max_body_bytes)
    if len(body) <= _INLINE_BYTES:
        return parse_classify(body, settings.max_posts, taxonomy)
    return await asyncio.to_thread(parse_classify, body, settings.max_posts, taxonomy)


def read_deadline(request: Request) -> float | None:
    """After how many seconds the caller has no use for an answer; `None` where the request does not say.

    Raises:
        Problem: 422.
    """
    given = request.headers.get(DEADLINE)
    if given is None:
        return None
    if not _MILLISECONDS.fullmatch(given):
        fault = FieldFault(field=DEADLINE, message="expected a number of milliseconds from 1 to 999999999")
        raise Problem(Code.INVALID_REQUEST, "1 field is wrong", errors=[fault])
    return int(given) / 1000


def parse_classify(body: bytes, max_posts: int, taxonomy: Taxonomy) -> tuple[list[PostIn], Options]:
    """Parse and validate a JSON body.

    Raises:
        Problem: 400, 413 or 422.
    """
    try:
        plain = json.loads(body, parse_constant=_refuse_constant)
    except RecursionError:
        raise Problem(Code.INVALID_JSON, "the body is nested too deep") from None
    except json.JSONDecodeError as error:
        reason = error.msg.removesuffix(" at")
        raise Problem(Code.INVALID_JSON, f"the body is not JSON: {reason} at character {error.pos}") from None
    except UnicodeDecodeError:
        raise Problem(Code.INVALID_JSON, "the body is not UTF-8") from None
    except ValueError:
        raise Problem(Code.INVALID_JSON, "a number in the body has thousands of digits") from None
    posts = plain.get("posts") if isinstance(plain, dict) else None
    if isinstance(posts, list) and len(posts) > max_posts:
        raise too_large(Code.TOO_MANY_POSTS, "posts in the request", max_posts, len(posts))
    try:
        if posts is None and isinstance(plain, dict) and "posts" not in plain:
            single = SingleRequest.model_validate(plain)
            found, options = [PostIn(**single.model_dump(exclude={"options"}))], single.options
        else:
            batch = BatchRequest.model_validate(plain)
            found, options = batch.posts, batch.options
    except ValidationError as error:
        raise _invalid(error) from None
    known = [head.name for head in taxonomy]
    for index, head in enumerate(options.heads or []):
        if head not in known:
            fault = FieldFault(field=f"options.heads.{index}", message=f"no such head; there are {', '.join(known)}")
            raise Problem(Code.INVALID_REQUEST, "1 field is wrong", errors=[fault])
    return found, options


async def _read_body(request: Request, limit: int) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise too_large(Code.BODY_TOO_LARGE, "bytes in the body", limit, int(declared))
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise too_large(Code.BODY_TOO_LARGE, "bytes in the body", limit, len(body))
    return bytes(body)


def _invalid(error: ValidationError) -> Problem:
    # Neither the input nor pydantic's context: both can hold the text of a post.
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    return Problem(
        Code.INVALID_REQUEST,
        f"{len(faults)} field(s) are wrong"
        + (f"; the first {_SHOWN_FAULTS} are listed" * (len(faults) > _SHOWN_FAULTS)),
        errors=[FieldFault(field=_name(fault["loc"]), message=_message(fault)) for fault in faults[:_SHOWN_FAULTS]],
    )


def _message(fault: Any) -> str:
    # pydantic would name our class
    return "Expected an object" if fault["type"] == "model_type" else str(fault["msg"])


def _name(location: tuple[Any, ...]) -> str:
    """Where a fault is. The name of an unknown field is the caller's own, and is cut in case it is a text."""
    parts = [str(part).encode("utf-8", "replace").decode() for part in location]
    return ".".join(part if len(part) <= _LONGEST_NAME else part[:_LONGEST_NAME] + "…" for part in parts) or "body"


def _refuse_constant(name: str) -> NoReturn:
    raise Problem(Code.INVALID_JSON, f"the body is not JSON: {name} is no number there")
