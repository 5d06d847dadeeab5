"""`POST /classify`: from the request to the answer."""

import asyncio
import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from api.answers import result, summary
from api.bodies import JSON, NDJSON, media_type_of
from api.guard import Guard
from api.keys import Key
from api.middleware import REQUEST_ID
from api.problems import Code, Problem, problem_responses, request_id_of
from api.requests import DEADLINE, read_classify, read_deadline
from api.schemas import ClassifyResponse
from api.service import SLICE_POSTS, Service
from api.streaming import LineStream
from api.telemetry import Telemetry

_REFUSALS = (
    Code.INVALID_HTTP,
    Code.INVALID_JSON,
    Code.INVALID_ENCODING,
    Code.UNAUTHORIZED,
    Code.CLIENT_TOO_SLOW,
    Code.BODY_TOO_LARGE,
    Code.TOO_MANY_POSTS,
    Code.UNSUPPORTED_MEDIA_TYPE,
    Code.UNKNOWN_HOST,
    Code.INVALID_REQUEST,
    Code.QUEUE_FULL,
    Code.RATE_LIMITED,
    Code.HEADERS_TOO_LARGE,
    Code.INTERNAL_ERROR,
    Code.TOO_MANY_CONNECTIONS,
    Code.LOADING,
    Code.DRAINING,
    Code.TIMEOUT,
)

_json = json.JSONEncoder(ensure_ascii=False).encode

_SCHEMA = "#/components/schemas/{name}"

_DOCUMENTED: Mapping[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {
                "schema": {"$ref": _SCHEMA.format(name="ClassifyRequest")},
                "examples": {
                    "one": {"value": {"text": "where is my order"}},
                    "many": {"value": {"posts": [{"id": "t-1", "text": "site is down"}], "options": {"top_k": 1}}},
                },
            },
            NDJSON: {
                "schema": {"$ref": _SCHEMA.format(name="PostIn")},
                "example": '{"text": "where is my order", "id": "t-1"}\n{"text": "site is down again"}\n',
            },
        },
    },
    "parameters": [
        {
            "name": DEADLINE,
            "in": "header",
            "description": "milliseconds after which an answer is of no use; it is then a 504, or the end of a stream, "
            "and work on it ends",
            "schema": {"type": "integer", "minimum": 1, "maximum": 999_999_999},
            "example": 2000,
        },
        {
            "name": REQUEST_ID,
            "in": "header",
            "description": "comes back with the answer where it is 1 to 128 of A-Z a-z 0-9 . _ -; else one is made",
            "schema": {"type": "string"},
        },
        # `top_k` and `heads` of a stream stand in the URL. OpenAPI cannot tie a parameter to a type of content.
    ],
}
_STREAMED: Mapping[str, Any] = {
    "description": f"Of {NDJSON}: a result a line as they are ready, in the order of the posts, and a summary line "
    "last; a stream that was cut has a problem document as its last line, or none. `top_k` and `heads` stand in the "
    "URL.",
    "content": {NDJSON: {"schema": {"$ref": _SCHEMA.format(name="StreamLine")}}},
}


class _Shortcut:
    """Straight to the endpoint of one route, past what FastAPI and Starlette do for every request: matching, reading
    parameters, keeping stacks. For single posts that is time worth saving.
    """

    def __init__(self, app: ASGIApp, route: APIRoute, telemetry: Telemetry) -> None:
        self._app = app
        self._route = route
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != self._route.path or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        scope["route"] = self._route
        try:
            response = await self._route.endpoint(Request(scope, receive, send))
            await response(scope, receive, send)
        except Problem as problem:
            self._telemetry.problem(problem.code)
            await problem.response(scope["request_id"])(scope, receive, send)


def add_classify(app: FastAPI, service: Service, guard: Guard) -> None:
    """Add the route."""

    async def classify(request: Request) -> Response:
        """Label one post or a batch. One that is empty or too long fails alone, with an error of its own."""
        key: Key | None = request.scope["key"]
        if media_type_of(request, JSON, NDJSON) == NDJSON:
            return LineStream(request, service, lambda posts: guard.charge(key, posts))
        deadline = read_deadline(request)
        seconds = min(service.settings.timeout_seconds, deadline or service.settings.timeout_seconds)
        try:
            # Without a deadline of its own the request has a time to be read in and one to be answered in, and a
            # client that is late is told so.
            async with asyncio.timeout(deadline):
                return await _answer(request, service, guard, key, seconds)
        except TimeoutError:
            raise Problem(Code.TIMEOUT, f"no answer within {seconds:g} seconds", limit=seconds) from None

    app.add_api_route(
        "/classify",
        classify,
        methods=["POST"],
        response_model=ClassifyResponse,
        responses={200: dict(_STREAMED), **problem_responses(*_REFUSALS)},
        openapi_extra=dict(_DOCUMENTED),
    )
    [route] = (route for route in app.routes if isinstance(route, APIRoute) and route.endpoint is classify)
    app.add_middleware(_Shortcut, route=route, telemetry=service.telemetry)


async def _answer(request: Request, service: Service, guard: Guard, key: Key | None, seconds: float) -> Response:
    ends = asyncio.get_running_loop().time() + seconds
    with service.model() as model, service.admission.held_bytes() as hold:
        posts, options = await read_classify(request, service.settings, model.bundle.taxonomy, hold)
        texts = [post.text for post in posts]
        async with asyncio.timeout_at(ends):
            answers, stages = await service.classify(model, texts, seconds, partial(_charge, guard, key))

        written = []
        for first in range(0, len(posts), SLICE_POSTS):
            if first:
                await asyncio.sleep(0)
            part = zip(posts[first : first + SLICE_POSTS], answers[first : first + SLICE_POSTS], strict=True)
            results = [
                result(index, post.id, item, model.bundle.policy, options)
                for index, (post, item) in enumerate(part, first)
            ]
            written.append(_json(results)[1:-1])  # without the brackets: all together are one array
        head = _json({"request_id": request_id_of(request), "model": model.info})
        body = f'{head[:-1]}, "results": [{", ".join(written)}], "summary": {_json(summary(answers))}}}'
        timing = {"Server-Timing": stages.header()} if service.settings.server_timing else {}
        return Response(body, media_type=JSON, headers=timing)


def _charge(guard: Guard, key: Key | None, posts: int) -> None:
    wait = guard.charge(key, posts)
    if wait and key:
        detail = f"this key may send {key.posts_per_second:g} posts a second; try again in {wait:.1f} seconds"
        raise Problem(Code.RATE_LIMITED, detail, limit=key.posts_per_second, retry_after=wait)
