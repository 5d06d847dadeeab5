"""What the posts looked like on which a model was calibrated, in numbers: what recent posts are held against."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from data.errors import BundleError
from data.files import whole_file
from model.engine import Engine
from model.scores import EMBEDDING, Scores

MOST_POSTS = 2_000
"""Beyond these the noise of the recent posts counts for more, and each thousand is another megabyte in the bundle."""

_SEED = 13
_LOGITS = "logits."
_TOKENS = "tokens"


@dataclass(frozen=True, slots=True)
class ReferencePosts:
    """Posts as one model sees them, without their texts.

    Attributes:
        scores: their raw scores.
        tokens: `(n_posts,)`, their lengths.
    """

    scores: Scores
    tokens: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.tokens)

    def draw(self, most: int = MOST_POSTS) -> "ReferencePosts":
        """At most so many of them, the same ones every time, in an order that tells nothing of their files."""
        rows = drawn_rows(len(self), most)
        logits = {name: values[rows] for name, values in self.scores.logits.items()}
        return ReferencePosts(Scores(logits, self.scores.embedding[rows]), self.tokens[rows])

    def write(self, path: Path) -> None:
        """Write them as .npz, embeddings in half precision."""
        arrays: dict[str, NDArray[Any]] = {f"{_LOGITS}{name}": rows for name, rows in self.scores.logits.items()}
        arrays |= {EMBEDDING: self.scores.embedding.astype(np.float16), _TOKENS: self.tokens}
        with whole_file(path) as temporary, temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)

    @classmethod
    def read(cls, path: Path) -> "ReferencePosts":
        """Read what `write` wrote.

        Raises:
            BundleError: it is not that.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                logits = {name.removeprefix(_LOGITS): arrays[name] for name in arrays if name.startswith(_LOGITS)}
                return cls(Scores(logits, arrays[EMBEDDING].astype(np.float32)), arrays[_TOKENS])
        except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
            raise BundleError(f"{path}: not what a model's calibration posts looked like; train it anew") from error


def scored(engine: Engine, texts: Sequence[str]) -> ReferencePosts:
    """Texts as a model sees them."""
    posts = engine.encode(texts)
    return ReferencePosts(engine.submit(posts).result(), np.array([post.tokens for post in posts], np.int64))


def drawn_rows(posts: int, most: int = MOST_POSTS) -> NDArray[np.int64]:
    """At most so many of the places of all posts, at random, the same ones every time."""
    return np.random.default_rng(_SEED).permutation(posts)[:most]
