"""The process around the service: start, ready, drain, end."""

import logging
import signal
import socket
import sys
from typing import Any

import uvicorn

from api.app import create_app
from api.service import Service
from api.settings import Settings
from data.errors import ConfigurationError
from model.bundle import Bundle


def listen(host: str, port: int) -> socket.socket:
    """The socket to serve on.

    Raises:
        ConfigurationError: it cannot be had.
    """
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {host}, port {port}: {error.strerror}; choose another with --host or --port"
        ) from error


def serve(bundle: Bundle, settings: Settings, listener: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT; then drain and return.

    Raises:
        Exception: whatever kept the model from being loaded.
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    app = create_app(bundle, settings, on_failure=lambda: server.stop())  # noqa: PLW0108  # the server is made below
    server = _Server(
        uvicorn.Config(
            app,
            timeout_graceful_shutdown=settings.drain_seconds,
            log_config=None,
            server_header=False,
            access_log=False,  # /metrics counts requests; a line for each would cost more than it tells
        ),
        app.state.service,
    )
    server.run(sockets=[listener])
    failure = app.state.service.failure
    if failure is not None:
        raise failure


class _Server(uvicorn.Server):
    """uvicorn's server, which tells the service when it begins to drain, and whose end by a signal is no error."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    def handle_exit(self, sig: int, frame: Any) -> None:
        self._service.drain()
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True  # asked twice: do not wait for open requests
        self.should_exit = True

    def stop(self) -> None:
        self.should_exit = True
