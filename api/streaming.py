"""`/classify` for files of any length: a post a line in, a result a line out, as much read ahead as keeps all busy."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.answers import Answer, Refused, result, summary
from api.bodies import NDJSON, too_slow, unpacked
from api.problems import Code, Problem, request_id_of
from api.requests import parse_line, read_deadline, read_options
from api.schemas import ItemErrorCode, Options, PostIn
from api.served_model import ServedModel
from api.service import Service

Line = PostIn | Refused

_CHUNK_POSTS = 64
_CHUNK_BYTES = 256 * 1024
_PIECE_BYTES = 64 * 1024  # cut into lines at a time
_CHUNKS_AHEAD = 6  # what keeps the threads busy while an answer is written

_ESCAPED_CHARACTER = 12  # bytes: a pair of \u escapes
_BESIDES_TEXT = 8 * 1024


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Lines that are answered together.

    Attributes:
        bytes: that they had.
    """

    lines: list[Line]
    bytes: int


class LineStream(Response):
    """The answer to a request of NDJSON. It begins while the request is still read, keeps the order of the posts, and
    ends with a summary line; one that cannot be brought to its end has a problem document as its last line instead.
    """

    media_type = NDJSON

    def __init__(self, request: Request, service: Service, charge: Callable[[int], float]) -> None:
        """
        Args:
            charge: counts lines, good or bad, against the client's rate; returns 0.0, or the seconds after which to
                ask again.
        """
        super().__init__()
        del self.headers["content-length"]
        self._request = request
        self._service = service
        self._charge = charge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer.

        Raises:
            Problem: before anything was sent: 415, 422 or 503.
        """
        seconds = read_deadline(self._request)
        with self._service.model() as model:
            options = read_options(self._request, model.bundle.taxonomy)
            parts = unpacked(self._request)
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            counts: Counter[str] = Counter(summary([]))
            try:
                async with asyncio.timeout(seconds):
                    await self._answer(model, parts, options, counts, send)
                last = {"request_id": request_id_of(self._request), "model": model.info, "summary": counts}
            except TimeoutError:
                last = self._cut(Problem(Code.TIMEOUT, f"not whole within {seconds:g} seconds", limit=seconds))
            except Problem as problem:
                last = self._cut(problem)
            await send({"type": "http.response.body", "body": _lines([last]), "more_body": False})

    async def _answer(
        self, model: ServedModel, parts: AsyncIterator[bytes], options: Options, counts: Counter[str], send: Send
    ) -> None:
        """Send a line for each post, and count them."""
        begun: asyncio.Queue[tuple[_Chunk, asyncio.Task[list[Answer]]] | Problem | None]
        begun = asyncio.Queue(_CHUNKS_AHEAD)

        async def read() -> None:
            try:
                async with aclosing(self._chunks(parts)) as chunks:
                    async for chunk in chunks:
                        await held.hold(chunk.bytes)
                        await begun.put((chunk, tasks.create_task(self._answers(model, chunk.lines))))
                await begun.put(None)
            except Problem as problem:
                await begun.put(problem)  # after the answers to what was read before

        try:
            with self._service.admission.held_by_stream() as held:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(read())
                    while (item := await begun.get()) is not None:
                        if isinstance(item, Problem):
                            raise item
                        chunk, task = item
                        answers, first, policy = await task, counts["total"], model.bundle.policy
                        results = [
                            result(first + place, _id_of(line), answer, policy, options)
                            for place, (line, answer) in enumerate(zip(chunk.lines, answers, strict=True))
                        ]
                        counts.update(summary(answers))
                        await send({"type": "http.response.body", "body": _lines(results), "more_body": True})
                        held.give_back(chunk.bytes)
        except ExceptionGroup as group:
            raise group.exceptions[0] from None

    def _cut(self, problem: Problem) -> dict[str, Any]:
        self._service.telemetry.problem(problem.code)
        return problem.document(request_id_of(self._request))

    async def _answers(self, model: ServedModel, lines: list[Line]) -> list[Answer]:
        posts = [line for line in lines if isinstance(line, PostIn)]
        self._service.telemetry.refused([line for line in lines if isinstance(line, Refused)])
        while wait := self._charge(len(lines)):  # noqa: ASYNC110  # the rate's clock is nobody's event
            await asyncio.sleep(wait)
        texts = [post.text for post in posts]
        answers = await self._service.classify_when_there_is_room(model, texts)
        labelled = iter(answers)
        return [line if isinstance(line, Refused) else next(labelled) for line in lines]

    async def _chunks(self, parts: AsyncIterator[bytes]) -> AsyncGenerator[_Chunk]:
        """The lines, as many at a time as have come in."""
        draining: asyncio.Future[Any] = asyncio.ensure_future(self._service.draining.wait())
        seconds = self._service.settings.client_seconds
        lines = _LineReader(_ESCAPED_CHARACTER * self._service.settings.max_characters + _BESIDES_TEXT)
        waiting = {draining}
        clock = asyncio.get_running_loop().time
        late = clock() + seconds
        try:
            while True:
                part = asyncio.ensure_future(anext(parts, b""))
                waiting.add(part)
                done, _ = await asyncio.wait(
                    waiting, timeout=max(0.0, late - clock()), return_when=asyncio.FIRST_COMPLETED
                )
                if not done:
                    raise too_slow(seconds)
                if draining in done:
                    raise Problem(Code.DRAINING, "the service is shutting down; ask another instance for the rest")
                waiting.remove(part)
                more = part.result()
                for start in range(0, max(1, len(more)), _PIECE_BYTES):
                    for chunk in lines.feed(more[start : start + _PIECE_BYTES]):
                        yield chunk
                        await asyncio.sleep(0)  # a little can be many lines, and others wait
                if not more:
                    return
                if b"\n" in more:  # a line must be whole in time, or a client could send a byte now and then for ever
                    late = clock() + seconds
        finally:
            for task in waiting:
                task.cancel()


class _LineReader:
    """Cuts a stream of bytes into lines and those into chunks. A line over the limit is not kept, only told."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = bytearray()
        self._too_long = False

    def feed(self, part: bytes) -> Iterator[_Chunk]:
        """The chunks that a part makes whole, each read when it is asked for; an empty part ends the last line."""
        *whole, rest = (bytes(self._rest) + (part or b"\n")).split(b"\n")
        self._rest = bytearray(rest)
        lines: list[Line] = []
        size = 0
        for line in whole:
            too_long, self._too_long = self._too_long or len(line) > self._limit, False
            if not too_long and not line.strip():
                continue
            if len(lines) == _CHUNK_POSTS or (lines and size + len(line) > _CHUNK_BYTES):
                yield _Chunk(lines, size)
                lines, size = [], 0
            size += len(line)
            lines.append(
                Refused(ItemErrorCode.LINE_TOO_LONG, f"the line has more than {self._limit} bytes")
                if too_long
                else parse_line(line)
            )
        if len(self._rest) > self._limit:
            self._rest.clear()
            self._too_long = True
        if lines:
            yield _Chunk(lines, size)


def _id_of(line: Line) -> str | None:
    return line.id if isinstance(line, PostIn) else None


def _lines(plain: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in plain).encode()
