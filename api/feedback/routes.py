"""`POST /feedback` and the review list."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from fastapi import FastAPI, Request
from pydantic import BaseModel, ValidationError

from api.bodies import INLINE_BYTES, JSON, check_fields, invalid, media_type_of, parse_json, read_body, wrong_field
from api.feedback.desk import Desk
from api.feedback.intake import Refusal, Taken, take
from api.feedback.schemas import (
    ClaimRequest,
    FeedbackIn,
    FeedbackRequest,
    FeedbackResponse,
    ReleaseRequest,
    ReleaseResponse,
    ReviewResponse,
)
from api.keys import Key
from api.problems import Code, Problem, problem_responses, request_id_of, too_large
from api.requests import OTHER_VALUES, VALUES_A_POST
from api.service import Service
from data.feedback.records import Respondent
from data.feedback.review_list import OpenPost, ReviewList
from data.feedback.store import Outcome
from data.times import iso_of

M = TypeVar("M", bound=BaseModel)

_MOST_SHOWN = 100
_SMALL_NUMBER = re.compile(r"[0-9]{1,3}", re.ASCII)
_ALWAYS = (
    Code.UNAUTHORIZED,
    Code.FEEDBACK_OFF,
    Code.UNKNOWN_HOST,
    Code.INVALID_REQUEST,
    Code.INTERNAL_ERROR,
    Code.LOADING,
    Code.STORE_UNAVAILABLE,
    Code.DRAINING,
)
_SENDING = (
    Code.INVALID_JSON,
    Code.INVALID_ENCODING,
    Code.CLIENT_TOO_SLOW,
    Code.BODY_TOO_LARGE,
    Code.UNSUPPORTED_MEDIA_TYPE,
    Code.QUEUE_FULL,
)


def add_feedback(app: FastAPI, service: Service) -> None:
    """Add the routes."""

    @app.post(
        "/feedback",
        response_model=FeedbackResponse,
        responses=problem_responses(*_SENDING, Code.TOO_MANY_POSTS, *_ALWAYS),
        openapi_extra=_body(FeedbackRequest, FeedbackIn),
    )
    async def feedback(request: Request) -> dict[str, Any]:
        """Say whether answers were right. What is taken is stored for good when this is answered; sent again, it is
        stored once. One that is wrong fails alone.
        """
        desk = _desk(service)
        key: Key | None = request.scope["key"]
        async with _sent(request, service) as plain:
            items = _feedback(plain, service.settings.max_posts)
            taken = await take(desk, items, key.name if key else None, service.settings.max_characters)
        service.telemetry.feedback(
            [item.feedback for item in taken if isinstance(item, Taken) and item.outcome is Outcome.NEW]
        )
        results: list[dict[str, Any]] = []
        for index, item in enumerate(taken):
            if isinstance(item, Refusal):
                fault = {"code": item.code.value, "message": item.message}
                results.append({"index": index, "status": "error", "error": fault})
            else:
                results.append({"index": index, "status": "ok", "id": item.id, "stored": item.outcome.value})
        states = [result.get("stored", "failed") for result in results]
        counts = {state: states.count(state) for state in ("new", "known", "failed")}
        summary = {"total": len(results), **counts}
        return {"request_id": request_id_of(request), "results": results, "summary": summary}

    @app.get(
        "/review",
        response_model=ReviewResponse,
        responses=problem_responses(Code.TEXT_NOT_STORED, *_ALWAYS),
        openapi_extra={
            "parameters": [
                {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": _MOST_SHOWN}}
            ]
        },
    )
    async def review(request: Request) -> dict[str, Any]:
        """Posts that the policy sent to people, most useful first, claimed ones among them. A head in the query, as
        `?department=support`, asks for posts that were given this label, be it by a model that is no longer served.
        """
        desk = _desk(service)
        limit, wanted = _query(request)
        await _check_labels(wanted, desk, "query")
        return await _listed(request, desk, lambda posts: posts.open(limit, wanted))

    @app.post(
        "/review/claims",
        response_model=ReviewResponse,
        responses=problem_responses(*_SENDING, Code.TEXT_NOT_STORED, *_ALWAYS),
        openapi_extra=_body(ClaimRequest),
    )
    async def claim(request: Request) -> dict[str, Any]:
        """Claim posts for a reviewer: for `claim_seconds` they are nobody else's. Claimed again, they stay longer."""
        desk = _desk(service)
        async with _sent(request, service) as plain:
            asked = _validated(ClaimRequest, plain)
        await _check_labels(asked.labels, desk, "labels")
        answers = asked.answers
        if answers is not None:
            return await _listed(request, desk, lambda posts: posts.claim_these(asked.reviewer, answers))
        return await _listed(request, desk, lambda posts: posts.claim(asked.reviewer, asked.count, asked.labels))

    @app.post(
        "/review/releases",
        response_model=ReleaseResponse,
        responses=problem_responses(*_SENDING, Code.TEXT_NOT_STORED, *_ALWAYS),
        openapi_extra=_body(ReleaseRequest),
    )
    async def release(request: Request) -> dict[str, Any]:
        """Leave claimed posts to others."""
        desk = _desk(service)
        async with _sent(request, service) as plain:
            asked = _validated(ReleaseRequest, plain)
        released = await desk.review(lambda posts: posts.release(asked.reviewer, asked.answers))
        return {"request_id": request_id_of(request), "released": released}


def _desk(service: Service) -> Desk:
    if service.desk is None:
        raise Problem(Code.FEEDBACK_OFF, "this service takes no feedback; start it with the setting feedback")
    with service.model():  # refuses what comes while it loads or drains
        return service.desk


@asynccontextmanager
async def _sent(request: Request, service: Service) -> AsyncIterator[Any]:
    """The body, parsed; its bytes are held until all is done with it."""
    media_type_of(request, JSON)
    if request.scope["query_string"]:
        raise wrong_field("query", "what is asked for stands in the body")
    most = VALUES_A_POST * service.settings.max_posts + OTHER_VALUES
    with service.admission.held_bytes() as hold:
        body = await read_body(request, service.settings, hold)
        yield parse_json(body, most) if len(body) <= INLINE_BYTES else await asyncio.to_thread(parse_json, body, most)


def _feedback(plain: Any, most: int) -> list[FeedbackIn]:
    """Both forms of a request."""
    if not isinstance(plain, dict) or "feedback" not in plain:
        return [_validated(FeedbackIn, plain)]
    items = plain["feedback"]
    if isinstance(items, list):
        if len(items) > most:
            raise too_large(Code.TOO_MANY_POSTS, "entries in the request", most, len(items))
        for index, item in enumerate(items):
            check_fields(item, FeedbackIn, f"feedback.{index}")
    return _validated(FeedbackRequest, plain).feedback


def _validated(form: type[M], plain: Any) -> M:
    check_fields(plain, form, "body")
    try:
        return form.model_validate(plain)
    except ValidationError as error:
        raise invalid(error) from None


def _query(request: Request) -> tuple[int, dict[str, str]]:
    given = dict(request.query_params.multi_items())
    limit = given.pop("limit", "20")
    if not _SMALL_NUMBER.fullmatch(limit) or not 1 <= int(limit) <= _MOST_SHOWN:
        raise wrong_field("limit", f"expected a number from 1 to {_MOST_SHOWN}")
    return int(limit), given


async def _check_labels(labels: Mapping[str, str], desk: Desk, field: str) -> None:
    """Refuse what no model ever had: posts that an earlier one answered may wait still."""
    known: dict[str, dict[str, None]] = {}
    for model in (await desk.models()).values() if labels else ():
        for head, its_labels in model.heads.items():
            known.setdefault(head, {}).update(dict.fromkeys(its_labels))
    for head, label in labels.items():
        if head not in known:
            raise wrong_field(field, f"no such head; there are {', '.join(known)}")
        if label not in known[head]:
            raise wrong_field(f"{field}.{head}", f"no such label; there are {', '.join(known[head])}")


async def _listed(request: Request, desk: Desk, ask: Callable[[ReviewList], list[OpenPost]]) -> dict[str, Any]:
    found, (open_, claimed), keys = await desk.review(lambda posts: (ask(posts), posts.counts(), posts.models()))
    models = await desk.find(keys | {post.model_key for post in found})  # others settle posts in the meantime
    shown = [
        {
            "answer": post.answer,
            "text": post.text,
            "time": iso_of(post.time),
            "usefulness": round(post.usefulness, 4),
            **json.loads(post.result),
            "model": post.model,
            "model_key": post.model_key,
            "claimed_by": post.claimed_by,
            "claimed_until": iso_of(post.claimed_until) if post.claimed_by else None,
        }
        for post in found
    ]
    return {
        "request_id": request_id_of(request),
        "posts": shown,
        "models": {key: {"heads": _heads(models[key])} for key in sorted(models)},
        "open": open_,
        "claimed": claimed,
    }


def _heads(model: Respondent) -> list[dict[str, Any]]:
    return [
        {"name": name, "labels": labels, "optional": name in model.optional} for name, labels in model.heads.items()
    ]


def _body(*forms: type[BaseModel]) -> dict[str, Any]:
    """The OpenAPI entry of a body that we read ourselves."""
    schemas = [{"$ref": f"#/components/schemas/{form.__name__}"} for form in forms]
    schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
    return {"requestBody": {"required": True, "content": {JSON: {"schema": schema}}}}
