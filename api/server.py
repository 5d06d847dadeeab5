"""A process that serves: start, ready, drain, end."""

import logging
import os
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

from api import runtime
from api.app import create_app
from api.logs import configure_logging
from api.protocol import bounded_protocol
from api.service import Service
from api.settings import Settings
from data.errors import ConfigurationError, MissingExtraError, TriageError
from model.bundle import Bundle
from model.registry import Registry

log = logging.getLogger("triage")

_BACKLOG = 2048
_TRACES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


@dataclass(frozen=True, slots=True)
class Serving:
    """What a process needs to serve; every process of one service has the same.

    Attributes:
        bundle: folder of the bundle to begin with, where none is promoted or that one cannot be served.
        shared: folder of what the processes share, for as long as they run.
    """

    bundle: Path
    settings: Settings
    listener: socket.socket
    shared: Path


def listen(host: str, port: int) -> socket.socket:
    """The socket to serve on.

    Raises:
        ConfigurationError: it cannot be had.
    """
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=_BACKLOG
        )
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {host}, port {port}: {error.strerror}; choose another with --host or --port"
        ) from error


def serve(serving: Serving, on_ready: Callable[[], None] = lambda: None) -> None:
    """Serve until SIGTERM or SIGINT; then drain and return.

    Args:
        on_ready: called once the model is in service.

    Raises:
        ConfigurationError: the keys, the certificate or the wish for traces cannot be met.
        Exception: whatever kept the model from being loaded.
    """
    settings = serving.settings
    configure_logging(settings.log_format)
    runtime.prepare()
    registry = Registry(settings.models) if settings.model is None else None
    bundle, fallback = _first_bundle(serving, registry)
    app = create_app(
        bundle,
        settings,
        serving.shared,
        registry,
        fallback,
        on_loaded=lambda: server.on_loaded(),  # noqa: PLW0108  # the server is made below
    )
    service: Service = app.state.service
    if any(os.environ.get(name) for name in _TRACES):
        _trace(app, service)
    server = _Server(server_config(app, settings), service, on_ready)
    server.run(sockets=[serving.listener])
    if service.failure is not None:
        raise service.failure


def _first_bundle(serving: Serving, registry: Registry | None) -> tuple[Bundle, Callable[[], Bundle] | None]:
    """What is promoted now, as this process may begin long after the service did; and what the service began with, for
    the case that the promoted one cannot be served: then it stayed out of the other processes too.
    """
    begun_with = partial(Bundle.load, serving.bundle)
    if registry is not None:
        try:
            promoted = registry.resolve()
            return Bundle.load(promoted), None if promoted.samefile(serving.bundle) else begun_with
        except (TriageError, OSError) as error:
            log.error("%s; beginning with %s", error, serving.bundle)  # noqa: TRY400  # the error says it all
    return begun_with(), None


def server_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """The configuration of uvicorn.

    Raises:
        ConfigurationError: the certificate or its key cannot be read.
    """
    config = uvicorn.Config(
        app,
        http=bounded_protocol(
            settings.client_seconds,
            max_connections=settings.max_connections,
            refused=lambda problem: app.state.service.telemetry.problem(problem.code),
        ),
        ws="none",
        proxy_headers=False,
        timeout_graceful_shutdown=settings.drain_seconds,
        log_config=None,
        server_header=False,
        access_log=False,  # RequestMiddleware writes it, where it is wished for
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )
    try:
        config.load()
    except (OSError, ValueError) as error:  # SSLError is an OSError
        raise ConfigurationError(
            f"{settings.tls_certificate}, {settings.tls_key}: expected a certificate and its key in PEM: {error}"
        ) from error
    return config


def _trace(app: FastAPI, service: Service) -> None:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415  # an extra
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        from api.tracing import add_tracing  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{' or '.join(_TRACES)} asks for traces, which need {error.name}; install it: pip install -e '.[otel]'"
        ) from error
    add_tracing(app, service.telemetry, BatchSpanProcessor(OTLPSpanExporter()))


class _Server(uvicorn.Server):
    """uvicorn's server, which tells the service when it begins to drain, and whose end by a signal is no error."""

    def __init__(self, config: uvicorn.Config, service: Service, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._service = service
        self._on_ready = on_ready

    def handle_exit(self, sig: int, frame: Any) -> None:
        self._service.drain()
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True  # asked twice: do not wait for open requests
        self.should_exit = True

    def on_loaded(self) -> None:
        if self._service.failure is None:
            runtime.settle()
            self._on_ready()
        else:
            self.should_exit = True
