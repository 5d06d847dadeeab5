"""The client's streams: lazy, in order, bounded, and whole whatever happens on the way."""

import asyncio
import itertools
import signal
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.client import Answered, AsyncClient, Client, RefusedError, Result
from model.registry import Registry
from tests.api.clients import Stream, stream_async, stream_sync
from tests.api.conftest import until
from tests.api.scripted import LIMITS, Asked, Handler, Scripted, Step, answers, labels, refuses, scripted, sends
from tests.chaos.service import Service
from tests.chaos.waiting import until as until_async

PATIENCE = 30.0
IN_FLIGHT = 3
ENTRIES = 128
ENDLESS = 20_000
AHEAD = (IN_FLIGHT + 1) * ENTRIES + 1
"""Posts: in the requests under way, in the next one, and the one that does not fit there."""


class Source:
    """Posts without end, which are counted as they are read; but whoever reads on and on is told."""

    def __init__(self, end: int | None = None, failure: Exception | None = None) -> None:
        self.read = 0
        self._end = end
        self._failure = failure

    def __iter__(self) -> Iterator[str]:
        for number in itertools.count():
            if number == self._end:
                if self._failure:
                    raise self._failure
                return
            self.read += 1
            assert self.read < ENDLESS
            yield f"post {number}"


def told(results: list[Result]) -> list[tuple[int, str]]:
    """What a scripted service said: the label of a post is its text."""
    return [(result.index, result.labels["intent"].label) for result in results if isinstance(result, Answered)]


def expected(posts: int) -> list[tuple[int, str]]:
    return [(number, f"post {number}") for number in range(posts)]


@pytest.fixture(params=[stream_sync, stream_async], ids=["sync", "async"])
def stream(request: pytest.FixtureRequest) -> Stream:
    found: Stream = request.param
    return found


@pytest.fixture
def service() -> Iterator[Scripted]:
    with scripted() as found:
        yield found


def test_each_post_has_its_result_in_order(stream: Stream, service: Scripted) -> None:
    assert told(stream(service.url, Source(1000))) == expected(1000)
    assert sum(len(asked.body["posts"]) for asked in service.classified()) == 1000


@pytest.mark.parametrize("posts", [0, 1, ENTRIES, ENTRIES + 1, 2 * ENTRIES])
def test_no_post_is_lost_at_the_edges(stream: Stream, service: Scripted, posts: int) -> None:
    assert told(stream(service.url, Source(posts))) == expected(posts)


def test_results_come_while_later_posts_are_still_to_be_read(stream: Stream, service: Scripted) -> None:
    """Of an endless source no result would ever come, were it read to its end first."""

    class EnoughError(Exception):
        pass

    source = Source()
    read_by_then = []

    def take(result: Result) -> None:
        read_by_then.append(source.read)
        if len(read_by_then) == 3 * AHEAD:
            raise EnoughError

    with pytest.raises(EnoughError):
        stream(service.url, source, take, in_flight=IN_FLIGHT)
    assert all(read <= taken + AHEAD for taken, read in enumerate(read_by_then, 1))


def test_whoever_takes_nothing_has_nothing_read(service: Scripted) -> None:
    async def run() -> None:
        source = Source()
        async with AsyncClient(service.url, in_flight=IN_FLIGHT) as triage, aclosing(triage.stream(source)) as results:
            await anext(results)

            async def is_full() -> bool:
                return source.read == AHEAD and len(service.classified()) == IN_FLIGHT

            await until_async(is_full, "the window must fill")
            for _ in range(ENTRIES - 1):
                await anext(results)
            assert source.read == AHEAD

    asyncio.run(run())


def test_a_post_is_answered_while_its_source_waits(service: Scripted) -> None:
    """Each post is only written once the one before it is answered."""
    answered: list[Result] = []

    async def run() -> None:
        may_go_on = asyncio.Event()

        async def posts() -> AsyncIterator[str]:
            for number in range(5):
                yield f"post {number}"
                await may_go_on.wait()
                may_go_on.clear()

        async with AsyncClient(service.url) as triage, asyncio.timeout(PATIENCE):
            async for result in triage.stream(posts()):
                answered.append(result)
                may_go_on.set()

    asyncio.run(run())
    assert told(answered) == expected(5)


def test_several_requests_are_under_way(stream: Stream) -> None:
    """The first is answered only when the third has come in, and its results come first all the same."""
    third = threading.Event()

    def first(handler: Handler, asked: Asked) -> None:
        third.wait(PATIENCE)
        labels(handler, asked)

    def at_last(handler: Handler, asked: Asked) -> None:
        labels(handler, asked)
        third.set()

    with scripted([first, labels, at_last]) as service:
        found = stream(service.url, Source(1000), in_flight=IN_FLIGHT)
    assert told(found) == expected(1000)


def test_whoever_waits_for_a_result_has_nothing_more_read() -> None:
    """As `test_whoever_takes_nothing_has_nothing_read`, where the first request holds one post: none was under way."""
    source = Source()
    full = 1 + (IN_FLIGHT - 1) * ENTRIES + ENTRIES + 1
    read = []

    def first(handler: Handler, asked: Asked) -> None:
        until(lambda: source.read >= full and len(serving.classified()) >= IN_FLIGHT)
        time.sleep(0.05)  # in which an endless source would be read much further
        read.append((source.read, len(serving.classified())))
        labels(handler, asked)

    with scripted([first]) as serving, Client(serving.url, in_flight=IN_FLIGHT) as triage:
        assert next(triage.stream(source)).index == 0
    assert read == [(full, IN_FLIGHT)]


def test_what_the_source_raises_comes_after_the_results_before_it(stream: Stream, service: Scripted) -> None:
    failure = OSError("the file is gone")
    found: list[Result] = []
    with pytest.raises(OSError, match="the file is gone") as raised:
        stream(service.url, Source(700, failure), found.append)
    assert raised.value is failure
    assert told(found) == expected(700)


def test_what_is_no_post_fails_alone(stream: Stream, service: Scripted) -> None:
    posts: list[Any] = [f"post {number}" for number in range(600)]
    posts[::7] = [None] * len(posts[::7])
    found = stream(service.url, posts)
    assert [result.index for result in found] == list(range(600))
    assert [result.status for result in found] == ["error" if number % 7 == 0 else "ok" for number in range(600)]


def test_a_refusal_comes_after_the_results_before_it(stream: Stream) -> None:
    def step(handler: Handler, asked: Asked) -> None:
        refused = asked.body is not None and {"text": "post 700"} in asked.body["posts"]
        (refuses(422, "invalid_request") if refused else labels)(handler, asked)

    found: list[Result] = []
    with scripted(otherwise=step) as service, pytest.raises(RefusedError, match="invalid_request"):
        stream(service.url, Source(), found.append)
    assert told(found) == expected(len(found))
    assert 700 - ENTRIES < len(found) <= 700


def test_cut_connections_lose_and_double_nothing(stream: Stream) -> None:
    half = sends(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")
    steps: list[Step] = [labels, half, sends(b""), labels, refuses(503, "draining", Retry_After="0"), half, labels]
    with scripted(steps) as service:
        found = stream(service.url, Source(1000))
    assert told(found) == expected(1000)


class Restarted:
    """A service that takes less of a time, once it has answered so many requests."""

    def __init__(self, answered: int, **limits: int) -> None:
        self.refused = 0
        self._limits = itertools.chain([LIMITS] * answered, itertools.repeat({**LIMITS, **limits}))
        self._now = LIMITS
        self._lock = threading.Lock()

    def __call__(self, handler: Handler, asked: Asked) -> None:
        with self._lock:
            if asked.path == "/classify":
                self._now = next(self._limits)
            limits = self._now
        if asked.path == "/model":
            answers({"limits": limits})(handler, asked)
        elif len(asked.body["posts"]) > limits["max_posts"]:
            self._refuse("too_many_posts", handler, asked)
        elif int(asked.headers["Content-Length"]) > limits["max_body_bytes"]:
            self._refuse("body_too_large", handler, asked)
        else:
            labels(handler, asked)

    def _refuse(self, code: str, handler: Handler, asked: Asked) -> None:
        self.refused += 1
        refuses(413, code)(handler, asked)


@pytest.mark.parametrize("limits", [{"max_posts": 50}, {"max_body_bytes": 1000}, {"max_posts": 1}])
def test_smaller_limits_lose_and_double_nothing(stream: Stream, limits: dict[str, int]) -> None:
    """They are asked for again, and heeded from then on: refused is what was under way, and what was gathered then."""
    service = Restarted(3, **limits)
    with scripted(otherwise=service) as serving:
        assert told(stream(serving.url, Source(1000), in_flight=IN_FLIGHT)) == expected(1000)
    assert 0 < service.refused <= 2 * IN_FLIGHT + 1


def test_a_post_that_is_too_large_for_smaller_limits_fails_alone(stream: Stream) -> None:
    posts = [{"text": "late " * (300 if n % 7 == 0 else 1), "id": f"{n}"} for n in range(100)]
    with scripted(otherwise=Restarted(0, max_body_bytes=1000)) as service:
        found = stream(service.url, posts)
    assert [(result.index, result.id) for result in found] == [(n, f"{n}") for n in range(100)]
    assert [isinstance(result, Answered) for result in found] == [n % 7 != 0 for n in range(100)]


class Hanging:
    """Answers the first post, once so many requests are under way; of the others nothing, until the client hangs up."""

    def __init__(self, requests: int) -> None:
        self.hung_up = threading.Semaphore(0)
        self._all_here = threading.Barrier(requests, timeout=PATIENCE)

    def __call__(self, handler: Handler, asked: Asked) -> None:
        if asked.path == "/model":
            labels(handler, asked)
            return
        self._all_here.wait()
        if asked.body["posts"][0]["text"] == "post 0":
            labels(handler, asked)
            return
        handler.connection.settimeout(PATIENCE)
        if handler.connection.recv(1) == b"":
            self.hung_up.release()
        handler.close_connection = True


def test_leaving_early_ends_what_is_under_way() -> None:
    hanging = Hanging(IN_FLIGHT)
    with scripted(otherwise=hanging) as service, Client(service.url, in_flight=IN_FLIGHT) as triage:
        for _ in triage.stream(Source()):
            break
        for _ in range(IN_FLIGHT - 1):
            assert hanging.hung_up.acquire(timeout=PATIENCE)


def test_leaving_early_ends_what_is_under_way_async() -> None:
    hanging = Hanging(IN_FLIGHT)

    async def are_gone() -> bool:
        return asyncio.all_tasks() == {asyncio.current_task()}

    async def run(service: Scripted) -> None:
        async with AsyncClient(service.url, in_flight=IN_FLIGHT) as triage:
            async for _ in triage.stream(Source()):
                break
            for _ in range(IN_FLIGHT - 1):
                assert await asyncio.to_thread(hanging.hung_up.acquire, timeout=PATIENCE)
            await until_async(are_gone, "no task must be left")

    with scripted(otherwise=hanging) as service:
        asyncio.run(run(service))


def test_leaving_early_leaves_the_source_open(service: Scripted, tmp_path: Path) -> None:
    (tmp_path / "posts.txt").write_text("late\n" * 2000)
    with (tmp_path / "posts.txt").open() as lines, Client(service.url) as triage:
        for _ in triage.stream(lines):
            break
        assert not lines.closed


def test_a_real_service_answers_a_stream(stream: Stream, client: httpx.Client) -> None:
    """Whose queue has room for two requests, and which refuses the others for a while."""
    texts = [["site is down again", "refund please", "win cash now"][number % 3] for number in range(300)]
    found = stream(str(client.base_url), texts)
    alone = {text: client.post("/classify", json={"text": text}).json()["results"][0] for text in texts[:3]}
    assert [result.index for result in found] == list(range(300))
    for result, text in zip(found, texts, strict=True):
        assert isinstance(result, Answered)
        assert result.labels["intent"].label == alone[text]["labels"]["intent"]["label"]


@pytest.mark.slow
def test_a_service_that_is_killed_loses_and_doubles_nothing(models: Registry, tmp_path: Path) -> None:
    """`triage serve`, killed twice in the midst of a stream, and told to end once, and each time started again."""
    posts = [
        {"text": f"{['site is down', 'refund please', 'win cash now'][n % 3]} {n}", "id": f"{n}"} for n in range(9000)
    ]
    ends = {2000: signal.SIGKILL, 4000: signal.SIGTERM, 6000: signal.SIGKILL}
    found: list[Result] = []
    undisturbed: list[Result] = []

    async def run() -> None:
        async with Service(models.root, tmp_path) as service:

            async def restart(end: signal.Signals) -> None:
                service.signal(end)
                await service.ended()
                await service.start()

            restarts: list[asyncio.Task[None]] = []
            async with AsyncClient(f"http://127.0.0.1:{service.port}", patience=4 * PATIENCE) as triage:
                async for result in triage.stream(posts):
                    found.append(result)
                    if end := ends.get(len(found)):
                        restarts.append(asyncio.create_task(restart(end)))
                        await asyncio.sleep(0)  # it gets its signal now, with requests under way
                await asyncio.gather(*restarts)
                assert len(restarts) == len(ends)
                undisturbed.extend(await triage.classify_many(posts))

    asyncio.run(run())
    assert [(result.index, result.id) for result in found] == [(n, f"{n}") for n in range(len(posts))]
    assert labels_of(found) == labels_of(undisturbed)


def labels_of(results: list[Result]) -> list[Any]:
    return [isinstance(result, Answered) and result.labels for result in results]
