"""Scores of posts that were seen before: copies and retweets cost nothing.

Correct because a post's scores depend on nothing but its tokens and the model; a cache belongs to one engine, and so to
one model. Of a long post each window is kept by itself (`model.windows`), as if it were a post.
"""

from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b
from threading import Lock

import numpy as np
from numpy.typing import NDArray


class ScoreCache:
    """The least recently used give way. May be called from any thread. Holds hashes and scores, never a text.

    Attributes:
        hits, misses: how many posts cost nothing and how many had to be scored.
    """

    def __init__(self, posts: int) -> None:
        """
        Args:
            posts: how many it holds; one takes about two kilobytes.
        """
        self._posts = posts
        self._rows: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()
        self._lock = Lock()
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, key: bytes, copies: int = 1) -> NDArray[np.float32] | None:
        """The row of a post, or `None`.

        Args:
            copies: how many posts it answers; where it is not known, all but the first will be hits.
        """
        with self._lock:
            row = self._rows.get(key)
            if row is None:
                self.misses += 1
                self.hits += copies - 1
                return None
            self.hits += copies
            self._rows.move_to_end(key)
            return row

    def put(self, key: bytes, row: NDArray[np.float32]) -> None:
        """Keep a row, which is copied."""
        with self._lock:
            self._rows[key] = row.copy()
            self._rows.move_to_end(key)
            if len(self._rows) > self._posts:
                self._rows.popitem(last=False)


def key_of(ids: Sequence[int]) -> bytes:
    """A hash of what the network reads at once, 16 bytes."""
    return blake2b(np.array(ids, np.int32).tobytes(), digest_size=16).digest()
