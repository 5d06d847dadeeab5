"""What is sent: posts of random words, as long as those of a real set, no two alike."""

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from evaluation.speed import BANKING77
from model.bundle import TOKENIZER, Bundle
from model.tokenizer import PostTokenizer

POSTS = 256 * 300
"""Enough for half a minute of the largest batches on two cores; then they come again, which no service without a
cache notices."""

_MOST_REQUESTS = 4000


def words_of(bundle: Bundle) -> list[str]:
    """Whole words of the vocabulary, each of which is one token."""
    vocabulary = Tokenizer.from_file(str(bundle.path / TOKENIZER)).get_vocab()
    words = sorted(word for word in vocabulary if word.isascii() and word.isalpha() and word.islower())
    tokenizer = bundle.tokenizer()
    encoded = tokenizer.encode(words)
    return [word for word, post in zip(words, encoded, strict=True) if len(post.ids) == 1 + _special(tokenizer)]


def make_posts(bundle: Bundle, count: int = POSTS) -> list[str]:
    """Distinct posts, the same ones each time; their lengths in tokens are those of BANKING77."""
    random = np.random.default_rng(13)
    words = np.array(words_of(bundle))
    special = _special(bundle.tokenizer())
    lengths = [min(length, bundle.manifest.max_tokens) - special for length in BANKING77]

    def endless() -> Iterator[str]:
        while True:
            for length in random.choice(lengths, 1000):
                yield " ".join(random.choice(words, length))

    found: dict[str, None] = {}
    for post in endless():
        found[post] = None
        if len(found) == count:
            break
    return list(found)


def bodies(posts: Sequence[str], batch: int) -> Iterator[str]:
    """Bodies of requests with `batch` posts each, no post in two of them."""
    for start in islice(range(0, len(posts) - batch + 1, batch), _MOST_REQUESTS):
        texts = [{"text": text} for text in posts[start : start + batch]]
        yield json.dumps(texts[0] if batch == 1 else {"posts": texts})


def write_bodies(posts: Sequence[str], batch: int, folder: Path) -> Path:
    """A file with a body a line."""
    path = folder / f"{batch}.jsonl"
    path.write_text("".join(f"{body}\n" for body in bodies(posts, batch)), encoding="utf-8")
    return path


def _special(tokenizer: PostTokenizer) -> int:
    """Tokens that every post has besides those of its words."""
    [empty] = tokenizer.encode([""])
    return len(empty.ids)
