"""The model in service: loading, admission, scoring off the event loop, draining."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import ParamSpec, TypeVar

from api.answers import Answer, answer, prepare
from api.problems import Code, Problem
from api.settings import Settings
from api.telemetry import Telemetry
from model.bundle import Bundle
from model.engine import Engine

log = logging.getLogger("triage")

P = ParamSpec("P")
T = TypeVar("T")

# Lengths of the posts that warm the engine up: its memory arena grows to what it has seen.
_WARM_UP = ("hello", "where is my order? it was due on monday " * 4, "a long e-mail " * 200)


INLINE_POSTS = 32
"""Work on so many posts holds the event loop up for less time than a hop to a thread and back is worth."""

_INLINE_CHARACTERS = 2_000


class State(StrEnum):
    LOADING = "loading"
    READY = "ready"
    DRAINING = "draining"
    FAILED = "failed"


class Service:
    """One bundle in service. Lives on the event loop; tokenising and inference run on threads."""

    def __init__(self, bundle: Bundle, settings: Settings, telemetry: Telemetry) -> None:
        self.bundle = bundle
        self.settings = settings
        self.state = State.LOADING
        self.failure: BaseException | None = None
        self._telemetry = telemetry
        self._engine: Engine | None = None
        self._queued = 0

    async def load(self) -> None:
        """Load and warm up; afterwards the state is READY, or FAILED with the reason in `failure`."""
        try:
            self._engine = await asyncio.to_thread(
                self.bundle.engine, self.settings.threads, self.settings.cached_posts
            )
            self._telemetry.cache(self._engine.cache)
            await asyncio.to_thread(self._engine.score, _WARM_UP)
        except Exception as error:  # noqa: BLE001  # whatever it was, the process must say so and end
            self.state, self.failure = State.FAILED, error
            return
        self._telemetry.model(self.bundle.manifest)
        if self.state is State.LOADING:
            self.state = State.READY
        log.info("ready: %s, %d threads", self.bundle.manifest.reference, self._engine.workers)

    def drain(self) -> None:
        """Refuse what comes from now on; what was admitted is still answered."""
        self.state = State.DRAINING

    async def close(self) -> None:
        """End the engine's threads."""
        if self._engine:
            await asyncio.to_thread(self._engine.close)

    async def classify(self, texts: Sequence[str], deadline: float | None = None) -> list[Answer]:
        """Answer a batch, which is admitted whole or refused whole.

        Args:
            deadline: seconds after which the caller has no use for the answer.

        Raises:
            Problem: loading, draining, queue full, or the answer took too long.
        """
        engine = self._ready_engine()
        limit = min(self.settings.timeout_seconds, deadline or self.settings.timeout_seconds)
        with self._admitted(len(texts)):
            try:
                async with asyncio.timeout(limit):
                    answers = await self._answers(engine, texts)
            except TimeoutError:
                raise Problem(Code.TIMEOUT, f"no answer within {limit:g} seconds", limit=limit) from None
        self._telemetry.answers(answers)
        return answers

    async def _answers(self, engine: Engine, texts: Sequence[str]) -> list[Answer]:
        # A hop to a thread and back takes longer than a few short posts do.
        inline = len(texts) <= INLINE_POSTS and sum(map(len, texts)) <= _INLINE_CHARACTERS
        prepared = await _run(inline, prepare, texts, engine.tokenizer, self.settings.max_characters)
        # Cancelling what wraps the future cancels the future too, and no worker begins what is left.
        scores = await asyncio.wrap_future(engine.submit(prepared.encoded).future)
        return await _run(inline, answer, prepared, scores, self.bundle.policy)

    def _ready_engine(self) -> Engine:
        if self.state is State.DRAINING:
            raise Problem(Code.DRAINING, "the service is shutting down; ask another instance")
        if self._engine is None or self.state is not State.READY:
            raise Problem(Code.LOADING, "the model is being loaded; try again shortly")
        return self._engine

    @contextmanager
    def _admitted(self, posts: int) -> Iterator[None]:
        limit = self.settings.max_queued_posts
        if self._queued + posts > limit:
            raise Problem(
                Code.QUEUE_FULL,
                f"{self._queued} posts are waiting, {posts} more would exceed the limit of {limit}; try again shortly",
                limit=limit,
                value=self._queued + posts,
            )
        self._queued += posts
        self._telemetry.queued_posts.set(self._queued)
        try:
            yield
        finally:
            self._queued -= posts
            self._telemetry.queued_posts.set(self._queued)


async def _run(inline: bool, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:  # private
    return work(*args, **kwargs) if inline else await asyncio.to_thread(work, *args, **kwargs)
