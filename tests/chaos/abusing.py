"""Clients that leave in the midst of things, or that take their time, beside good ones."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle, islice
from random import Random
from statistics import median

from api.bodies import JSON, NDJSON
from api.problems import Code
from tests.chaos.clients import Failure
from tests.chaos.known import Known, Verdict, judge_document, judge_refusal
from tests.chaos.questions import Question, chunk, head
from tests.chaos.scene import Figures, Scene, rest
from tests.chaos.service import Service
from tests.chaos.tally import Tally
from tests.chaos.wire import Broken, Wire

_AT_ONCE = 8
_CUT_POSTS = 300
_MUCH_POSTS = 800
_PADDING = b" " * 200_000  # makes a body of more than uvicorn reads ahead
_ALONE = 10
_MOST_READ = 4000  # bytes of an answer, before its reader leaves

_BEGUN_AT_ONCE = 2  # or their posts would be more than may wait
_SMALL_BUFFER = 4096
_ANSWER_POSTS = 1000
_LONG_ID = 120
_DROP = 16  # bytes
_DROPS = 10  # in the time after which a slow client is cut off
_LATE = 15.0  # seconds that this may take besides, on a busy machine
_LOOK_EVERY = 0.1


async def cut(scene: Scene) -> Figures:
    """Connections are cut in heads, bodies, streams and answers, in order and by a reset."""
    random = Random(5)  # noqa: S311  # the same each time
    kinds = cycle((_in_head, _in_body, _in_stream, _before_answer, _before_much, _in_answer, _in_streamed_answer))
    turns = list(enumerate(islice(kinds, scene.rounds)))
    async with scene.service() as service:
        descriptors = await _descriptors_at_rest(scene, service)
        async with scene.load(service) as load:
            for start in range(0, len(turns), _AT_ONCE):
                await asyncio.gather(
                    *(_leave(scene, service, kind, number, random) for number, kind in turns[start : start + _AT_ONCE])
                )
            await load.flows()
        await rest(service, descriptors)
        hung_up = await service.metric("triage_requests_total", status="499")
        noticed = {kind.__name__: await _noticed(scene, service, kind) for kind in (_before_answer, _before_much)}
        await rest(service, descriptors)
    for kind, times in noticed.items():
        if times < _ALONE / 2:  # on a busy machine a client may be late to leave
            scene.tally.fault(f"of {_ALONE} clients that left {kind}, {times:g} were not scored for to the end")
    scene.check_log(service)
    return {"counted_499": hung_up, "descriptors": descriptors}


async def _noticed(scene: Scene, service: Service, kind: "Leaving") -> float:
    """How many of some clients that leave, one after the other, the service sees go before their answer is ready."""
    before = await service.metric("triage_requests_total", status="499")
    for number in range(_ALONE):
        wire = await Wire.open(service.port)
        await kind(wire, scene.known, f"alone{number}", Random(number))  # noqa: S311  # the same each time
        wire.close()
        await rest(service)
    return await service.metric("triage_requests_total", status="499") - before


async def _descriptors_at_rest(scene: Scene, service: Service) -> int:
    """Open files once the service has been in use."""
    async with scene.load(service, name="first") as load:
        await load.flows()
    await rest(service)
    return service.descriptors()


Leaving = Callable[[Wire, Known, str, Random], Awaitable[None]]


async def _leave(scene: Scene, service: Service, kind: Leaving, number: int, random: Random) -> None:
    wire = await Wire.open(service.port)
    await kind(wire, scene.known, f"cut{number}", random)
    if random.random() < 0.5:
        wire.close()
    else:
        wire.reset()
    scene.advance()


async def _in_head(wire: Wire, known: Known, request_id: str, random: Random) -> None:
    whole = known.question(request_id, range(1)).head()
    await wire.send(whole[: random.randrange(1, len(whole))])


async def _in_body(wire: Wire, known: Known, request_id: str, random: Random) -> None:
    question = known.question(request_id, range(_CUT_POSTS))
    part = chunk(question.parts[0])
    await wire.send(question.head() + part[: random.randrange(len(part))])


async def _in_stream(wire: Wire, known: Known, request_id: str, random: Random) -> None:
    question = known.question(request_id, range(_CUT_POSTS), NDJSON)
    await wire.send(question.head())
    for part in question.parts[: random.randrange(1, len(question.parts))]:
        await wire.send(chunk(part))
    if random.random() < 0.5:
        await wire.read(random.randrange(1, _MOST_READ))


async def _before_answer(wire: Wire, known: Known, request_id: str, random: Random) -> None:
    question = known.question(request_id, range(_CUT_POSTS), random.choice((JSON, NDJSON)))
    await wire.send(question.head() + b"".join(map(chunk, (*question.parts, b""))))


async def _before_much(wire: Wire, known: Known, request_id: str, random: Random) -> None:
    question = known.question(request_id, range(min(_MUCH_POSTS, len(known.texts))))
    await wire.send(question.head() + b"".join(map(chunk, (*question.parts, _PADDING, b""))))


async def _in_answer(wire: Wire, known: Known, request_id: str, random: Random, media_type: str = JSON) -> None:
    question = known.question(request_id, range(_CUT_POSTS), media_type)
    await wire.send(question.head() + b"".join(map(chunk, (*question.parts, b""))))
    await wire.read(random.randrange(1, _MOST_READ))


async def _in_streamed_answer(wire: Wire, known: Known, request_id: str, random: Random) -> None:
    await _in_answer(wire, known, request_id, random, NDJSON)


async def slow(scene: Scene) -> Figures:
    """Clients that send by drops or not at all, and clients that read by drops or not at all, are cut off."""
    seconds = scene.client_seconds

    def excused(failure: Failure) -> bool:
        """A good client may itself have been late, where the machine is busy."""
        return not failure.begun and (failure.sent or time.monotonic()) - failure.began > seconds / 2

    async with scene.service(client_seconds=seconds) as service:
        descriptors = await _descriptors_at_rest(scene, service)
        async with scene.load(service, excused, paused=0) as load:
            holding, gate = _Holding(service), asyncio.Semaphore(_BEGUN_AT_ONCE)
            looking = asyncio.create_task(holding.look())
            kinds = enumerate(islice(cycle(_SLOW), scene.rounds))
            took = await asyncio.gather(*(_outlast(scene, kind, number, holding, gate) for number, kind in kinds))
            looking.cancel()
            await load.flows()
        await rest(service, descriptors)
    scene.check_log(service)
    return {
        "median_seconds_until_cut_off": median(took),
        "greatest_seconds_until_cut_off": max(took),
        "descriptors": descriptors,
    }


class _Holding:
    """Which connections the service holds: a client that does not read hears nothing of its end."""

    def __init__(self, service: Service) -> None:
        self.port = service.port
        self._service = service
        self._ports: set[int] = set()
        self._looks = 0
        self._looked = asyncio.Condition()

    async def look(self) -> None:
        """Look again and again, until it is cancelled."""
        while True:
            self._ports = await asyncio.to_thread(self._service.connections)
            async with self._looked:
                self._looks += 1
                self._looked.notify_all()
            await asyncio.sleep(_LOOK_EVERY)

    async def ends(self, port: int) -> None:
        """Wait until the connection of a client is held no more."""
        async with self._looked:
            since = self._looks + 1  # the one under way may have begun before the connection did
            await self._looked.wait_for(lambda: self._looks > since and port not in self._ports)


@dataclass(frozen=True, slots=True)
class _Slow:
    """A way to be slow.

    Attributes:
        name: what such a client does.
        begin: is done at once.
        go_on: is done now and then afterwards.
        check: what is wrong with what the client has got, or gets, until it is cut off.
        is_told: its answer ends in time; otherwise its connection does.
        receive_buffer: as `Wire.open` takes it.
    """

    name: str
    begin: Callable[[Wire, Known, str], Awaitable[None]]
    go_on: Callable[[Wire], Awaitable[object]]
    check: Callable[[Tally, Wire], Awaitable[str | None]]
    is_told: bool = False
    receive_buffer: int | None = None


async def _outlast(scene: Scene, kind: _Slow, number: int, holding: _Holding, gate: asyncio.Semaphore) -> float:
    """Be slow until one is cut off; after how many seconds that was."""
    async with gate:
        wire = await Wire.open(holding.port, kind.receive_buffer)
        await kind.begin(wire, scene.known, f"slow{number}")
    began = time.monotonic()
    going_on = asyncio.create_task(_go_on(wire, kind, scene.client_seconds / _DROPS))
    fault: str | None = "it is not cut off"
    with suppress(TimeoutError):
        async with asyncio.timeout(2 * scene.client_seconds + _LATE):
            if not kind.is_told:
                await holding.ends(wire.port)
            going_on.cancel()
            await asyncio.wait([going_on])
            fault = await kind.check(scene.tally, wire)
    took = time.monotonic() - began
    going_on.cancel()
    wire.close()
    if fault:
        scene.tally.fault(f"client slow{number}, which {kind.name}: {fault}")
    scene.advance()
    return took


async def _go_on(wire: Wire, kind: _Slow, step: float) -> None:
    with suppress(Broken):
        while True:
            await asyncio.sleep(step)
            await kind.go_on(wire)


async def _begin_head(wire: Wire, known: Known, request_id: str) -> None:
    await wire.send(head("X-Slow: ").rstrip())


async def _begin_body(wire: Wire, known: Known, request_id: str) -> None:
    await wire.send(head(f"Content-Type: {JSON}", "Content-Length: 100000") + b'{"text": "')


async def _begin_stream(wire: Wire, known: Known, request_id: str) -> None:
    question = known.question(request_id, range(_AT_ONCE), NDJSON)
    await wire.send(question.head() + chunk(question.parts[0]))


async def _begin_answer(wire: Wire, known: Known, request_id: str) -> None:
    await _ask_for_much(wire, JSON)


async def _begin_streamed_answer(wire: Wire, known: Known, request_id: str) -> None:
    await _ask_for_much(wire, NDJSON)


async def _ask_for_much(wire: Wire, media_type: str) -> None:
    """Ask for an answer that is more than the kernel keeps for a client, and that costs next to nothing."""
    question = Question.of("0" * _LONG_ID, range(_ANSWER_POSTS), [""] * _ANSWER_POSTS, media_type)
    await wire.send(question.head() + b"".join(map(chunk, (*question.parts, b""))))
    await wire.head()


async def _send_drop(wire: Wire) -> None:
    await wire.send(b"a")


async def _read_drop(wire: Wire) -> None:
    await wire.read(_DROP)


async def _nothing(wire: Wire) -> None:
    pass


async def _is_refused(tally: Tally, wire: Wire) -> str | None:
    """The refusal, which may have been lost with the connection."""
    try:
        verdict = judge_refusal(await wire.answer())
    except Broken:
        tally.broken += 1
        return None
    return _judged(tally, verdict)


async def _is_told(tally: Tally, wire: Wire) -> str | None:
    last = (await wire.answer()).body.splitlines()[-1]
    return _judged(tally, judge_document(json.loads(last)))


def _judged(tally: Tally, verdict: Verdict) -> str | None:
    if verdict.refused != Code.CLIENT_TOO_SLOW:
        return f"{verdict}"
    tally.refused[verdict.refused] += 1
    return None


async def _is_torn(tally: Tally, wire: Wire) -> str | None:
    """What is left of an answer, which must not be all of it."""
    found = b""
    while part := await wire.read(2**16):
        found += part
    return "its answer is whole" if b'"summary"' in found else None


_SLOW = (
    _Slow("sends a head by drops", _begin_head, _send_drop, _is_refused),
    _Slow("sends a body by drops", _begin_body, _send_drop, _is_refused),
    _Slow("does not go on with a stream", _begin_stream, _nothing, _is_told, is_told=True),
    _Slow("does not read an answer", _begin_answer, _nothing, _is_torn, receive_buffer=_SMALL_BUFFER),
    _Slow("does not read a stream", _begin_streamed_answer, _nothing, _is_torn, receive_buffer=_SMALL_BUFFER),
    _Slow("reads an answer by drops", _begin_answer, _read_drop, _is_torn, receive_buffer=_SMALL_BUFFER),
)
