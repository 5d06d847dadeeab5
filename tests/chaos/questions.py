"""What the service is asked."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from api.bodies import JSON, NDJSON

_PARTS = {JSON: 2, NDJSON: 4}


@dataclass(frozen=True, slots=True)
class Question:
    """A request to `/classify`.

    Attributes:
        id: comes back in the answer, as do those of the posts, which begin with it.
        places: of its posts among those that are known.
        parts: of the body, cut anywhere.
    """

    id: str
    places: Sequence[int]
    media_type: str
    parts: tuple[bytes, ...]

    @classmethod
    def of(cls, request_id: str, places: Sequence[int], texts: Sequence[str], media_type: str) -> "Question":
        """Ask for posts.

        Args:
            texts: of the posts in these places.
        """
        posts = [{"id": post_id(request_id, index), "text": text} for index, text in enumerate(texts)]
        if media_type == NDJSON:
            body = "".join(json.dumps(post) + "\n" for post in posts).encode()
        else:
            body = json.dumps({"posts": posts}).encode()
        return cls(request_id, places, media_type, tuple(_cut(body, _PARTS[media_type])))

    @property
    def streamed(self) -> bool:
        return self.media_type == NDJSON

    def head(self, *headers: str) -> bytes:
        """Request line and headers; the body is then sent in chunks, each of them `chunk` of a part."""
        return head(
            f"Content-Type: {self.media_type}", "Transfer-Encoding: chunked", f"X-Request-ID: {self.id}", *headers
        )


def post_id(request_id: str, index: int) -> str:
    return f"{request_id}.{index}"


def head(*headers: str, first: str = "POST /classify") -> bytes:
    """Request line and headers."""
    return "\r\n".join([f"{first} HTTP/1.1", "Host: 127.0.0.1", *headers, "", ""]).encode()


def chunk(part: bytes) -> bytes:
    """A part of a body in transfer coding; the empty one ends it."""
    return b"%x\r\n%b\r\n" % (len(part), part)


def _cut(body: bytes, parts: int) -> list[bytes]:
    size = -(-len(body) // parts)
    return [body[start : start + size] for start in range(0, len(body), size)]
