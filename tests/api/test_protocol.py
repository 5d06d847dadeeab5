"""Clients that keep to no rule, on real sockets."""

import asyncio
import itertools
import json
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPMessage, parse_headers
from io import BufferedReader
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.middleware import DISCONNECTED
from api.problems import Code, Problem
from api.protocol import bounded_protocol
from tests.api.conftest import until

_PATIENCE = 30.0
_SOON = 0.5
_MEGABYTE = 1_000_000
_GET = b"GET / HTTP/1.1\r\n\r\n"


class Served:
    """A server, and a tiny application that says how its answers ended.

    `/` answers with the number of bytes in the body, `/early` before it has read any, `/never` and `/swallow` not at
    all, but the latter reads the body, and `/large` with `size` bytes, `piece` of them at a time.
    """

    def __init__(self, protocol: type[HttpToolsProtocol], path: Path | None, size: int, piece: int) -> None:
        self.size = size
        self.piece = piece
        self.outcomes: list[str] = []
        self._path = path
        self.server = uvicorn.Server(
            uvicorn.Config(
                self._app,
                port=0,
                uds=str(path) if path else None,
                interface="asgi3",
                http=protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                timeout_keep_alive=3600,
                timeout_graceful_shutdown=1,
            )
        )

    @property
    def connections(self) -> set[Any]:
        return self.server.server_state.connections

    @contextmanager
    def connect(self, receive_buffer: int | None = None) -> Iterator["Client"]:
        with socket.socket(socket.AF_UNIX if self._path else socket.AF_INET) as connection:
            connection.settimeout(_PATIENCE)
            if receive_buffer:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            connection.connect(str(self._path) if self._path else self.server.servers[0].sockets[0].getsockname())
            with connection.makefile("rb") as received:
                yield Client(connection, received)

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._respond(scope["path"], receive, send)
            self.outcomes.append("answered")
        except asyncio.CancelledError:
            self.outcomes.append("disconnected" if DISCONNECTED in scope["state"] else "cancelled")

    async def _respond(self, path: str, receive: Receive, send: Send) -> None:
        if path in ("/", "/swallow"):
            size = 0
            more = True
            while more:
                message = await receive()
                size += len(message.get("body", b""))
                more = message.get("more_body", False)
            if path == "/swallow":
                await asyncio.Event().wait()
            await _answer(send, str(size).encode())
        elif path == "/early":
            await _answer(send, b"early")
        elif path == "/never":
            await asyncio.Event().wait()
        else:
            await send({"type": "http.response.start", "status": 200, "headers": [_length(self.size)]})
            for start in range(0, self.size, self.piece):
                end = min(start + self.piece, self.size)
                await send({"type": "http.response.body", "body": bytes(end - start), "more_body": end < self.size})


async def _answer(send: Send, body: bytes) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [_length(len(body))]})
    await send({"type": "http.response.body", "body": body})


def _length(size: int) -> tuple[bytes, bytes]:
    return b"content-length", str(size).encode()


@contextmanager
def serving(
    client_seconds: float = _PATIENCE * 10,
    *,
    protocol: type[HttpToolsProtocol] | None = None,
    path: Path | None = None,
    size: int = 50 * _MEGABYTE,
    piece: int = 65_536,
) -> Iterator[Served]:
    served = Served(protocol or bounded_protocol(client_seconds), path, size, piece)
    thread = threading.Thread(target=served.server.run)
    thread.start()
    try:
        until(lambda: served.server.started)
        yield served
    finally:
        served.server.should_exit = True
        thread.join(_PATIENCE)


class Client:
    def __init__(self, connection: socket.socket, received: BufferedReader) -> None:
        self.socket = connection
        self._received = received

    def send(self, data: bytes) -> None:
        """Send, if need be to a server that hangs up in the middle of it."""
        with suppress(ConnectionResetError, BrokenPipeError):
            self.socket.sendall(data)

    def drip(self, beginning: bytes, over_and_over: bytes) -> None:
        """Send a byte every now and then, until there is something to read."""
        end = time.monotonic() + _PATIENCE
        for byte in itertools.chain(beginning, itertools.cycle(over_and_over)):
            assert time.monotonic() < end, "nothing came"
            self.send(bytes([byte]))
            if select.select([self.socket], [], [], 0.02)[0]:
                return

    def answer(self) -> tuple[int, HTTPMessage, bytes]:
        status = int(self._received.readline().split()[1])
        headers = parse_headers(self._received)
        return status, headers, self._received.read(int(headers["Content-Length"]))

    def body(self) -> bytes:
        status, _, body = self.answer()
        assert status == 200
        return body

    def rest(self) -> bytes:
        """What comes until the server hangs up."""
        pieces = []
        with suppress(ConnectionResetError):
            while piece := self._received.read1():
                pieces.append(piece)
        return b"".join(pieces)

    def refusal(self) -> dict[str, Any]:
        """The problem document that a connection ends with."""
        status, headers, body = self.answer()
        document: dict[str, Any] = json.loads(body)
        assert status == document["status"]
        assert headers["Content-Type"] == "application/problem+json"
        assert headers["Connection"] == "close"
        assert headers["X-Request-ID"] == document["request_id"]
        assert len(document["request_id"]) == 32
        assert self.rest() == b""
        return document


def test_a_connection_on_which_nothing_is_sent_is_closed() -> None:
    with serving(_SOON) as served, served.connect() as client:
        assert client.rest() == b""


@pytest.mark.parametrize("is_kept_alive", [False, True])
@pytest.mark.parametrize(
    ("beginning", "over_and_over"), [(b"GET / HTTP/1.1\r\nX: ", b"x"), (b"", b"\r\n"), (b"GET /", b"x")]
)
def test_a_head_that_drips_is_refused(is_kept_alive: bool, beginning: bytes, over_and_over: bytes) -> None:
    with serving(_SOON) as served, served.connect() as client:
        if is_kept_alive:
            client.send(_GET)
            assert client.body() == b"0"
        client.drip(beginning, over_and_over)
        document = client.refusal()
    assert (document["status"], document["code"], document["limit"]) == (408, "client_too_slow", _SOON)


def test_a_body_that_drips_behind_its_answer_is_cut_off() -> None:
    with serving(_SOON) as served, served.connect() as client:
        client.send(b"POST /early HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n")
        assert client.body() == b"early"
        client.drip(b"", b"x")
        assert client.rest() == b""


def test_between_requests_and_while_an_answer_is_under_way_nobody_is_late() -> None:
    with serving(_SOON) as served, served.connect() as idle, served.connect() as waiting, served.connect() as silent:
        idle.send(_GET)
        assert idle.body() == b"0"
        waiting.send(b"GET /never HTTP/1.1\r\n\r\nGET")
        assert silent.rest() == b""  # by now the others would be closed too
        idle.send(_GET)
        assert idle.body() == b"0"
        until(lambda: served.outcomes == ["answered"] * 2)


@pytest.mark.parametrize("piece", [10, 1001])
@pytest.mark.parametrize(("size", "status"), [(1000, 200), (1001, 431)])
def test_a_head_may_have_a_size(size: int, status: int, piece: int) -> None:
    fixed = b"GET / HTTP/1.1\r\nConnection: close\r\nX: \r\n\r\n"
    head = fixed.replace(b"X: ", b"X: " + b"x" * (size - len(fixed)))
    with serving(protocol=bounded_protocol(_PATIENCE, max_header_bytes=1000)) as served, served.connect() as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, size, piece):
            client.send(head[start : start + piece])
        assert client.answer()[0] == status


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nX: ",
        b"GET /",
        b"\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX: ",
    ],
)
def test_a_head_without_an_end_is_refused(head: bytes) -> None:
    filler = b"\r\n" if head == b"\r\n" else b"xx"
    with serving() as served, served.connect() as client:
        client.send(head + filler * _MEGABYTE)
        document = client.refusal()
    assert (document["status"], document["code"], document["limit"]) == (431, "headers_too_large", 65_536)


def test_a_body_is_no_header() -> None:
    body = b"x" * _MEGABYTE
    requests = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    requests += b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    with serving() as served, served.connect() as client:
        client.send(requests + _GET)
        assert [client.body() for _ in range(3)] == [b"1000000", b"1000000", b"0"]


def test_trailers_and_the_head_behind_them_are_counted_apart() -> None:
    requests = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX: %b\r\n\r\n" % (b"x" * 970)
    requests += b"GET / HTTP/1.1\r\nX: %b\r\n\r\n" % (b"x" * 970)
    with serving(protocol=bounded_protocol(_PATIENCE, max_header_bytes=1000)) as served, served.connect() as client:
        client.send(requests)
        assert [client.body() for _ in range(2)] == [b"1", b"0"]


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT example.org:443 HTTP/1.1\r\n\r\n",
        b"CONNECT / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nlots\r\n",
    ],
)
def test_what_is_not_http_is_refused_without_a_line_in_the_log(
    garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with serving() as served, served.connect() as client:
        client.send(garbage)
        document = client.refusal()
    assert (document["status"], document["code"]) == (400, "invalid_http")
    assert not [record for record in caplog.records if record.name.startswith("uvicorn")]


def test_a_refusal_does_not_pass_for_the_answer_to_an_earlier_request() -> None:
    with serving() as served, served.connect() as client:
        client.send(b"GET /never HTTP/1.1\r\n\r\n\x00\x00\x00\x00")
        assert client.rest() == b""
        until(lambda: served.outcomes == ["disconnected"])


@pytest.mark.parametrize(
    "body", [b"Content-Length: 5\r\n\r\nhello", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"]
)
@pytest.mark.parametrize("upgrade", [b"websocket", b"h2c"])
def test_a_wish_to_upgrade_is_ignored(upgrade: bytes, body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    request = b"POST / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: %b\r\n%b" % (upgrade, body)
    with serving() as served, served.connect() as client:
        client.send(request * 3 + _GET)
        assert [client.body() for _ in range(4)] == [b"5", b"5", b"5", b"0"]
        for index in range(len(request)):
            client.send(request[index : index + 1])
        assert client.body() == b"5"
    assert not [record for record in caplog.records if record.name.startswith("uvicorn")]


@pytest.mark.parametrize("family", ["tcp", "unix"])
@pytest.mark.parametrize(("piece", "outcome"), [(65_536, "disconnected"), (50 * _MEGABYTE, "answered")])
def test_a_reader_that_does_not_read_is_cut_off(family: str, piece: int, outcome: str, tmp_path: Path) -> None:
    path = tmp_path / "socket" if family == "unix" else None
    with serving(_SOON, path=path, piece=piece) as served, served.connect() as client:
        client.send(b"GET /large HTTP/1.1\r\n\r\n")
        until(lambda: served.outcomes == [outcome])
        until(lambda: not served.connections)
        assert 0 < len(client.rest()) < served.size


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="the platform waits for such a reader")
def test_a_small_answer_that_is_left_unread_is_let_go() -> None:
    with serving(_SOON, size=50_000) as served, served.connect(receive_buffer=4096) as client:
        client.send(b"GET /large HTTP/1.1\r\n\r\n")
        until(lambda: served.outcomes == ["answered"])
        until(lambda: not served.connections)


def test_a_reader_that_is_slow_but_steady_gets_it_all() -> None:
    """Over several times the seconds that it may take nothing in."""
    size = 5 * _MEGABYTE
    with serving(1.0, size=size, piece=size) as served, served.connect() as client:
        client.send(b"GET /large HTTP/1.1\r\nConnection: close\r\n\r\n")
        received = 0
        while piece := client.socket.recv(size // 80):
            received += len(piece)
            time.sleep(0.05)
    assert received > size


def test_one_connection_does_not_queue_any_number_of_requests() -> None:
    with serving() as served:
        with served.connect() as client:
            client.send(_GET * 100)
            assert [client.body() for _ in range(100)] == [b"0"] * 100
        with served.connect() as client:
            client.send(b"GET /never HTTP/1.1\r\n\r\n" + _GET * 100_000)
            assert client.rest() == b""
            until(lambda: served.outcomes == ["answered"] * 100 + ["disconnected"])


@pytest.mark.parametrize("size", [1, 66_000, 100_000, 200_000, 300_000, _MEGABYTE])
def test_a_client_that_hangs_up_is_noticed_whatever_the_size_of_the_body(size: int) -> None:
    with serving() as served:
        for _ in range(5):
            with served.connect() as client:
                client.send(b"POST /swallow HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (size, b"x" * size))
        until(lambda: served.outcomes == ["disconnected"] * 5)


def test_while_a_request_waits_for_the_answer_before_it_no_more_are_read() -> None:
    with serving() as served, served.connect() as client:
        body = b"x" * 100_000
        client.send(b"POST /swallow HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        client.send(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        until(lambda: bool(served.connections) and bool(next(iter(served.connections)).pipeline))
        (protocol,) = served.connections
        until(lambda: not protocol.cycle.more_body or protocol.flow.read_paused)
        assert protocol.flow.read_paused


def test_only_so_many_connections_are_open_at_a_time() -> None:
    refused: list[Problem] = []
    protocol = bounded_protocol(_PATIENCE, max_connections=2, refused=refused.append)
    with serving(protocol=protocol) as served:
        with served.connect() as first, served.connect() as second:
            for client in (first, second):
                client.send(_GET)
                assert client.body() == b"0"
            with served.connect() as third:
                document = third.refusal()
            first.send(_GET)
            assert first.body() == b"0"
        assert (document["status"], document["code"], document["limit"]) == (503, "too_many_connections", 2)
        assert [problem.code for problem in refused] == [Code.TOO_MANY_CONNECTIONS]
        until(lambda: not served.connections)
        with served.connect() as client:
            client.send(_GET)
            assert client.body() == b"0"


def test_requests_leave_no_timers() -> None:
    timers: list[asyncio.TimerHandle] = []

    class Recorder:
        def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
            self._loop = loop

        def __getattr__(self, name: str) -> Any:
            return getattr(self._loop, name)

        def call_later(self, *args: Any) -> asyncio.TimerHandle:
            timers.append(self._loop.call_later(*args))
            return timers[-1]

    class Recorded(bounded_protocol(_PATIENCE)):  # type: ignore[misc]  # a class made at run time
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs | {"_loop": Recorder(asyncio.get_running_loop())})

    size = 10 * _MEGABYTE
    with serving(protocol=Recorded, size=size, piece=size) as served:
        with served.connect() as client:
            for _ in range(100):
                client.send(_GET)
                assert client.body() == b"0"
            until(lambda: len(timers) == 1 + 100)  # the connection's, and uvicorn's own between requests
            client.send(b"GET /large HTTP/1.1\r\n\r\n")
            assert len(client.body()) == size
            client.send(b"GET")
            until(lambda: [timer.cancelled() for timer in timers].count(False) == 1)
        until(lambda: not served.connections)
        assert all(timer.cancelled() for timer in timers)
        with served.connect() as client:
            client.send(b"GET /large HTTP/1.1\r\n\r\n")
            until(lambda: served.outcomes == ["answered"] * 102)
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # reset, not closed
        until(lambda: not served.connections)
        assert all(timer.cancelled() for timer in timers)


def test_the_kernel_looks_after_idle_connections() -> None:
    with serving() as served, served.connect() as client:
        client.send(_GET)
        assert client.body() == b"0"
        (protocol,) = served.connections
        accepted = protocol.transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
