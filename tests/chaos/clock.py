"""The wall clock jumps."""

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from random import Random
from statistics import median

from api.keys import add_key
from api.problems import Code
from tests.chaos.clients import Load
from tests.chaos.questions import chunk
from tests.chaos.scene import Figures, Scene
from tests.chaos.service import ROOT, Service
from tests.chaos.waiting import until
from tests.chaos.wire import Wire

_POSTS_PER_SECOND = 50.0
_RATE_POSTS = 5  # in a request
_RATE_SECONDS = 1.5
_LEAST_SHARE = 0.5  # of its rate, which a client gets that was refused, on a busy machine
_LONGEST_WAIT = 2  # seconds that it may be told to wait
_ASK_EVERY = 0.02

_DEADLINE_MS = 300
_FAR_DEADLINE_MS = 60_000
_LATE = 5.0  # seconds that an answer may take beyond its deadline, on a busy machine

_JUMP_EVERY = 0.3
_DAY = timedelta(days=1)
_LIBRARIES = ("lib*/faketime/libfaketimeMT.so.1", "lib*/*/faketime/libfaketimeMT.so.1")


async def clock(scene: Scene) -> Figures:
    """Answers, deadlines, rates of keys, and the following of what is promoted, do not depend on the wall clock.

    The clock of the machine is left alone. Where libfaketime is installed, it answers each look of the process at the
    wall clock a day ahead, a day behind or rightly. Where it is not, `time.time` and `time.time_ns` are replaced, which
    does not reach what asks the system in another way: `datetime.now`, and libraries that are not Python.
    """
    keys = scene.folder / "keys.json"
    unlimited = f"Authorization: Bearer {add_key(keys, 'unlimited')}"
    limited = f"Authorization: Bearer {add_key(keys, 'limited', _POSTS_PER_SECOND)}"
    current = scene.good[0]
    rates: list[float] = []
    late: list[float] = []
    headers = (unlimited, f"X-Deadline-Ms: {_FAR_DEADLINE_MS}")
    with _jumping(scene.folder) as (how, environment):
        service = scene.service(environment=environment, keys_file=keys)
        async with service, scene.load(service, headers=headers) as load:
            for number in range(scene.rounds):
                late.append(await _must_be_late(load, f"late{number}", unlimited))
                rates.append(await _must_be_limited(load, f"limited{number}", limited))
                before, current = current, scene.next_of(current)
                await scene.promote(service, before, current)
                await load.flows()
                scene.advance()
            await until(partial(_has_jumped, service), "the service must tell another day, or nothing was tried")
    scene.check_log(service)
    return {
        "how": how,
        "median_posts_per_second": median(rates),
        "median_seconds_until_504": median(late),
    }


async def _must_be_late(load: Load, request_id: str, authorization: str) -> float:
    """A request that is not sent to its end gets its 504 when its deadline has passed; after how many seconds."""
    question = load.known.question(request_id, range(_RATE_POSTS))
    wire, began = await Wire.open(load.port), time.monotonic()
    try:
        await wire.send(question.head(authorization, f"X-Deadline-Ms: {_DEADLINE_MS}") + chunk(question.parts[0]))
        verdict = load.settle(question, began, await wire.answer())
    finally:
        wire.close()
    took = time.monotonic() - began
    if verdict.refused != Code.TIMEOUT or not 0 <= took - _DEADLINE_MS / 1000 < _LATE:
        load.tally.fault(f"request {request_id} must be refused after {_DEADLINE_MS} ms: {verdict} after {took:.2f} s")
    return took


async def _must_be_limited(load: Load, prefix: str, authorization: str) -> float:
    """A key gets its rate, and a second's worth at once before that; how many posts a second it got."""
    admitted = refused = 0
    began = time.monotonic()
    while (elapsed := time.monotonic() - began) < _RATE_SECONDS:
        question = load.known.question(f"{prefix}-{elapsed:.4f}", range(_RATE_POSTS))
        wire = await Wire.open(load.port)
        try:
            await wire.send(question.head(authorization) + b"".join(map(chunk, (*question.parts, b""))))
            answer = await wire.answer()
        finally:
            wire.close()
        verdict = load.settle(question, began, answer)
        if verdict.refused is None:
            load.tally.requests += 1
            admitted += _RATE_POSTS
        elif verdict.refused != Code.RATE_LIMITED:
            load.tally.fault(f"request {question.id} is refused with {verdict.refused}")
        else:
            refused += 1
            if (wait := int(answer.headers["retry-after"])) > _LONGEST_WAIT:
                load.tally.fault(f"request {question.id} is to be sent again after {wait} s")
        await asyncio.sleep(_ASK_EVERY)
    elapsed = time.monotonic() - began
    least = _LEAST_SHARE * _POSTS_PER_SECOND * elapsed if refused else 0.0
    most = _POSTS_PER_SECOND * (elapsed + 1) + _RATE_POSTS
    if not least <= admitted <= most:
        load.tally.fault(f"a key of {_POSTS_PER_SECOND:g} posts a second got {admitted} in {elapsed:.2f} s")
    return admitted / elapsed


async def _has_jumped(service: Service) -> bool:
    """Whether the service tells another day than this process."""
    date = parsedate_to_datetime((await service.get("/livez")).headers["date"])
    return abs(date - datetime.now(UTC)) > _DAY / 2


@contextmanager
def _jumping(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """How the clock of a process jumps, and in what environment, while the context lasts."""
    library = next((found for pattern in _LIBRARIES for found in Path("/usr").glob(pattern)), None)
    if library is None:
        (folder / "sitecustomize.py").write_text("import tests.chaos.jumping\n\ntests.chaos.jumping.install()\n")
        yield "time.time", {"PYTHONPATH": os.pathsep.join((str(folder), str(ROOT)))}
        return
    told, ended = folder / "faketime", threading.Event()

    def jump() -> None:
        random = Random(3)  # noqa: S311  # nobody has to be unable to foresee it
        while not ended.wait(_JUMP_EVERY):
            told.write_text(random.choice(("-1d\n", "+0\n", "+1d\n")))

    told.write_text("+0\n")
    thread = threading.Thread(target=jump)
    thread.start()
    environment = {"FAKETIME_TIMESTAMP_FILE": str(told), "FAKETIME_CACHE_DURATION": "1", "DONT_FAKE_MONOTONIC": "1"}
    try:
        yield "libfaketime", {"LD_PRELOAD": str(library), **environment}
    finally:
        ended.set()
        thread.join()
