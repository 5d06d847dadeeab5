"""Traces by OpenTelemetry: a span for each request and, inside it, one for each stage of answering.

Nothing of a post is in them, and nothing leaves the machine unless OpenTelemetry's own variables say where to.
"""

import os
import time
from collections.abc import Set

from fastapi import FastAPI
from fastapi.routing import APIRoute
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from starlette.types import ASGIApp, Receive, Scope, Send

from api.telemetry import Stages, Telemetry

_AS_IT_CAME = "triage.scope"
_OTHER = "/other"
_UNTOLD = (b"host", b"user-agent")


def add_tracing(app: FastAPI, telemetry: Telemetry, processor: SpanProcessor) -> None:
    """Trace what an application answers from now on.

    Args:
        processor: takes the spans that have ended.
    """
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: os.environ.get("OTEL_SERVICE_NAME", "triage")}))
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("triage")

    def record(stages: Stages) -> None:
        """The stages that have just ended, as spans inside the request's."""
        began = time.time_ns() - round(1e9 * sum(seconds for _, seconds in stages.items()))
        for name, seconds in stages.items():
            span = tracer.start_span(name, start_time=began)
            began += round(1e9 * seconds)
            span.end(began)

    telemetry.on_stages = record
    # Outside all others, so that what they do is inside the span too.
    paths = frozenset(route.path for route in app.routes if isinstance(route, APIRoute))
    app.add_middleware(_Traced, provider=provider, paths=paths)


class _Traced:
    """An application whose spans are of requests with nothing in them that clients choose: an unknown path, a query, a
    host or the name of a browser could hold a text, or somebody's secret.
    """

    def __init__(self, app: ASGIApp, provider: TracerProvider, paths: Set[str]) -> None:
        self._paths = paths

        async def as_it_came(scope: Scope, receive: Receive, send: Send) -> None:
            await app(scope.get(_AS_IT_CAME, scope), receive, send)

        self._app = OpenTelemetryMiddleware(as_it_came, tracer_provider=provider, exclude_spans=["receive", "send"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["path"] if scope["path"] in self._paths else _OTHER
            told = {"path": path, "raw_path": path.encode(), "query_string": b""}
            headers = [header for header in scope["headers"] if header[0] not in _UNTOLD]
            scope = {**scope, **told, "headers": headers, _AS_IT_CAME: scope}
        await self._app(scope, receive, send)
