"""Good clients: each sends its next request when it has the answer to the one before, which must be right."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from types import TracebackType
from typing import Self

from api.bodies import JSON, NDJSON
from api.problems import Code
from tests.chaos.known import Known, Verdict
from tests.chaos.questions import Question, chunk
from tests.chaos.tally import Tally
from tests.chaos.waiting import PATIENCE, until
from tests.chaos.wire import Answer, Broken, Wire

_CLIENTS = 6
_STREAMING = 2  # of them
_SIZES = (1, 1, 1, 2, 4, 8, 16, 33, 64, 150)
_LEAST_STREAM = 8
_ANEW = 0.1  # of the requests on a connection of their own
_PAUSED = 0.2  # of the requests with a pause in the midst, in which much can happen
_LONGEST_PAUSE = 0.06  # seconds
_AGAIN = 0.05  # seconds, after a failure


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that was refused or broke off. Times are seconds of the monotonic clock.

    Attributes:
        began: when it was to be sent.
        sent: when all of it was; `None` where it never was.
        port: of the client's end of the connection; `None` where there was none.
        code: of the refusal; `None` where the connection ended.
        begun: a part of the answer had come.
    """

    question: Question
    began: float
    sent: float | None
    port: int | None
    code: Code | None = None
    begun: bool = False

    def __str__(self) -> str:
        after = f"{time.monotonic() - self.began:.2f} s after it began"
        sent = "all of it was sent" if self.sent else "it was not all sent"
        how = f"was refused with {self.code}" if self.code else "broke off"
        where = " in the midst of its answer" if self.begun else ""
        return f"request {self.question.id} ({len(self.question.places)} posts) {how}{where}, {after}; {sent}"


Excuse = Callable[[Failure], bool]


class InService:
    """Which versions may answer: those that were in service at some time since the request began."""

    def __init__(self, *versions: str) -> None:
        self._since = [(0.0, versions)]

    def now(self, *versions: str) -> None:
        """From now on it is one of these."""
        self._since.append((time.monotonic(), versions))

    def since(self, began: float) -> set[str]:
        """Those that may answer what began then."""
        found: set[str] = set()
        for at, versions in reversed(self._since):
            found.update(versions)
            if at < began:
                break
        return found


class Load:
    """Clients that ask from the beginning of the context to its end, at which each still gets its last answer."""

    def __init__(
        self,
        port: int,
        known: Known,
        tally: Tally,
        in_service: InService,
        *,
        excuse: Excuse = lambda failure: False,
        headers: Sequence[str] = (),
        paused: float = _PAUSED,
        clients: int = _CLIENTS,
        anew: float = _ANEW,
        name: str = "c",
    ) -> None:
        """
        Args:
            excuse: whether a failure is as it should be; the request is sent again in any case.
            headers: sent with each request.
            paused: share of the requests that are sent with a pause.
            anew: share of the requests for which a connection is made.
            name: that the ids of the requests begin with.
        """
        self.port = port
        self.known = known
        self.tally = tally
        self.in_service = in_service
        self.excuse = excuse
        self.headers = headers
        self.paused = paused
        self.anew = anew
        self.name = name
        self.ending = asyncio.Event()
        self._clients = clients
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [
            asyncio.create_task(_Client(self, number, self._clients).run()) for number in range(self._clients)
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ending.set()
        if error is not None:
            for task in self._tasks:
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=error is not None)

    async def flows(self, answers: int = 2 * _CLIENTS) -> None:
        """Wait until so many more requests were answered.

        Raises:
            Stuck: they were not.
        """
        wanted = self.tally.answered + answers

        async def were_answered() -> bool:
            for task in self._tasks:
                if task.done():
                    task.result()
            return self.tally.answered >= wanted

        await until(were_answered, f"{answers} requests must be answered")

    def settle(self, question: Question, began: float, answer: Answer) -> Verdict:
        """Judge and count an answer, but for a refusal, which may be as it should be or not."""
        verdict = self.known.judge(question, answer, self.in_service.since(began))
        if verdict.wrong is not None:
            self.tally.wrong += 1
            self.tally.fault(f"wrong: request {question.id}: {verdict.wrong}")
        elif verdict.refused is not None:
            self.tally.refused[verdict.refused] += 1
        else:
            self.tally.answered += 1
        return verdict


class _Client:
    def __init__(self, load: Load, number: int, of: int) -> None:
        self._load = load
        self._name = f"{load.name}{number}"
        self._random = Random(self._name)  # noqa: S311  # the same requests each time
        self._places = range(number, len(load.known.texts), of)  # its own, so that no other's answer passes for its
        self._media_type = NDJSON if number < _STREAMING else JSON
        self._wire: Wire | None = None
        self._sent: float | None = None
        self._asked = 0

    async def run(self) -> None:
        try:
            while not self._load.ending.is_set():
                await self._ask(self._question())
        finally:
            self._hang_up()

    def _question(self) -> Question:
        self._asked += 1
        size = self._random.choice(_SIZES)
        if self._media_type == NDJSON:
            size = max(size, _LEAST_STREAM)
        places = self._random.sample(self._places, min(size, len(self._places)))
        return self._load.known.question(f"{self._name}-{self._asked}", places, self._media_type)

    async def _ask(self, question: Question) -> None:
        tally = self._load.tally
        tally.requests += 1
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if await self._is_over(question):
                return
            await asyncio.sleep(_AGAIN)
        tally.lost += 1
        tally.fault(f"lost: request {question.id} was not answered within {PATIENCE:g} s")

    async def _is_over(self, question: Question) -> bool:
        """Send a request; whether it was answered, right or wrong."""
        load, began = self._load, time.monotonic()
        self._sent = None
        try:
            async with asyncio.timeout(PATIENCE):
                answer = await self._exchange(question)
        except Broken as broken:
            if self._wire is None:
                load.tally.unconnected += 1
            else:
                load.tally.broken += 1
            self._fail(question, began, begun=broken.begun)
            return False
        except TimeoutError:
            self._hang_up()
            return False
        verdict = load.settle(question, began, answer)
        if verdict.refused is not None:
            self._fail(question, began, Code(verdict.refused))
        elif answer.headers.get("connection") == "close":
            self._hang_up()
        return verdict.refused is None

    def _fail(self, question: Question, began: float, code: Code | None = None, *, begun: bool = False) -> None:
        port = None if self._wire is None else self._wire.port
        failure = Failure(question, began, self._sent, port, code, begun)
        if not self._load.excuse(failure):
            self._load.tally.fault(str(failure))
        self._hang_up()

    async def _exchange(self, question: Question) -> Answer:
        if self._wire is None or self._random.random() < self._load.anew:
            self._hang_up()
            self._wire = await Wire.open(self._load.port)
        first, *rest = map(chunk, (*question.parts, b""))
        paused = self._random.random() < self._load.paused
        try:
            await self._wire.send(question.head(*self._load.headers) + first)
            for part in rest:
                if paused:
                    await asyncio.sleep(self._random.uniform(0, _LONGEST_PAUSE))
                await self._wire.send(part)
        except Broken:
            # It may have been answered before all of it was sent.
            with suppress(Broken):
                return await self._wire.answer()
            raise
        self._sent = time.monotonic()
        return await self._wire.answer()

    def _hang_up(self) -> None:
        if self._wire is not None:
            self._wire.close()
        self._wire = None
