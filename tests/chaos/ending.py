"""The service, or one of its processes, is ended while requests are answered, and begins again."""

import asyncio
import os
import signal
import time
from dataclasses import dataclass
from functools import partial
from statistics import median

from api.bodies import JSON, NDJSON
from api.problems import Code
from tests.chaos.clients import Failure, Load
from tests.chaos.questions import Question, chunk
from tests.chaos.scene import Figures, Scene, rest, version_of
from tests.chaos.service import Service
from tests.chaos.waiting import Stuck, until
from tests.chaos.wire import Answer, Broken, Wire

_DRAIN_SECONDS = 3
_SPARE_SECONDS = 3.0  # after the time to drain, for the process to end
_MARGIN = 0.25  # seconds after which what was sent is read, and a signal heard
_REFUSED_SECONDS = 1.0
_STUBBORN_EVERY = 10
_HELD_POSTS = 100

WORKERS = 2

_CLIENTS_OF_WORKERS = 10
_ANEW_AT_WORKERS = 0.3
_TORN_EVERY = 3


class _Outage:
    """From the harm until the service is ready again."""

    def __init__(self) -> None:
        self.at = 0.0
        self._over = 0.0

    def begin(self) -> None:
        self.at, self._over = time.monotonic(), float("inf")

    def end(self) -> None:
        self._over = time.monotonic()

    def touches(self, failure: Failure) -> bool:
        """Whether a request that has failed just now was under way in it."""
        return failure.began < self._over


async def sigterm(scene: Scene, workers: int = 1) -> Figures:
    """What is under way is answered, what is new is refused, and the service ends by itself in time.

    Now and then a client never sends the end of its request: when the time to drain is over, it is refused.

    Args:
        workers: processes of the service.
    """
    outage = _Outage()

    def excused(failure: Failure) -> bool:
        if failure.begun or failure.code not in (None, Code.DRAINING, Code.LOADING):
            return False
        under_way = failure.sent is not None and failure.sent < outage.at - _MARGIN
        return outage.touches(failure) and not under_way

    current = scene.good[0]
    took: list[float] = []
    service = scene.service(workers=workers, drain_seconds=_DRAIN_SECONDS)
    async with service, scene.load(service, excused) as load:
        for number in range(scene.rounds):
            await load.flows()
            stubborn = number % _STUBBORN_EVERY == 1
            under_way = [await _begun(load, f"under-way{number}-{place}", JSON) for place in range(2)]
            cut_short = [await _begun(load, f"stream{number}", NDJSON)]
            cut_short += [await _begun(load, f"stubborn{number}", JSON)] if stubborn else []
            idle = await Wire.open(service.port)
            if number % 2:
                before, current = current, scene.next_of(current)
                scene.in_service.now(version_of(before), version_of(current))
                await asyncio.to_thread(scene.registry.promote, current)
            outage.begin()
            service.signal(signal.SIGTERM)
            await asyncio.sleep(_MARGIN)
            await asyncio.gather(
                _must_refuse(load, f"new{number}", idle), _must_refuse(load, f"new-connection{number}")
            )
            await asyncio.gather(
                *(request.must_be_answered() for request in under_way),
                *(request.must_be_refused(Code.DRAINING) for request in cut_short),
            )
            status, _ = await service.ended(_DRAIN_SECONDS + _SPARE_SECONDS)
            seconds = time.monotonic() - outage.at
            if status or (seconds > _DRAIN_SECONDS and not stubborn):
                scene.tally.fault(f"the service ended with status {status}, {seconds:.1f} s after SIGTERM")
            if not stubborn:
                took.append(seconds)
            await service.start()
            outage.end()
            await service.serves(current)
            scene.in_service.now(version_of(current))
            scene.advance()
        await load.flows()
    scene.check_log(service, "Cancel ", "timeout graceful shutdown exceeded")
    return {"median_seconds_to_end": median(took), "greatest_seconds_to_end": max(took)}


async def sigkill(scene: Scene) -> Figures:
    """What is under way breaks off, is sent again, and is then answered."""
    outage = _Outage()

    def excused(failure: Failure) -> bool:
        return failure.code in (None, Code.LOADING) and outage.touches(failure)

    current = scene.good[0]
    took: list[float] = []
    async with scene.service() as service, scene.load(service, excused) as load:
        for number in range(scene.rounds):
            await load.flows()
            before, current = current, scene.next_of(current) if number % 2 else current
            scene.in_service.now(version_of(before), version_of(current))
            await asyncio.to_thread(scene.registry.promote, current)
            outage.begin()
            service.signal(signal.SIGKILL)
            await service.ended()
            await service.start()
            outage.end()
            took.append(time.monotonic() - outage.at)
            await service.serves(current)
            scene.in_service.now(version_of(current))
            scene.advance()
        await load.flows()
    scene.check_log(service)
    return {"median_seconds_away": median(took), "greatest_seconds_away": max(took)}


async def worker(scene: Scene) -> Figures:
    """One of two processes is killed: nobody notices but those whose connections it held, and soon there are two again.

    The new one takes connections before its model is loaded, and refuses what it is asked until then. It begins with
    what is promoted; where that is torn, with any other that can be served.
    """
    outage = _Outage()
    victims: set[int] = set()

    def excused(failure: Failure) -> bool:
        return failure.port in victims or (failure.code is Code.LOADING and outage.touches(failure))

    current = scene.good[0]
    took: list[float] = []
    async with scene.service(workers=WORKERS) as service:
        async with scene.load(service, excused, clients=_CLIENTS_OF_WORKERS, anew=_ANEW_AT_WORKERS) as load:
            for number in range(scene.rounds):
                before, current = current, scene.next_of(current)
                await scene.promote(service, before, current)
                await load.flows()
                may_be_first = [current]
                if number % _TORN_EVERY == _TORN_EVERY - 1:
                    may_be_first = [current, scene.good[0]]
                    scene.in_service.now(*map(version_of, may_be_first))
                    scene.point_to(scene.torn[number // _TORN_EVERY % len(scene.torn)])
                processes = service.processes()
                victim = processes.pop(number % WORKERS)
                outage.begin()
                os.kill(victim, signal.SIGSTOP)  # so that it takes no connection between the look and the end
                victims = service.connections(victim)
                os.kill(victim, signal.SIGKILL)
                await until(partial(_is_gone, service, victim), "the killed process must end")
                await service.becomes_ready()
                took.append(time.monotonic() - outage.at)
                outage.end()
                survivor, new = service.processes()
                if processes != [survivor]:
                    scene.tally.fault("the process that was not killed has ended too")
                if (found := await service.first_bundle(new)) not in may_be_first:
                    scene.tally.fault(f"the process in its place began with {found}, and not with {may_be_first}")
                await load.flows()
                if current != scene.registry.promoted():
                    await scene.change(service, current, current, scene.registry.rollback)
                scene.advance()
        await rest(service)
    scene.check_log(service, "another takes its place", "stays out of service", "; beginning with ")
    return {"median_seconds_until_two": median(took), "greatest_seconds_until_two": max(took)}


async def _is_gone(service: Service, pid: int) -> bool:
    return pid not in service.processes()


@dataclass(frozen=True, slots=True)
class _Begun:
    """A request under way: the service has begun to read its body, and has not got all of it."""

    load: Load
    question: Question
    wire: Wire
    began: float
    status: int
    headers: dict[str, str]

    async def must_be_answered(self) -> None:
        """Send the rest."""
        self.load.tally.requests += 1
        try:
            for part in (*self.question.parts[1:], b""):
                await self.wire.send(chunk(part))
            verdict = self.load.settle(self.question, self.began, await self.wire.answer())
        except (Broken, TimeoutError) as error:
            self._lost(f"it was not: {str(error) or 'no answer'}")
        else:
            if verdict.refused is not None:
                self._lost(f"it was refused with {verdict.refused}")
        finally:
            self.wire.close()

    async def must_be_refused(self, code: Code) -> None:
        """Send nothing more."""
        try:
            if self.question.streamed:
                answer = Answer(self.status, self.headers, await self.wire.body(self.headers))
            else:
                answer = await self.wire.answer()
        except (Broken, TimeoutError) as error:
            self.load.tally.fault(
                f"request {self.question.id} must be refused, and was not: {str(error) or 'no answer'}"
            )
        else:
            verdict = self.load.settle(self.question, self.began, answer)
            if verdict.refused != code:
                self.load.tally.fault(f"request {self.question.id} must be refused with {code}: {verdict}")
        finally:
            self.wire.close()

    def _lost(self, how: str) -> None:
        self.load.tally.lost += 1
        self.load.tally.fault(f"lost: request {self.question.id} was under way, and must be answered; {how}")


async def _begun(load: Load, request_id: str, media_type: str) -> _Begun:
    """Send a part of a request, and wait until the service is known to read it."""
    question = load.known.question(request_id, range(_HELD_POSTS), media_type)
    wire, began = await Wire.open(load.port), time.monotonic()
    await wire.send(question.head("Expect: 100-continue"))
    status, headers = await wire.head()  # 100 Continue; of a stream the answer itself
    if status != (200 if question.streamed else 100):
        raise Stuck(f"request {request_id} must be let in, and status {status} came")
    await wire.send(chunk(question.parts[0]))
    return _Begun(load, question, wire, began, status, headers)


async def _must_refuse(load: Load, request_id: str, wire: Wire | None = None) -> None:
    """Send a new request, on a connection that there was or on another."""
    question, began = load.known.question(request_id, range(_HELD_POSTS)), time.monotonic()
    found = "nobody refuses it"
    try:
        async with asyncio.timeout(_REFUSED_SECONDS):
            wire = wire or await Wire.open(load.port)
            await wire.send(question.head() + b"".join(map(chunk, (*question.parts, b""))))
            verdict = load.settle(question, began, await wire.answer())
        found = "" if verdict.refused == Code.DRAINING else f"{verdict}"
    except Broken as broken:
        found = "it broke off in the midst of its answer" if broken.begun else ""
    except TimeoutError:
        pass
    finally:
        if wire is not None:
            wire.close()
    if found:
        load.tally.fault(f"request {request_id} is new after SIGTERM, and must be refused: {found}")
