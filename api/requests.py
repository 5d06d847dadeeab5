"""Reading what `/classify` is sent: bounded, strict, and without ever repeating what it held."""

import asyncio
import json
import re
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, NoReturn

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from api.answers import Refused
from api.problems import Code, FieldFault, Problem, too_large
from api.schemas import BatchRequest, ItemErrorCode, Options, PostIn, SingleRequest
from api.settings import Settings
from data.taxonomy import Taxonomy

JSON = "application/json"
NDJSON = "application/x-ndjson"
DEADLINE = "X-Deadline-Ms"

_MILLISECONDS = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_SMALL_NUMBER = re.compile(r"[0-9]{1,3}", re.ASCII)
_LENGTH_DIGITS = 20  # of a declared length: more than any length has, and few enough for int()
_SHOWN_FAULTS = 20
_LONGEST_NAME = 64
# Parsing more than this would hold the event loop up; it goes to a thread.
_INLINE_BYTES = 64 * 1024
_UNPACKED_BYTES = 64 * 1024  # of a packed body at a time
# Nothing else runs while JSON is parsed. What takes long are many values, which so little cannot hold.
_UNCOUNTED_BYTES = 16 * 1024
_VALUES_A_POST = 50  # several times what a post can have
_OTHER_VALUES = 1000  # as many heads as can be named, and room for what is only refused once it is read


def media_type_of(request: Request) -> str:
    """JSON or NDJSON.

    Raises:
        Problem: 415.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in (JSON, NDJSON):
        accepted = f"{JSON}, {NDJSON}"
        raise Problem(
            Code.UNSUPPORTED_MEDIA_TYPE, f"expected the content type {JSON} or {NDJSON}", headers={"Accept": accepted}
        )
    return media_type


async def read_classify(
    request: Request, settings: Settings, taxonomy: Taxonomy, hold: Callable[[int], None]
) -> tuple[Sequence[PostIn], Options]:
    """The posts of a JSON request and how to answer them. The client has `client_seconds` to send it, and no more than
    `timeout_seconds`.

    Args:
        hold: told of the bytes as they come in; may refuse them.

    Raises:
        Problem: 400, 408, 413, 415, 422 or 429.
    """
    if request.scope["query_string"]:
        raise _fault("query", f"options stand in the body of {JSON}")
    body = await _read_body(request, settings, hold)
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
        raise _fault(DEADLINE, "expected a number of milliseconds from 1 to 999999999")
    return int(given) / 1000


def read_options(request: Request, taxonomy: Taxonomy) -> Options:
    """The options of a stream, which stand in its URL: `?top_k=2&heads=intent&heads=urgency`.

    Raises:
        Problem: 422.
    """
    given: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        given.setdefault(name, []).append(value)
    _check_fields(given, Options, "query")
    for name in given.keys() - {"heads"}:
        if len(given[name]) == 1:
            [given[name]] = given[name]
    if _SMALL_NUMBER.fullmatch(str(given.get("top_k"))):
        given["top_k"] = int(given["top_k"])
    try:
        options = Options.model_validate(given)
    except ValidationError as error:
        raise _invalid(error) from None
    _check_heads(options, taxonomy, "heads")
    return options


def parse_classify(body: bytes, max_posts: int, taxonomy: Taxonomy) -> tuple[Sequence[PostIn], Options]:
    """Parse and validate a JSON body.

    Raises:
        Problem: 400, 413 or 422.
    """
    plain = _parse(body, _VALUES_A_POST * max_posts + _OTHER_VALUES)
    posts = plain.get("posts") if isinstance(plain, dict) else None
    if isinstance(posts, list) and len(posts) > max_posts:
        raise too_large(Code.TOO_MANY_POSTS, "posts in the request", max_posts, len(posts))
    _check_all_fields(plain)
    found: Sequence[PostIn]
    try:
        if posts is None and isinstance(plain, dict) and "posts" not in plain:
            single = SingleRequest.model_validate(plain)
            found, options = [single], single.options
        else:
            batch = BatchRequest.model_validate(plain)
            found, options = batch.posts, batch.options
    except ValidationError as error:
        raise _invalid(error) from None
    _check_heads(options, taxonomy, "options.heads")
    return found, options


def parse_line(line: bytes) -> PostIn | Refused:
    """A post of a stream, or why it is none: a bad line fails alone."""
    try:
        plain = _parse(line, _VALUES_A_POST)
        _check_fields(plain, PostIn, "the line")
        return PostIn.model_validate(plain)
    except Problem as problem:
        faults = problem.errors or []
        told = "; ".join(f"{fault.field}: {fault.message}" for fault in faults) or problem.detail
        return Refused(ItemErrorCode.INVALID_LINE, told.replace("the body", "the line"))
    except ValidationError as error:
        told = "; ".join(f"{fault.field}: {fault.message}" for fault in _faults(error))
        return Refused(ItemErrorCode.INVALID_LINE, told)


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


async def _read_body(request: Request, settings: Settings, hold: Callable[[int], None]) -> bytes:
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


def too_slow(seconds: float) -> Problem:
    """The problem of a client that takes too long to send."""
    headers = {"Connection": "close"}
    detail = f"the request was not whole within {seconds:g} seconds"
    return Problem(Code.CLIENT_TOO_SLOW, detail, limit=seconds, headers=headers)


def _parse(body: bytes, most: int) -> Any:
    """Parse JSON that may hold so many values."""
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


def _check_all_fields(plain: Any) -> None:
    if not isinstance(plain, dict):
        return
    _check_fields(plain, SingleRequest, "body")
    _check_fields(plain.get("options"), Options, "options")
    posts = plain.get("posts")
    for index, post in enumerate(posts if isinstance(posts, list) else ()):
        _check_fields(post, PostIn, f"posts.{index}")


def _check_fields(plain: Any, model: type[BaseModel], field: str) -> None:
    """Refuse an object of more fields than are known before pydantic lists each one that is not."""
    known = len(model.model_fields)
    if isinstance(plain, dict) and len(plain) > known:
        raise _fault(field, f"Expected at most {known} fields, found {len(plain)}")


def _fault(field: str, message: str) -> Problem:
    return Problem(Code.INVALID_REQUEST, "1 field(s) are wrong", errors=[FieldFault(field=field, message=message)])


def _check_heads(options: Options, taxonomy: Taxonomy, field: str) -> None:
    known = [head.name for head in taxonomy]
    for index, head in enumerate(options.heads or []):
        if head not in known:
            raise _fault(f"{field}.{index}", f"no such head; there are {', '.join(known)}")


def _invalid(error: ValidationError) -> Problem:
    faults = _faults(error)
    return Problem(
        Code.INVALID_REQUEST,
        f"{error.error_count()} field(s) are wrong"
        + (f"; the first {_SHOWN_FAULTS} are listed" * (error.error_count() > _SHOWN_FAULTS)),
        errors=faults,
    )


def _faults(error: ValidationError) -> list[FieldFault]:
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
