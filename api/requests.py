"""What `/classify` is sent."""

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request

from api.answers import Refused
from api.bodies import INLINE_BYTES, JSON, check_fields, faults_of, invalid, parse_json, read_body, wrong_field
from api.problems import Code, Problem, too_large
from api.schemas import BatchRequest, ItemErrorCode, Options, PostIn, SingleRequest
from api.settings import Settings
from data.taxonomy import Taxonomy

DEADLINE = "X-Deadline-Ms"

_MILLISECONDS = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_SMALL_NUMBER = re.compile(r"[0-9]{1,3}", re.ASCII)
VALUES_A_POST = 50  # several times what a post can have
OTHER_VALUES = 1000  # as many heads as can be named, and room for what is only refused once it is read


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
        raise wrong_field("query", f"options stand in the body of {JSON}")
    body = await read_body(request, settings, hold)
    if len(body) <= INLINE_BYTES:
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
        raise wrong_field(DEADLINE, "expected a number of milliseconds from 1 to 999999999")
    return int(given) / 1000


def read_options(request: Request, taxonomy: Taxonomy) -> Options:
    """The options of a stream, which stand in its URL: `?top_k=2&heads=intent&heads=urgency`.

    Raises:
        Problem: 422.
    """
    given: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        given.setdefault(name, []).append(value)
    check_fields(given, Options, "query")
    for name in given.keys() - {"heads"}:
        if len(given[name]) == 1:
            [given[name]] = given[name]
    if _SMALL_NUMBER.fullmatch(str(given.get("top_k"))):
        given["top_k"] = int(given["top_k"])
    try:
        options = Options.model_validate(given)
    except ValidationError as error:
        raise invalid(error) from None
    _check_heads(options, taxonomy, "heads")
    return options


def parse_classify(body: bytes, max_posts: int, taxonomy: Taxonomy) -> tuple[Sequence[PostIn], Options]:
    """Parse and validate a JSON body.

    Raises:
        Problem: 400, 413 or 422.
    """
    plain = parse_json(body, VALUES_A_POST * max_posts + OTHER_VALUES)
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
        raise invalid(error) from None
    _check_heads(options, taxonomy, "options.heads")
    return found, options


def parse_line(line: bytes) -> PostIn | Refused:
    """A post of a stream, or why it is none: a bad line fails alone."""
    try:
        plain = parse_json(line, VALUES_A_POST)
        check_fields(plain, PostIn, "the line")
        return PostIn.model_validate(plain)
    except Problem as problem:
        faults = problem.errors or []
        told = "; ".join(f"{fault.field}: {fault.message}" for fault in faults) or problem.detail
        return Refused(ItemErrorCode.INVALID_LINE, told.replace("the body", "the line"))
    except ValidationError as error:
        told = "; ".join(f"{fault.field}: {fault.message}" for fault in faults_of(error))
        return Refused(ItemErrorCode.INVALID_LINE, told)


def _check_all_fields(plain: Any) -> None:
    if not isinstance(plain, dict):
        return
    check_fields(plain, SingleRequest, "body")
    check_fields(plain.get("options"), Options, "options")
    posts = plain.get("posts")
    for index, post in enumerate(posts if isinstance(posts, list) else ()):
        check_fields(post, PostIn, f"posts.{index}")


def _check_heads(options: Options, taxonomy: Taxonomy, field: str) -> None:
    known = [head.name for head in taxonomy]
    for index, head in enumerate(options.heads or []):
        if head not in known:
            raise wrong_field(f"{field}.{index}", f"no such head; there are {', '.join(known)}")
