"""The client for programs that run an event loop."""

import asyncio
import json
import math
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self

from api.client.batches import AnyPost, Batch, Batcher, Envelope, Fit, Limits, ResultT, encoded, fitted
from api.client.connection import Connection
from api.client.corrections import FEEDBACK, AnyCorrection, batched, read_correction
from api.client.errors import RefusedError
from api.client.results import (
    Labelled,
    NotStored,
    Received,
    Result,
    Served,
    Stored,
    parsed,
)
from api.client.window import windowed
from api.feedback.schemas import ReleaseResponse, ReviewResponse

PATIENCE = 60.0
TIMEOUT = 35.0
IN_FLIGHT = 4

# With four such requests at a time the service does nearly all that it can; and one that is slow, or has long posts to
# read, still answers each of them long before it would give up.
_ENTRIES = 128
_BYTES = 64 * 1024
_UNBOUNDED = Limits(1, 2**63)
_TOO_MUCH = ("too_many_posts", "body_too_large")


class AsyncClient:
    """A service, from one event loop.

    Every method raises `RefusedError` where the service says no, and `UnreachableError` where none answers. What may
    pass is tried again before: 429 and 503 when `Retry-After` says, a connection that fails, 502 and 504 at growing
    intervals. A post that cannot be labelled is no error, but a result of its own, `Failed`.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        patience: float = PATIENCE,
        timeout: float = TIMEOUT,
        in_flight: int = IN_FLIGHT,
        **options: Any,
    ) -> None:
        """
        Args:
            key: as `triage keys add` prints it, where the service asks for one.
            patience: seconds after the first attempt of a request, in which others may begin; 0 makes one attempt.
            timeout: seconds of one attempt; the service has 30 for an answer by default.
            in_flight: requests under way at a time, of one stream.
            options: of `httpx.AsyncClient`, such as `verify` for the certificate of the service. `headers` go with
                every request; where they name them too, `Authorization` is that of the key, and `Content-Type` and
                `X-Deadline-Ms` are the client's. `limits` and `base_url` cannot be given.

        Raises:
            ConfigurationError: this is no URL of a service, or no key, or an option that cannot be given.
        """
        self.in_flight = in_flight
        self._connection = Connection(url, key, patience, timeout, options)
        self._limits: Limits | None = None

    async def __aenter__(self) -> Self:
        await self._connection.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connection.__aexit__(kind, error, trace)

    async def classify(
        self, post: AnyPost, *, top_k: int = 0, heads: Sequence[str] | None = None, deadline: float | None = None
    ) -> Result:
        """Label one post.

        Args:
            top_k: runners-up to tell for each head.
            heads: to be told; all by default.
            deadline: seconds after which an answer is of no use.
        """
        batcher = Batcher[Result](_UNBOUNDED, Envelope.of_posts(top_k, heads))
        batcher.add(encoded(post, batcher.room))
        [result] = await self._labelled(batcher.take(), _end_of(deadline))  # there is nothing to be split
        return result

    async def classify_many(
        self,
        posts: Iterable[AnyPost] | AsyncIterable[AnyPost],
        *,
        top_k: int = 0,
        heads: Sequence[str] | None = None,
        deadline: float | None = None,
    ) -> list[Result]:
        """Label posts, in as many requests as it takes; the arguments are those of `classify`."""
        ends = _end_of(deadline)
        batcher = await self.batcher(top_k, heads, ends)
        results = windowed(posts, batcher, lambda batch: self.label(batch, ends), self.in_flight)
        return [result async for result in results]

    async def stream(
        self,
        posts: Iterable[AnyPost] | AsyncIterable[AnyPost],
        *,
        top_k: int = 0,
        heads: Sequence[str] | None = None,
    ) -> AsyncGenerator[Result]:
        """Label posts without end: a result for each, in order, while later posts are still to be read.

        Read ahead of the results that were taken are some requests of up to 128 posts, no more. What `posts` raises is
        raised after the results before it. Leaving the iterator early ends what is under way; where that must be over
        at once, wrap it in `contextlib.aclosing`.

        It is a window of small requests and not one stream of lines, which the service offers too: httpx reads nothing
        of an answer before it has sent all of the request (encode/httpx#877), so the posts would have to end before the
        first result came. And a request of its own can be sent again.
        """
        batcher = await self.batcher(top_k, heads)
        results = windowed(posts, batcher, self.label, self.in_flight)
        try:
            async for result in results:
                yield result
        finally:
            await results.aclose()

    async def feedback(self, corrections: Iterable[AnyCorrection]) -> list[Stored | NotStored]:
        """Tell which labels are right, in as many requests as it takes, one after the other.

        Where this raises, some may be stored: call it again with the same corrections. A `Correction` has an id, by
        which it is stored once however often it is sent; so is a mapping with an `id`. A mapping without one is stored
        unless the same reviewer said the same of this answer last. Repeated, it is stored once by that too, but not
        where the call says several things of one answer, or something else was said of it in between.

        Raises:
            DataError: a correction is not as `Correction` says; none was sent then.
        """
        read = [read_correction(correction) for correction in corrections]
        batcher = Batcher[Stored | NotStored](await self._bounds(), FEEDBACK)
        results: list[Stored | NotStored] = []
        for batch in batched(read, batcher):
            results += await self._all_of(batch, self._stored, lambda entry, room: entry)
        return results

    async def review(self, limit: int = 20, labels: Mapping[str, str] | None = None) -> ReviewResponse:
        """Posts that people should look at, the most useful first. Nobody holds them by that.

        Args:
            labels: the label that the machine gave, by head; of all others none are shown.
        """
        return parsed(ReviewResponse, await self._connection.get("/review", {"limit": limit, **(labels or {})}))

    async def claim(
        self,
        reviewer: str,
        *,
        count: int | None = None,
        answers: Sequence[str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> ReviewResponse:
        """Take posts of the review list for a while, so that nobody else works on them.

        Args:
            count: how many, the most useful first and those that the reviewer has already before them; or:
            answers: which ones. Claiming again prolongs; those that somebody else holds are left out.
            labels: as for `review`.
        """
        wanted = {"reviewer": reviewer, "count": count, "answers": answers, "labels": labels}
        body = json.dumps({name: value for name, value in wanted.items() if value is not None}).encode()
        return parsed(ReviewResponse, await self._connection.post("/review/claims", body))

    async def release(self, reviewer: str, answers: Sequence[str]) -> int:
        """Give posts back that were claimed; how many they were."""
        body = json.dumps({"reviewer": reviewer, "answers": answers}).encode()
        return parsed(ReleaseResponse, await self._connection.post("/review/releases", body)).released

    async def model(self) -> dict[str, Any]:
        """What is served: taxonomy, policy, limits, versions, and the closed lists of codes."""
        content = await self._connection.get("/model")
        parsed(Served, content)
        found: dict[str, Any] = json.loads(content)
        return found

    async def label(self, batch: Batch[Result], ends: float = math.inf) -> list[Result]:
        """The results of a batch.

        Args:
            ends: time of the event loop after which they are of no use.
        """
        return await self._all_of(batch, partial(self._labelled, ends=ends), fitted, ends)

    async def batcher(
        self, top_k: int = 0, heads: Sequence[str] | None = None, ends: float = math.inf
    ) -> Batcher[Result]:
        """What gathers posts into requests that this service takes.

        Args:
            ends: as for `label`, for the question what it takes.
        """
        return Batcher(await self._bounds(ends), Envelope.of_posts(top_k, heads))

    async def _labelled(self, batch: Batch[Result], ends: float) -> list[Result]:
        body = batch.body
        return batch.completed(
            parsed(Labelled, await self._connection.post("/classify", body, ends)).results if body else []
        )

    async def _stored(self, batch: Batch[Stored | NotStored]) -> list[Stored | NotStored]:
        answer = await self._connection.post("/feedback", batch.body or b"")
        return batch.completed(parsed(Received, answer).results)

    async def _all_of(
        self,
        batch: Batch[ResultT],
        ask: Callable[[Batch[ResultT]], Awaitable[list[ResultT]]],
        fit: Fit[ResultT],
        ends: float = math.inf,
    ) -> list[ResultT]:
        """The results of a batch; in parts where it is too much for the service, which takes none of it then."""
        try:
            return await ask(batch)
        except RefusedError as error:
            if error.code not in _TOO_MUCH:
                raise
        limits = await self._asked_bounds(ends)  # it was restarted with smaller ones
        return [result for part in batch.split(limits, fit) for result in await ask(part)]

    async def _bounds(self, ends: float = math.inf) -> Limits:
        return self._limits or await self._asked_bounds(ends)

    async def _asked_bounds(self, ends: float) -> Limits:
        told = parsed(Served, await self._connection.get("/model", ends=ends)).limits
        limits = self._limits = self._limits or Limits(_ENTRIES, _BYTES)
        limits.entries, limits.bytes = min(told.max_posts, _ENTRIES), min(told.max_body_bytes, _BYTES)
        return limits


def _end_of(deadline: float | None) -> float:
    return math.inf if deadline is None else asyncio.get_running_loop().time() + deadline
