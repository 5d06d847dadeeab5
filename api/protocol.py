"""What uvicorn's HTTP lacks: an end to clients that are slow, gone or abusive, all of which it would wait for."""

import asyncio
import socket
import sys
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from api.middleware import DISCONNECTED, HEADERS, REQUEST_ID
from api.problems import Code, Problem

_PIECE = 16 * 1024  # bytes
_MAX_PIPELINED = 100  # requests that wait for the answer before them; uvicorn would take any number


def bounded_protocol(
    client_seconds: float,
    max_header_bytes: int = 65_536,
    max_connections: int = sys.maxsize,
    refused: Callable[[Problem], None] = lambda problem: None,
) -> type[HttpToolsProtocol]:
    """The class for `uvicorn.Config(http=...)`. It knows no websockets: a wish to upgrade is ignored.

    Args:
        client_seconds: for the head of a request to arrive; and for the client to take some more of an answer.
        max_header_bytes: of the request line and the headers together, give or take what is read at a time.
        max_connections: that are open at a time.
        refused: told of each request that did not get further than here.
    """

    class Bounded(_BoundedProtocol):
        _seconds = client_seconds
        _max_bytes = max_header_bytes
        _max_connections = max_connections
        _options = _socket_options(client_seconds)

        def _tell(self, problem: Problem) -> None:
            refused(problem)

    return Bounded


def _socket_options(client_seconds: float) -> list[tuple[int, int, int]]:
    """By which the kernel lets go of a peer that vanished, or that leaves the end of an answer unread."""
    seconds = max(1, round(client_seconds))
    named = {
        "TCP_KEEPIDLE": seconds,
        "TCP_KEEPINTVL": max(1, seconds // 3),
        "TCP_KEEPCNT": 3,
        "TCP_USER_TIMEOUT": round(client_seconds * 1000),
        # Else it takes up to megabytes at a time, and a steady reader is not told from one that does not read.
        "TCP_NOTSENT_LOWAT": 128 * 1024,
    }
    tcp = [(socket.IPPROTO_TCP, getattr(socket, name), value) for name, value in named.items() if hasattr(socket, name)]
    return [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), *tcp]


class _BoundedProtocol(HttpToolsProtocol):
    _seconds: ClassVar[float]
    _max_bytes: ClassVar[int]
    _max_connections: ClassVar[int]
    _options: ClassVar[list[tuple[int, int, int]]]

    _request_timer: asyncio.TimerHandle
    _answer_timer: asyncio.TimerHandle | None = None
    # Bytes given to the parser since it last handed something over. It keeps them, and sets itself no bound.
    _pending = 0
    _running: RequestResponseCycle | None = None
    _task: asyncio.Task[Any] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        peer = transport.get_extra_info("socket")
        if peer is not None and peer.family in (socket.AF_INET, socket.AF_INET6):
            with suppress(OSError):  # it may be gone already
                for option in self._options:
                    peer.setsockopt(*option)
        self._await_request()
        if len(self.connections) > self._max_connections:
            detail = "too many connections are open; try again shortly"
            self._refuse(Problem(Code.TOO_MANY_CONNECTIONS, detail, limit=self._max_connections))

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unset_keepalive_if_required()  # which uvicorn leaves running after an error
        if self._running is not None:  # of pipelined requests, uvicorn tells only the last
            self._running.disconnected = True
            self._running.message_event.set()
            if self._task is not None and not self._running.response_complete:
                self._running.scope["state"][DISCONNECTED] = True
                self._task.cancel()  # nobody waits for the answer any more
        self._request_timer.cancel()
        self.resume_writing()

    def data_received(self, data: bytes) -> None:
        # In place of uvicorn's, which logs a warning for every request that is malformed or asks for an upgrade.
        self._unset_keepalive_if_required()
        rest = memoryview(data)
        try:
            while rest and not self.transport.is_closing():
                rest = self._feed(rest)
                if self._pending >= self._max_bytes:
                    self._refuse(Problem(Code.HEADERS_TOO_LARGE, "the headers are too large", limit=self._max_bytes))
                elif len(self.pipeline) > _MAX_PIPELINED:
                    self.transport.close()
        except httptools.HttpParserError:
            self._refuse(Problem(Code.INVALID_HTTP, "this is not HTTP/1.1"))
        if (self.cycle is None or self.cycle.response_complete) and self._request_timer.cancelled():
            self._await_request()

    def _feed(self, data: memoryview) -> memoryview:
        """Give the parser a piece; what is left of the data."""
        # A small one: a head that follows a body in the same piece is not counted.
        piece = data[: min(_PIECE, self._max_bytes - self._pending)]
        self._pending += len(piece)
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade()
            return data[upgrade.args[0] :]
        return data[len(piece) :]

    def _ignore_upgrade(self) -> None:
        """Read the head again without `Upgrade`, after which the parser takes the body for another protocol."""
        method = self.parser.get_method()
        if method == b"CONNECT":
            raise httptools.HttpParserError
        head = [b"%b %b HTTP/%b\r\n" % (method, self.url, self.parser.get_http_version().encode())]
        head += [b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade"]
        self.parser.feed_data(b"".join([*head, b"\r\n"]))

    def on_headers_complete(self) -> None:
        if not self.parser.should_upgrade():
            self._pending = 0
            self._request_timer.cancel()
            super().on_headers_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        async def noted(*arguments: Any) -> None:
            self._task = asyncio.current_task()
            await app(*arguments)

        self._running = cycle
        super()._start_asgi_task(cycle, noted)

    def on_body(self, body: bytes) -> None:
        self._pending = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if not self.parser.should_upgrade():
            self._pending = 0
            super().on_message_complete()
            if not self.pipeline:
                # uvicorn stops reading at 64 KiB that the application has not taken, and the application, which then
                # takes the whole body at once, asks for no more: unread, a connection that ends is not noticed.
                self.flow.resume_reading()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._await_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._answer_timer is not None:
            self._answer_timer.cancel()

    def _await_reader(self) -> None:
        unsent = self.transport.get_write_buffer_size()
        self._answer_timer = self.loop.call_later(self._seconds, self._on_reader_late, unsent)

    def _on_reader_late(self, unsent: int) -> None:
        if self.transport.get_write_buffer_size() < unsent:
            self._await_reader()
        else:
            self.transport.abort()

    def _await_request(self) -> None:
        self._request_timer = self.loop.call_later(self._seconds, self._on_request_late)

    def _on_request_late(self) -> None:
        if self._pending:
            detail = f"the headers were not whole within {self._seconds:g} seconds"
            self._refuse(Problem(Code.CLIENT_TOO_SLOW, detail, limit=self._seconds))
        self.transport.close()

    def _tell(self, problem: Problem) -> None:
        """Somebody may wish to count it."""

    def _refuse(self, problem: Problem) -> None:
        """Answer and close; only close where this would garble an answer under way, or pass for it."""
        cycle = self.cycle
        self._tell(problem)
        under_way = cycle is not None and not cycle.response_complete
        if not under_way or (cycle.more_body and not cycle.response_started and not self.pipeline):
            request_id = uuid.uuid4().hex
            response = problem.response(request_id)
            response.headers.update({**HEADERS, REQUEST_ID: request_id, "Connection": "close"})
            headers = [*self.server_state.default_headers, *response.raw_headers]
            head = [STATUS_LINE[response.status_code], *(b"%b: %b\r\n" % header for header in headers), b"\r\n"]
            self.transport.write(b"".join([*head, bytes(response.body)]))
        self.transport.close()
