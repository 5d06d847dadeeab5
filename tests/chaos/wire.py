"""HTTP/1.1 by hand: a client that sees every step of an exchange, and can leave off in the midst of any."""

import asyncio
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from tests.chaos.waiting import PATIENCE

_READ_AHEAD = 2**16
_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole one.

    Attributes:
        headers: by their names in small letters.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class Broken(Exception):  # noqa: N818  # often it is what was to happen
    """A connection could not be made, or ended before the answer did.

    Attributes:
        begun: a part of the answer had come.
    """

    def __init__(self, *, begun: bool) -> None:
        super().__init__("in the midst of an answer" if begun else "before an answer")
        self.begun = begun


class Wire:
    """A connection to a port of this machine. Any wait raises TimeoutError where it takes too long."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.port: int = writer.get_extra_info("sockname")[1]
        """The client's."""

    @classmethod
    async def open(cls, port: int, receive_buffer: int | None = None) -> "Wire":
        """Connect.

        Args:
            receive_buffer: bytes that the kernel keeps of what is not read; by default as many as it likes.

        Raises:
            Broken: nobody listens there.
        """
        peer = socket.socket()
        peer.setblocking(False)
        if receive_buffer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.get_running_loop().sock_connect(peer, ("127.0.0.1", port))
            # The limit is of what is read ahead: it must not be read for a client that does not read.
            return cls(*await asyncio.open_connection(sock=peer, limit=receive_buffer or _READ_AHEAD))
        except BaseException as error:
            peer.close()
            if isinstance(error, OSError) and not isinstance(error, TimeoutError):
                raise Broken(begun=False) from error
            raise

    async def send(self, data: bytes) -> None:
        """Send what may be the whole of a request or a part of it.

        Raises:
            Broken: the connection has ended.
        """
        async with asyncio.timeout(PATIENCE):
            try:
                self._writer.write(data)
                await self._writer.drain()
            except OSError as error:
                raise Broken(begun=False) from error

    async def answer(self) -> Answer:
        """Wait for an answer and read it.

        Raises:
            Broken: it did not come, or not to its end.
        """
        status, headers = await self.head()
        return Answer(status, headers, await self.body(headers))

    async def head(self) -> tuple[int, dict[str, str]]:
        """Wait for the status and the headers of an answer, its body left unread.

        Raises:
            Broken: they did not come.
        """
        async with asyncio.timeout(PATIENCE):
            try:
                head = await self._reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError as error:
                raise Broken(begun=bool(error.partial)) from error
            except OSError as error:
                raise Broken(begun=False) from error
        status, *lines = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(": ") for line in lines if line)
        return int(status.split(" ", 2)[1]), {name.lower(): value for name, _, value in pairs}

    async def body(self, headers: Mapping[str, str]) -> bytes:
        """Wait for the rest of an answer with these headers.

        Raises:
            Broken: it did not come to its end.
        """
        async with asyncio.timeout(PATIENCE):
            try:
                if headers.get("transfer-encoding") == "chunked":
                    return await self._chunks()
                return await self._reader.readexactly(int(headers.get("content-length", "0")))
            except (asyncio.IncompleteReadError, OSError, ValueError) as error:
                raise Broken(begun=True) from error

    async def read(self, most: int) -> bytes:
        """Wait for some bytes; none at the end, however it came about."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self._reader.read(most)
            except OSError:
                return b""

    def close(self) -> None:
        """Leave; what was sent is still delivered."""
        self._writer.close()

    def reset(self) -> None:
        """Leave as a process that is killed, or a machine that lost its way."""
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._writer.transport.abort()

    async def _chunks(self) -> bytes:
        found = b""
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            found += (await self._reader.readexactly(size + 2))[:-2]
        await self._reader.readexactly(2)
        return found
