"""Which posts a worker scores next.

Nothing waits for company: a worker that is free takes what is there, across requests, so runs fill by themselves under
load. Small requests and large ones wait in lanes of their own, and both lanes get the same share of the workers while
both are in use.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from threading import Condition
from typing import Generic, Protocol, TypeVar

RUN_TOKENS = 256
"""Most tokens of one run, padding included: fewer read the weights too often, more leave the core's own cache."""

LEAST_RUN_TOKENS = 64
"""What waits is not cut finer than this to keep every worker busy: small runs cost more a token."""

_PADDING = 0.2  # the largest share of a run's tokens that posts of other lengths may bring with them


class Asker(Protocol):
    """Who waits for posts."""

    def done(self) -> bool:
        """Whether nobody waits for them any more."""


A = TypeVar("A", bound=Asker)


@dataclass(slots=True, eq=False)
class Waiting(Generic[A]):
    """A post in the queue.

    Attributes:
        place: of the post among those of the asker.
        tokens: its length.
        taken: it is in the queue no more.
    """

    asker: A
    place: int
    tokens: int
    taken: bool = False


class RunQueue(Generic[A]):
    """Posts that wait for a worker. Every method may be called from any thread."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._small: _Lane[A] = _Lane()
        self._large: _Lane[A] = _Lane()
        self._changed = Condition()
        self._closed = False

    def put(self, asker: A, posts: Iterable[tuple[int, int]]) -> None:
        """Queue posts that were asked for together.

        Args:
            posts: place and length of each.

        Raises:
            RuntimeError: the queue is closed.
        """
        # By length, so that the runs of a large request follow one another without gaps.
        by_length = sorted(posts, key=lambda post: post[1])
        waiting = [Waiting(asker, place, tokens) for place, tokens in by_length]
        tokens = sum(post.tokens for post in waiting)
        with self._changed:
            if self._closed:
                raise RuntimeError("cannot score after shutdown")
            lane, other = (self._small, self._large) if tokens <= RUN_TOKENS else (self._large, self._small)
            if not lane:
                lane.served = max(lane.served, other.served)  # no claim on the time when it was not in use
            lane.put(waiting)
            self._changed.notify()

    def take(self) -> list[Waiting[A]] | None:
        """Wait for posts and take a run of them; `None` when the queue is closed."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._closed or bool(self._small or self._large))
                if self._closed:
                    return None
                lane = min((lane for lane in (self._small, self._large) if lane), key=lambda lane: lane.served)
                if run := lane.take(share_of_worker(lane.tokens, self._workers)):
                    if self._small or self._large:
                        self._changed.notify()  # each worker that finds more than it takes wakes the next
                    return run

    def close(self) -> list[Waiting[A]]:
        """Let every `take` end; returns what nobody will score."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            return [*self._small.drain(), *self._large.drain()]


def share_of_worker(tokens: int, workers: int) -> int:
    """Tokens of a run such that little work still keeps every worker busy."""
    return min(RUN_TOKENS, max(LEAST_RUN_TOKENS, ceil(tokens / workers)))


class _Lane(Generic[A]):
    """Posts by age and by length.

    Attributes:
        tokens: that wait, those that nobody waits for any more included until they are met.
        served: tokens that were taken so far.
    """

    def __init__(self) -> None:
        self.tokens = 0
        self.served = 0
        self._by_age: deque[Waiting[A]] = deque()
        self._by_length: dict[int, deque[Waiting[A]]] = {}

    def __bool__(self) -> bool:
        return self.tokens > 0

    def put(self, posts: Iterable[Waiting[A]]) -> None:
        for post in posts:
            self._by_age.append(post)
            self._by_length.setdefault(post.tokens, deque()).append(post)
            self.tokens += post.tokens

    def take(self, most: int) -> list[Waiting[A]]:
        """The oldest post, and those nearest to it in length that fit beside it; none if nobody waits for any.

        Args:
            most: tokens of the run, padding included; a longer post is a run of its own.
        """
        oldest = self._oldest()
        if oldest is None:
            self.drain()
            return []
        run: list[Waiting[A]] = []
        tokens = longest = 0
        for length in sorted(self._by_length, key=lambda length: abs(length - oldest.tokens)):
            bucket, padded_length = self._by_length[length], max(longest, length)
            while bucket:
                padded = (len(run) + 1) * padded_length
                if run and (padded > most or padded - tokens - length > _PADDING * padded):
                    break
                post = bucket.popleft()
                post.taken = True
                self.tokens -= length
                if not post.asker.done():
                    run.append(post)
                    tokens, longest = tokens + length, padded_length
            if not bucket:
                del self._by_length[length]
            if (len(run) + 1) * longest > most:
                break
        self.served += len(run) * longest
        if not self:
            self.drain()  # an idle queue holds on to nothing that was taken out of it
        return run

    def drain(self) -> list[Waiting[A]]:
        """Take out all that waits."""
        waiting = [post for bucket in self._by_length.values() for post in bucket]
        self._by_age.clear()
        self._by_length.clear()
        self.tokens = 0
        return waiting

    def _oldest(self) -> Waiting[A] | None:
        while self._by_age:
            post = self._by_age[0]
            if not post.taken:
                if not post.asker.done():
                    return post
                self._remove_oldest_of(post.tokens)
            self._by_age.popleft()
        return None

    def _remove_oldest_of(self, length: int) -> None:
        """Of posts of a length, which may be so rare that no run would come by them."""
        bucket = self._by_length[length]
        bucket.popleft().taken = True
        self.tokens -= length
        if not bucket:
            del self._by_length[length]
