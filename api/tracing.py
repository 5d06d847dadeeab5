"""Traces by OpenTelemetry: a span for each request and, inside it, one for each stage of answering.

Nothing of a post is in them, and nothing leaves the machine unless OpenTelemetry's own variables say where to.
"""

import os
import time

from fastapi import FastAPI
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

from api.telemetry import Stages, Telemetry


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
    app.add_middleware(OpenTelemetryMiddleware, tracer_provider=provider, exclude_spans=["receive", "send"])
