"""The client for programs without an event loop: the other one, on a thread of its own."""

from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from functools import partial
from time import monotonic
from types import TracebackType
from typing import Any, Self, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from api.client.asynchronous import IN_FLIGHT, PATIENCE, TIMEOUT, AsyncClient
from api.client.batches import AnyPost, Batch, encoded
from api.client.corrections import AnyCorrection
from api.client.results import NotStored, Result, Stored
from api.feedback.schemas import ReviewResponse

T = TypeVar("T")


class Client:
    """A service, from any threads of one process; see `AsyncClient`, whose methods these are."""

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
        """The arguments and errors are those of `AsyncClient`."""
        client = AsyncClient(url, key=key, patience=patience, timeout=timeout, in_flight=in_flight, **options)
        with ExitStack() as opened:
            self._portal = opened.enter_context(start_blocking_portal(name="triage-client"))
            self._client = opened.enter_context(self._portal.wrap_async_context_manager(client))
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.__exit__(kind, error, trace)

    def close(self) -> None:
        """End its connections and its thread, which leaving its context does too."""
        self._opened.close()

    def classify(
        self, post: AnyPost, *, top_k: int = 0, heads: Sequence[str] | None = None, deadline: float | None = None
    ) -> Result:
        """Label one post."""
        return self._run(partial(self._client.classify, post, top_k=top_k, heads=heads, deadline=deadline))

    def classify_many(
        self,
        posts: Iterable[AnyPost],
        *,
        top_k: int = 0,
        heads: Sequence[str] | None = None,
        deadline: float | None = None,
    ) -> list[Result]:
        """Label posts, in as many requests as it takes."""
        began = monotonic()
        given = list(posts)  # on the caller's own thread
        left = None if deadline is None else deadline - (monotonic() - began)
        return self._run(partial(self._client.classify_many, given, top_k=top_k, heads=heads, deadline=left))

    def stream(
        self, posts: Iterable[AnyPost], *, top_k: int = 0, heads: Sequence[str] | None = None
    ) -> Generator[Result]:
        """Label posts without end: a result for each, in order, while later posts are still to be read.

        `posts` is read on the thread that takes the results, between two of them: while it waits for its next post, no
        result comes out. For a source that waits long, `AsyncClient` has the same without that.
        """
        batcher = self._run(partial(self._client.batcher, top_k, heads))
        window = _Window(self._portal, self._client)
        failures: list[Exception] = []
        try:
            for post in _until_failure(posts, failures):
                entry = encoded(post, batcher.room)
                if not batcher.fits(entry):
                    yield from window.taken(most=window.size - 1)
                    window.send(batcher.take())
                batcher.add(entry)
                yield from window.taken(most=window.size)
                if not len(window):  # the service has nothing to do, and the next post may be long in coming
                    window.send(batcher.take())
            if batcher:
                window.send(batcher.take())
            yield from window.taken(most=0)
        finally:
            window.cancel()
        for failure in failures:
            raise failure

    def feedback(self, corrections: Iterable[AnyCorrection]) -> list[Stored | NotStored]:
        """Tell which labels are right."""
        return self._run(partial(self._client.feedback, list(corrections)))

    def review(self, limit: int = 20, labels: Mapping[str, str] | None = None) -> ReviewResponse:
        """Posts that people should look at, the most useful first."""
        return self._run(partial(self._client.review, limit, labels))

    def claim(
        self,
        reviewer: str,
        *,
        count: int | None = None,
        answers: Sequence[str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> ReviewResponse:
        """Take posts of the review list for a while."""
        return self._run(partial(self._client.claim, reviewer, count=count, answers=answers, labels=labels))

    def release(self, reviewer: str, answers: Sequence[str]) -> int:
        """Give posts back that were claimed; how many they were."""
        return self._run(partial(self._client.release, reviewer, answers))

    def model(self) -> dict[str, Any]:
        """What is served."""
        return self._run(self._client.model)

    def _run(self, method: Callable[[], Coroutine[Any, Any, T]]) -> T:
        future: Future[T] = self._portal.start_task_soon(method)
        try:
            return future.result()
        finally:
            future.cancel()  # where the caller was interrupted


class _Window:
    """Requests under way, or answered and not taken, in the order of their posts."""

    def __init__(self, portal: BlockingPortal, client: AsyncClient) -> None:
        self.size = client.in_flight
        self._portal = portal
        self._client = client
        self._begun: deque[Future[list[Result]]] = deque()

    def __len__(self) -> int:
        return len(self._begun)

    def send(self, batch: Batch[Result]) -> None:
        self._begun.append(self._portal.start_task_soon(self._client.label, batch))

    def taken(self, most: int) -> Iterator[Result]:
        """The results that are there, and as many more as it takes for so many requests to be left."""
        while self._begun and (len(self) > most or self._begun[0].done()):
            yield from self._begun.popleft().result()

    def cancel(self) -> None:
        for future in self._begun:
            future.cancel()


def _until_failure(posts: Iterable[AnyPost], failures: list[Exception]) -> Iterator[AnyPost]:
    """The caller's posts; what they raise is kept, to be raised after the results before it."""
    try:
        for post in posts:  # noqa: UP028  # left early, `yield from` would close the caller's own file or generator
            yield post
    except Exception as error:  # noqa: BLE001  # whatever it is, it is passed on
        failures.append(error)
