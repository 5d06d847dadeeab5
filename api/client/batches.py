"""From posts to requests of a size that the service takes."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from pydantic import ValidationError

from api.client.errors import UnreachableError, faults_of
from api.client.results import Failed, ItemError, Result
from api.schemas import ItemErrorCode, PostIn
from data.posts import Post

AnyPost = str | Mapping[str, Any] | Post | PostIn
"""A post as callers have it: its text, or that and what else is known of it."""


class Numbered(Protocol):
    """A result, which says which entry it is of."""

    index: int


ResultT = TypeVar("ResultT", bound=Numbered)

Fit = Callable[[bytes | ResultT, int], bytes | ResultT]
"""What becomes of an entry in a request that has room for so many bytes."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What surrounds the entries of a request."""

    head: bytes
    tail: bytes

    @classmethod
    def of_posts(cls, top_k: int, heads: Sequence[str] | None) -> "Envelope":
        options = {"top_k": top_k, **({"heads": heads} if heads is not None else {})}
        return cls(b'{"posts": [', b'], "options": %b}' % json.dumps(options).encode())


@dataclass(slots=True)
class Limits:
    """Of one request. They change where a service is restarted with others, also for who is gathering already."""

    entries: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Batch(Generic[ResultT]):
    """Entries that go together.

    Attributes:
        first: place of the first among all.
        entries: as JSON; or the result of one that need not be sent.
    """

    first: int
    entries: Sequence[bytes | ResultT]
    envelope: Envelope

    @property
    def body(self) -> bytes | None:
        """The request; `None` where there is nothing to be asked."""
        sent = [entry for entry in self.entries if isinstance(entry, bytes)]
        return self.envelope.head + b", ".join(sent) + self.envelope.tail if sent else None

    def split(self, limits: Limits, fit: Fit[ResultT]) -> Iterator["Batch[ResultT]"]:
        """The same entries in as many batches as other limits ask for."""
        batcher = Batcher[ResultT](limits, self.envelope, self.first)
        for entry in self.entries:
            found = fit(entry, batcher.room)
            if not batcher.fits(found):
                yield batcher.take()
            batcher.add(found)
        yield batcher.take()

    def completed(self, results: Iterable[ResultT]) -> list[ResultT]:
        """The results of all entries, from those of what was sent.

        Raises:
            UnreachableError: they are not as many as were sent.
        """
        answers = iter(results)
        found = [next(answers, None) if isinstance(entry, bytes) else entry for entry in self.entries]
        complete = [result for result in found if result is not None]
        if len(complete) < len(found) or next(answers, None) is not None:
            raise UnreachableError("what came back holds another number of results than was asked for")
        for index, result in enumerate(complete, self.first):
            result.index = index
        return complete


class Batcher(Generic[ResultT]):
    """Gathers entries until they are taken. True while it holds some."""

    def __init__(self, limits: Limits, envelope: Envelope, first: int = 0) -> None:
        """
        Args:
            first: place of the first entry among all.
        """
        self._limits = limits
        self._envelope = envelope
        self._entries: list[bytes | ResultT] = []
        self._bytes = 0
        self._taken = first

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def room(self) -> int:
        """Bytes that all entries of a request may have together."""
        return self._limits.bytes - len(self._envelope.head) - len(self._envelope.tail)

    def fits(self, entry: bytes | ResultT) -> bool:
        """Whether there is room beside what it holds. For a single entry there always is."""
        return not self._entries or (len(self) < self._limits.entries and self._bytes + _size(entry) <= self.room)

    def add(self, entry: bytes | ResultT) -> None:
        self._entries.append(entry)
        self._bytes += _size(entry)

    def take(self) -> Batch[ResultT]:
        """What it holds; it is empty afterwards."""
        batch = Batch(self._taken, self._entries, self._envelope)
        self._taken += len(self._entries)
        self._entries, self._bytes = [], 0
        return batch


def encoded(post: AnyPost, room: int) -> bytes | Result:
    """A post as JSON; or, where it is none or larger than so many bytes, its result."""
    plain: Any = {"text": post} if isinstance(post, str) else dict(post) if isinstance(post, Mapping) else post
    try:
        read = PostIn.model_validate(plain, from_attributes=True)
    except ValidationError as error:
        return _failed(ItemErrorCode.INVALID_LINE, faults_of(error), plain)
    return fitted(read.model_dump_json(exclude_none=True).encode(), room)


def fitted(entry: bytes | Result, room: int) -> bytes | Result:
    """An encoded post; or, where it is larger than so many bytes, its result."""
    if not isinstance(entry, bytes) or len(entry) <= room:
        return entry
    told = f"the post has {len(entry)} bytes, and a request may hold {room}"
    return _failed(ItemErrorCode.TEXT_TOO_LONG, told, json.loads(entry))


def _failed(code: ItemErrorCode, message: str, plain: Any) -> Failed:
    given = plain.get("id") if isinstance(plain, dict) else getattr(plain, "id", None)
    post_id = given if isinstance(given, str) else None
    return Failed(index=0, id=post_id, status="error", error=ItemError(code=code, message=message))


def _size(entry: object) -> int:
    return len(entry) + len(b", ") if isinstance(entry, bytes) else 0
