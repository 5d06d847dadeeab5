import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from api.answers import Answer, Labelled
from api.problems import RETRY_AFTER_SECONDS, Code, Problem
from api.service import SLICE_POSTS, Service, State
from api.settings import Settings
from api.telemetry import Telemetry
from data.errors import BundleError
from model.bundle import MODEL, Bundle
from tests.api.conftest import GatedBundle


@pytest.fixture
def gated(bundle: Bundle) -> GatedBundle:
    return GatedBundle(bundle.path, bundle.manifest, bundle.taxonomy, bundle.policy)


def with_service(bundle: Bundle, steps: Callable[[Service], Awaitable[Any]], **settings: Any) -> Any:
    async def run() -> Any:
        service = Service(bundle, Settings(**settings), Telemetry())
        await service.load()
        try:
            return await steps(service)
        finally:
            await service.close()

    return asyncio.run(run())


async def classify(
    service: Service, texts: Sequence[str], seconds: float = 60, charge: Callable[[int], None] = lambda posts: None
) -> list[Answer]:
    """As a route does."""
    with service.model() as model:
        async with asyncio.timeout(seconds):
            answers, _ = await service.classify(model, texts, seconds, charge)
    return answers


def refusal(error: pytest.ExceptionInfo[Problem]) -> tuple[Code, str | None]:
    return error.value.code, error.value.headers.get("Retry-After")


def test_before_it_is_loaded_requests_are_told_to_wait(bundle: Bundle) -> None:
    async def ask() -> None:
        await classify(Service(bundle, Settings(), Telemetry()), ["late"])

    with pytest.raises(Problem) as error:
        asyncio.run(ask())
    assert refusal(error) == (Code.LOADING, str(RETRY_AFTER_SECONDS[Code.LOADING]))


def test_a_bundle_that_cannot_be_loaded_leaves_the_reason(bundle: Bundle, tmp_path: Any) -> None:
    (tmp_path / MODEL).write_bytes(b"not a graph")
    (tmp_path / "tokenizer.json").write_bytes((bundle.path / "tokenizer.json").read_bytes())
    torn = Bundle(tmp_path, bundle.manifest, bundle.taxonomy, bundle.policy)

    async def state(service: Service) -> tuple[State, BaseException | None]:
        return service.state, service.failure

    found, failure = with_service(torn, state)
    assert found is State.FAILED
    assert isinstance(failure, BundleError)


def test_only_what_there_is_room_for_is_charged(gated: GatedBundle) -> None:
    charged: list[int] = []

    async def steps(service: Service) -> None:
        waiting = asyncio.create_task(classify(service, ["late"] * 3, charge=charged.append))
        await asyncio.sleep(0)  # lets it be admitted
        with pytest.raises(Problem):
            await classify(service, ["late"] * 4, charge=charged.append)
        gated.gate.set()
        await waiting

    with_service(gated, steps, max_posts=5, max_queued_posts=5)
    assert charged == [3]


def test_a_full_queue_refuses_a_batch_whole_and_takes_it_later(gated: GatedBundle) -> None:
    async def steps(service: Service) -> None:
        waiting = asyncio.create_task(classify(service, ["late"] * 3))
        await asyncio.sleep(0)  # lets it be admitted
        with pytest.raises(Problem) as error:
            await classify(service, ["late"] * 3)
        assert refusal(error) == (Code.QUEUE_FULL, str(RETRY_AFTER_SECONDS[Code.QUEUE_FULL]))
        assert (error.value.limit, error.value.value) == (5, 6)
        gated.gate.set()
        assert len(await waiting) == 3
        assert len(await classify(service, ["late"] * 5)) == 5

    with_service(gated, steps, max_posts=5, max_queued_posts=5)


def test_a_late_answer_is_a_timeout_and_frees_its_place(gated: GatedBundle) -> None:
    async def steps(service: Service) -> None:
        with pytest.raises(TimeoutError):
            await classify(service, ["late"] * 5, seconds=0.5)
        gated.gate.set()
        assert len(await classify(service, ["late"] * 5)) == 5

    with_service(gated, steps, max_posts=5, max_queued_posts=5)


def test_a_request_may_have_a_deadline_of_its_own_and_nothing_is_begun_for_it_afterwards(gated: GatedBundle) -> None:
    async def steps(service: Service) -> None:
        with pytest.raises(TimeoutError):
            await classify(service, ["late " * 30] * 100, seconds=0.2)
        gated.gate.set()
        assert len(await classify(service, ["refund"])) == 1
        assert len(gated.scored) < 50  # those of the runs that were under way, and the one just asked for

    with_service(gated, steps, threads=1)


def test_draining_answers_what_was_admitted_and_refuses_the_rest(gated: GatedBundle) -> None:
    async def steps(service: Service) -> None:
        waiting = asyncio.create_task(classify(service, ["late"]))
        await asyncio.sleep(0)
        service.drain()
        with pytest.raises(Problem) as error:
            await classify(service, ["late"])
        assert refusal(error) == (Code.DRAINING, str(RETRY_AFTER_SECONDS[Code.DRAINING]))
        gated.gate.set()
        assert isinstance((await waiting)[0], Labelled)

    with_service(gated, steps)


def test_the_event_loop_stays_free_while_posts_are_scored(gated: GatedBundle) -> None:
    async def steps(service: Service) -> None:
        waiting = asyncio.create_task(classify(service, ["late"]))
        for _ in range(1000):  # the loop turns while the engine is held
            await asyncio.sleep(0)
        assert not waiting.done()
        gated.gate.set()
        await waiting

    with_service(gated, steps)


def test_batches_that_come_together_leave_the_event_loop_turns(bundle: Bundle) -> None:
    """However many there are, between two turns of the event loop one slice of one of them is tokenised."""

    async def steps(service: Service) -> tuple[int, int]:
        slices: list[int] = []
        with service.model() as model:
            encode = model.engine.tokenizer.encode

            def counted(texts: Sequence[str]) -> Any:
                slices.append(turns)
                return encode(texts)

            model.engine.tokenizer.encode = counted  # type: ignore[method-assign]  # the one place where all pass
            turns = 0
            batches = [asyncio.create_task(classify(service, ["late"] * 3 * SLICE_POSTS)) for _ in range(20)]
            while not all(batch.done() for batch in batches):
                turns += 1
                await asyncio.sleep(0)
        return len(slices), max(slices.count(turn) for turn in set(slices))

    assert with_service(bundle, steps) == (60, 1)
