"""Reading what is sent: bounded, strict, and without ever repeating what it held."""

import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any, NoReturn

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from api.problems import Code, FieldFault, Problem, too_large
from api.settings import Settings

JSON = "application/json"
NDJSON = "application/x-ndjson"

INLINE_BYTES = 64 * 1024
"""Parsing more than this would hold the event loop up; it goes to a thread."""

_LENGTH_DIGITS = 20  # of a declared length: more than any length has, and few enough for int()
_SHOWN_FAULTS = 20
_LONGEST_NAME = 64
_UNPACKED_BYTES = 64 * 1024  # of a packed body at a time
# Nothing else runs while JSON is parsed. What takes long are many values, which so little cannot hold.
_UNCOUNTED_BYTES = 16 * 1024


def media_type_of(request: Request, *accepted: str) -> str:
    """One of those that are accepted.

    Raises:
        Problem: 415.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in accepted:
        expected = f"expected the content type {' or '.join(accepted)}"
        raise Problem(Code.UNSUPPORTED_MEDIA_TYPE, expected, headers={"Accept": ", ".join(accepted)})
    return media_type


async def read_body(request: Request, settings: Settings, hold: Callable[[int], None]) -> bytes:
    """The whole body, unpacked. The client has `client_seconds` to send it, and no more than `timeout_seconds`.

    Args:
        hold: told of the bytes as they come in; may refuse them.

    Raises:
        Problem: 400, 408, 413, 415 or what `hold` raises.
    """
    limit, seconds = settings.max_body_bytes, min(settings.client_seconds, settings.timeout_seconds)
    declared = request.headers.get("content-length", "").lstrip("0")[:_LENGTH_DIGITS]
    if declared.isdecimal() and int(declared) > limit:
        raise too_large(Code.BODY_TOO_LARGE, "bytes in the body", limit, int(declared))
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for part in unpacked(request):
                body += part
                if len(body) > limit:
                    raise too_large(Code.BODY_TOO_LARGE, "bytes in the body", limit, len(body))
                hold(len(part))
    except TimeoutError:
        raise too_slow(seconds) from None
    return bytes(body)


def unpacked(request: Request) -> AsyncIterator[bytes]:
    """The body in parts, those of a packed one as they were before.

    Raises:
        Problem: 415 at once, 400 while it is read.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("gzip", "x-gzip"):
        return _gunzip(request.stream())
    if encoding != "identity":
        raise Problem(
            Code.UNSUPPORTED_MEDIA_TYPE, "expected a body as it is, or as gzip", headers={"Accept-Encoding": "gzip"}
        )
    return _without_empty(request.stream())


async def _without_empty(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for part in parts:
        if part:
            yield part


async def _gunzip(packed: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    decoder = zlib.decompressobj(zlib.MAX_WBITS | 16)  # with gzip's header and checksum
    try:
        async for rest in packed:
            left = rest
            while left:
                if decoder.eof:  # one member may follow another
                    decoder = zlib.decompressobj(zlib.MAX_WBITS | 16)
                part = decoder.decompress(left, _UNPACKED_BYTES)
                left = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
                if part:
                    yield part
                await asyncio.sleep(0)  # a little can unpack to much, and others wait
    except zlib.error:
        raise Problem(Code.INVALID_ENCODING, "the body is not gzip") from None
    if not decoder.eof:
        raise Problem(Code.INVALID_ENCODING, "the body is not whole gzip")


def too_slow(seconds: float) -> Problem:
    """The problem of a client that takes too long to send."""
    headers = {"Connection": "close"}
    detail = f"the request was not whole within {seconds:g} seconds"
    return Problem(Code.CLIENT_TOO_SLOW, detail, limit=seconds, headers=headers)


def parse_json(body: bytes, most: int) -> Any:
    """Parse JSON that may hold so many values.

    Raises:
        Problem: 400 or 413.
    """
    if len(body) > _UNCOUNTED_BYTES and (values := _count_values(body, most)) > most:
        raise too_large(Code.BODY_TOO_LARGE, "values in the body", most, values)
    try:
        return json.loads(body.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except RecursionError:
        raise Problem(Code.INVALID_JSON, "the body is nested too deep") from None
    except json.JSONDecodeError as error:
        reason = error.msg.removesuffix(" at")
        raise Problem(Code.INVALID_JSON, f"the body is not JSON: {reason} at character {error.pos}") from None
    except UnicodeDecodeError:
        raise Problem(Code.INVALID_JSON, "the body is not UTF-8") from None
    except ValueError:
        raise Problem(Code.INVALID_JSON, "a number in the body has thousands of digits") from None


def _count_values(body: bytes, most: int) -> int:
    """About how many values JSON holds, by the marks outside of its strings, which takes a fraction of the time that
    parsing it would take; above `most` any number that is more.
    """
    plain = body.replace(rb"\\", b"").replace(rb"\"", b"")
    strings = plain.count(b'"') // 2
    if strings > 2 * most:  # of a value, and of its name
        return strings // 2
    outside = b"".join(plain.split(b'"')[::2])
    return outside.count(b",") + outside.count(b"[") + outside.count(b"{")


def check_fields(plain: Any, model: type[BaseModel], field: str) -> None:
    """Refuse an object of more fields than are known before pydantic lists each one that is not."""
    known = len(model.model_fields)
    if isinstance(plain, dict) and len(plain) > known:
        raise wrong_field(field, f"Expected at most {known} fields, found {len(plain)}")


def wrong_field(field: str, message: str) -> Problem:
    """The problem of a request with one fault."""
    return Problem(Code.INVALID_REQUEST, "1 field(s) are wrong", errors=[FieldFault(field=field, message=message)])


def invalid(error: ValidationError) -> Problem:
    """The problem of a request that is not of its form."""
    faults = faults_of(error)
    return Problem(
        Code.INVALID_REQUEST,
        f"{error.error_count()} field(s) are wrong"
        + (f"; the first {_SHOWN_FAULTS} are listed" * (error.error_count() > _SHOWN_FAULTS)),
        errors=faults,
    )


def faults_of(error: ValidationError) -> list[FieldFault]:
    """The first of them."""
    # Neither the input nor pydantic's context: both can hold the text of a post.
    faults = error.errors(include_url=False, include_context=False, include_input=False)[:_SHOWN_FAULTS]
    return [FieldFault(field=_name(fault["loc"]), message=_message(fault)) for fault in faults]


def _message(fault: Any) -> str:
    # pydantic would name our class
    return "Expected an object" if fault["type"] == "model_type" else str(fault["msg"])


def _name(location: tuple[Any, ...]) -> str:
    """Where a fault is. The name of an unknown field is the caller's own, and is cut in case it is a text."""
    parts = [str(part).encode("utf-8", "replace").decode() for part in location]
    return ".".join(part if len(part) <= _LONGEST_NAME else part[:_LONGEST_NAME] + "…" for part in parts) or "body"


def _refuse_constant(name: str) -> NoReturn:
    raise Problem(Code.INVALID_JSON, f"the body is not JSON: {name} is no number there")
