"""Whether one more request may wait: bounded in posts, in bytes, and in the time that the answer would take.

Small and large requests are counted apart, as they wait apart (`model.schedule`): bulk that fills its lane leaves the
other one open.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from api.problems import Code, Problem
from model.schedule import RUN_TOKENS

_CHARACTERS_A_TOKEN = 4
_TOKENS_A_POST = 3  # the marks around it, and the odd emoji
_WINDOW_SECONDS = 0.25
_NEWEST = 0.3  # weight of the newest window in the rate
_SHARE_OF_TIME = 0.5  # of its time a request may spend waiting by the estimate: both lanes may come into use, and noise


def estimated_tokens(texts: Sequence[str], longest: int) -> int:
    """About how many tokens posts have; the tokenizer, which knows, has not seen them yet.

    Args:
        longest: tokens that a post has at most.
    """
    return sum(min(len(text) // _CHARACTERS_A_TOKEN + _TOKENS_A_POST, longest) for text in texts)


@dataclass(slots=True)
class _Lane:
    posts: int = 0
    tokens: int = 0


class Admission:
    """What was admitted and is not yet answered. Lives on the event loop.

    Attributes:
        posts, bytes: that are held now.
        rate: tokens a second that the engine answers, by estimated length; learned while it has enough to do.
    """

    def __init__(
        self,
        max_posts: int,
        max_bytes: int,
        workers: int,
        report: Callable[[int, int], None] = lambda posts, held: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            max_posts: of each lane.
            workers: threads of the engine.
            report: told posts and bytes whenever they change.
        """
        self.bytes = 0
        self._streamed = 0
        self.rate = 0.0
        self._max_posts = max_posts
        self._max_bytes = max_bytes
        self._report = report
        self._clock = clock
        self._small = _Lane()
        self._large = _Lane()
        self._changed = asyncio.Event()
        self._enough = 2 * workers * RUN_TOKENS  # a run under way and one that waits, for each worker
        self._begin_window()

    @property
    def posts(self) -> int:
        return self._small.posts + self._large.posts

    @contextmanager
    def admitted(self, posts: int, tokens: int, seconds: float) -> Iterator[None]:
        """Hold a request's posts while they are answered.

        Args:
            tokens: of all of them, as `estimated_tokens` counts.
            seconds: after which the answer is of no use.

        Raises:
            Problem: too many wait, or the answer would come too late.
        """
        lane, other = self._lanes(tokens)
        if lane.posts + posts > self._max_posts:
            raise Problem(
                Code.QUEUE_FULL,
                f"{lane.posts} posts are waiting, {posts} more would exceed the limit of {self._max_posts}; "
                "try again shortly",
                limit=self._max_posts,
                value=lane.posts + posts,
                retry_after=self._wait(lane, other, 0),
            )
        wait = self._wait(lane, other, tokens)
        most = _SHARE_OF_TIME * seconds
        if lane.posts and wait > most:
            raise Problem(
                Code.QUEUE_FULL,
                f"{lane.posts} posts are waiting, which takes too long for an answer within {seconds:g} seconds; "
                "try again shortly",
                limit=seconds,
                retry_after=wait - most,
            )
        with self._held(lane, posts, tokens):
            yield

    @contextmanager
    def held_bytes(self) -> Iterator[Callable[[int], None]]:
        """Hold the bytes of a body: call what is given for each part that comes in.

        Raises:
            Problem: too many are held.
        """
        held = 0

        def add(more: int) -> None:
            nonlocal held
            if self.bytes + more > self._max_bytes:
                raise Problem(
                    Code.QUEUE_FULL,
                    f"requests of {self.bytes} bytes are being answered, {more} more would exceed the limit of "
                    f"{self._max_bytes}; try again shortly",
                    limit=self._max_bytes,
                    value=self.bytes + more,
                )
            held += more
            self._add_bytes(more)

        try:
            yield add
        finally:
            self._add_bytes(-held)

    @asynccontextmanager
    async def when_there_is_room(self, posts: int, tokens: int, seconds: float) -> AsyncIterator[None]:
        """Hold posts of a stream, which waits where a request would be refused. Streams leave half of the lane free."""
        lane = self._large
        while lane.posts and (
            lane.posts + posts > self._max_posts // 2
            or self._wait(lane, self._small, tokens) > _SHARE_OF_TIME * seconds
        ):
            self._changed.clear()
            await self._changed.wait()
        with self._held(lane, posts, tokens):
            yield

    @contextmanager
    def held_by_stream(self) -> Iterator["StreamBytes"]:
        """Hold what a stream has read and not yet answered, until the context ends."""
        held = StreamBytes(self)
        try:
            yield held
        finally:
            held.give_back(held.bytes)

    async def _hold_for_stream(self, size: int) -> None:
        # While a stream holds anything it waits for nothing, or goes away, so that there will be room.
        while (self._streamed and self._streamed + size > self._max_bytes // 2) or (
            self.bytes and self.bytes + size > self._max_bytes
        ):
            self._changed.clear()
            await self._changed.wait()
        self._add_streamed(size)

    def _add_streamed(self, size: int) -> None:
        self._streamed += size
        self._add_bytes(size)

    def _add_bytes(self, size: int) -> None:
        self.bytes += size
        self._report(self.posts, self.bytes)
        if size < 0:
            self._changed.set()

    def _lanes(self, tokens: int) -> tuple[_Lane, _Lane]:
        return (self._small, self._large) if tokens <= RUN_TOKENS else (self._large, self._small)

    def _wait(self, lane: _Lane, other: _Lane, tokens: int) -> float:
        """Seconds until so many tokens more would be answered."""
        share = 0.5 if other.posts else 1.0
        return (lane.tokens + tokens) / (self.rate * share) if self.rate else 0.0

    @contextmanager
    def _held(self, lane: _Lane, posts: int, tokens: int) -> Iterator[None]:
        if not self.posts:
            self._begin_window()
        lane.posts += posts
        lane.tokens += tokens
        self._report(self.posts, self.bytes)
        try:
            yield
            self._learn(tokens)
        finally:
            lane.posts -= posts
            lane.tokens -= tokens
            self._report(self.posts, self.bytes)
            self._changed.set()

    def _begin_window(self) -> None:
        self._since = self._clock()
        self._answered = 0
        self._all_busy = True

    def _learn(self, tokens: int) -> None:
        """Take in that so many were answered."""
        self._answered += tokens
        self._all_busy &= self._small.tokens + self._large.tokens - tokens >= self._enough
        elapsed = self._clock() - self._since
        if elapsed < _WINDOW_SECONDS:
            return
        seen = self._answered / elapsed
        # Where workers may have been idle, what was seen is only the least that they can do.
        if self._all_busy or seen > self.rate:
            self.rate = self.rate + _NEWEST * (seen - self.rate) if self.rate else seen
        self._begin_window()


class StreamBytes:
    """The bytes that one stream holds."""

    def __init__(self, admission: Admission) -> None:
        self.bytes = 0
        self._admission = admission

    async def hold(self, size: int) -> None:
        """Hold more, which waits where a request would be refused. Streams leave half of the room free."""
        await self._admission._hold_for_stream(size)
        self.bytes += size

    def give_back(self, size: int) -> None:
        """Hold less."""
        self.bytes -= size
        self._admission._add_streamed(-size)
