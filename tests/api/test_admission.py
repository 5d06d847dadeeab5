import asyncio
from contextlib import ExitStack, suppress

import pytest

from api.admission import Admission, estimated_tokens
from api.problems import Code, Problem

LARGE = 300  # tokens: more than a run takes


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def admission(max_posts: int = 10, max_bytes: int = 1000, clock: Clock | None = None) -> Admission:
    return Admission(max_posts, max_bytes, workers=1, clock=clock or Clock())


def taught(tokens_per_second: int, clock: Clock, max_posts: int = 1000) -> Admission:
    """One that has seen its engine busy at a rate."""
    found = admission(max_posts, clock=clock)
    with ExitStack() as others:
        for _ in range(5):  # what keeps the engine busy meanwhile
            others.enter_context(found.admitted(1, LARGE, 60))
        for _ in range(40):
            with found.admitted(1, tokens_per_second, 1e9):
                clock.now += 1
    assert found.rate == pytest.approx(tokens_per_second)
    return found


def refusal(found: Admission, posts: int, tokens: int, seconds: float) -> Problem:
    with pytest.raises(Problem) as error, found.admitted(posts, tokens, seconds):
        pass
    assert error.value.code is Code.QUEUE_FULL
    return error.value


def test_posts_are_held_until_they_are_answered() -> None:
    found = admission()
    with found.admitted(6, LARGE, 60):
        problem = refusal(found, 5, LARGE, 60)
        assert (problem.limit, problem.value) == (10, 11)
        with found.admitted(4, LARGE, 60):
            assert found.posts == 10
    assert found.posts == 0
    with found.admitted(10, LARGE, 60):
        pass


def test_a_request_that_fails_gives_its_place_back() -> None:
    found = admission()
    with pytest.raises(ValueError, match="no"), found.admitted(10, LARGE, 60):
        raise ValueError("no")
    assert found.posts == 0


def test_bulk_that_fills_its_lane_leaves_the_other_one_open() -> None:
    found = admission()
    with found.admitted(10, LARGE, 60), found.admitted(1, 10, 60):
        refusal(found, 1, LARGE, 60)
        assert found.posts == 11


def test_what_would_come_too_late_is_refused_at_once_and_told_when_to_come_again() -> None:
    clock = Clock()
    found = taught(1000, clock)
    with found.admitted(10, 3000, 60):
        with found.admitted(1, LARGE, 10):  # 3.3 seconds, half of 10 is 5
            pass
        problem = refusal(found, 1, LARGE, 6)
        assert problem.limit == 6
        assert problem.headers["Retry-After"] == "1"
        assert refusal(found, 1, 9000, 6).headers["Retry-After"] == "9"


def test_with_both_lanes_in_use_each_counts_on_half_of_the_engine() -> None:
    clock = Clock()
    found = taught(1000, clock)
    with found.admitted(10, 3000, 60), found.admitted(1, 10, 60):
        refusal(found, 1, LARGE, 10)


def test_a_request_that_finds_its_lane_empty_is_never_refused_for_its_length() -> None:
    clock = Clock()
    found = taught(1000, clock)
    with found.admitted(1000, 1_000_000, 1):
        pass


def test_an_engine_that_was_idle_is_not_taken_for_a_slow_one() -> None:
    clock = Clock()
    found = taught(1000, clock)
    for _ in range(20):
        with found.admitted(1, 10, 60):
            clock.now += 1
    assert found.rate == pytest.approx(1000)


def test_a_slower_engine_is_noticed_while_it_is_busy() -> None:
    clock = Clock()
    found = taught(1000, clock)
    with ExitStack() as others:
        for _ in range(5):
            others.enter_context(found.admitted(1, LARGE, 1e9))
        for _ in range(20):
            with found.admitted(1, 100, 1e9):
                clock.now += 1
    assert found.rate == pytest.approx(100, rel=0.05)


def test_what_was_given_up_is_not_counted_as_done() -> None:
    clock = Clock()
    found = taught(1000, clock)
    for _ in range(10):
        clock.now += 1
        with suppress(TimeoutError), found.admitted(1, 1_000_000, 1e9):
            raise TimeoutError
    assert found.rate == pytest.approx(1000)


def test_bytes_are_held_until_the_request_is_answered() -> None:
    found = admission(max_bytes=100)
    with found.held_bytes() as hold:
        hold(60)
        hold(40)
        with pytest.raises(Problem) as error, found.held_bytes() as other:
            other(1)
        assert (error.value.code, error.value.limit, error.value.value) == (Code.QUEUE_FULL, 100, 101)
    assert found.bytes == 0


def test_a_stream_waits_where_a_request_is_refused_and_leaves_half_of_the_room() -> None:
    order: list[str] = []

    async def stream(found: Admission, name: str) -> None:
        async with found.when_there_is_room(5, LARGE, 60):
            order.append(name)
            await asyncio.sleep(0)

    async def run() -> None:
        found = admission()
        with found.admitted(1, LARGE, 60):
            waiting = asyncio.create_task(stream(found, "streamed"))
            for _ in range(10):
                await asyncio.sleep(0)
            order.append("answered")
        await waiting
        assert found.posts == 0

    asyncio.run(run())
    assert order == ["answered", "streamed"]


def test_bytes_of_streams_wait_for_room_and_leave_half_of_it() -> None:
    async def run() -> None:
        found = admission(max_bytes=100)
        with found.held_by_stream() as first, found.held_by_stream() as second:
            await first.hold(80)  # a stream that is alone is never kept waiting for its length
            waiting = asyncio.create_task(second.hold(10))
            with found.held_bytes() as hold:
                hold(20)
                await asyncio.sleep(0.01)
                assert not waiting.done()
                first.give_back(40)
                await waiting
                assert (found.bytes, first.bytes, second.bytes) == (70, 40, 10)
                waiting = asyncio.create_task(second.hold(5))
                await asyncio.sleep(0.01)
                assert not waiting.done()
                waiting.cancel()
        assert found.bytes == 0

    asyncio.run(run())


def test_tokens_are_estimated_by_length_and_cut_where_the_model_cuts() -> None:
    assert estimated_tokens(["x" * 40, "x" * 4000], longest=128) == 13 + 128
