"""Scores posts with onnxruntime: runs of like length, on worker threads, in the order in which they were asked."""

from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.errors import BundleError
from model.cache import ScoreCache, key_of
from model.cpus import available_cpus
from model.scores import EMBEDDING, Scores
from model.session import open_session
from model.tokenizer import Encoded, PostTokenizer

RUN_TOKENS = 256
"""Most tokens of one run, padding included: fewer read the weights too often, more leave the core's own cache."""

LEAST_RUN_TOKENS = 64
"""A batch is not cut finer than this to keep every worker busy: small runs cost more a token."""


class Engine:
    """One model in memory. Every method may be called from any thread.

    Two threads with one intra-op thread each beat one run on two threads, so parallelism is between runs.

    Attributes:
        cache: of the scores of earlier posts, or `None`.
    """

    def __init__(
        self,
        model: Path,
        tokenizer: PostTokenizer,
        heads: Sequence[str],
        workers: int | None = None,
        cached_posts: int = 0,
    ) -> None:
        """
        Args:
            heads: the names of the graph's outputs besides `embedding`.
            workers: threads; by default one for each CPU that this process may use.
            cached_posts: how many posts' scores are kept; 0 keeps none.

        Raises:
            BundleError: onnxruntime cannot load the graph, or its outputs are not those of the heads.
        """
        self.tokenizer = tokenizer
        self.workers = workers or available_cpus()
        self.cache = ScoreCache(cached_posts) if cached_posts else None
        self._outputs = [*heads, EMBEDDING]
        self._session = open_session(model)
        found = {output.name: output.shape for output in self._session.get_outputs()}
        if set(found) != set(self._outputs):
            raise BundleError(f"{model}: the graph's outputs are {sorted(found)}, expected {sorted(self._outputs)}")
        self._sizes = {name: int(found[name][-1]) for name in self._outputs}
        self._threads = ThreadPoolExecutor(self.workers, thread_name_prefix="engine")

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """Normalise and tokenise posts."""
        return self.tokenizer.encode(texts)

    def submit(self, posts: Sequence[Encoded]) -> "Scoring":
        """Queue posts for scoring and return at once."""
        batch = _Batch(posts, np.empty((len(posts), sum(self._sizes.values())), np.float32))
        wanted = range(len(posts)) if self.cache is None else self._not_cached(batch, self.cache)
        run_tokens = share_of_worker((len(posts[index].ids) for index in wanted), self.workers)
        futures = [self._threads.submit(self._run, batch, run) for run in plan_runs(posts, wanted, run_tokens)]
        columns = np.split(batch.rows, np.cumsum(list(self._sizes.values()))[:-1], axis=1)
        arrays = dict(zip(self._sizes, columns, strict=True))
        return Scoring(Scores(arrays, arrays.pop(EMBEDDING)), futures)

    def score(self, texts: Sequence[str]) -> Scores:
        """Score texts and wait for the answer."""
        return self.submit(self.encode(texts)).result()

    def close(self) -> None:
        """Drop what is queued, wait for the runs under way, end the threads."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _not_cached(self, batch: "_Batch", cache: ScoreCache) -> list[int]:
        """Fill in the rows that are known; return the posts to score, one for all of its copies in the batch."""
        batch.keys = [key_of(post) for post in batch.posts]
        for index, key in enumerate(batch.keys):
            batch.copies.setdefault(key, []).append(index)
        wanted = []
        for key, copies in batch.copies.items():
            row = cache.get(key, len(copies))
            if row is None:
                wanted.append(copies[0])
            else:
                batch.rows[copies] = row
        return wanted

    def _run(self, batch: "_Batch", run: list[int]) -> None:
        posts = [batch.posts[index] for index in run]
        input_ids = np.full((len(run), max(len(post.ids) for post in posts)), self.tokenizer.pad_id, np.int64)
        attention_mask = np.zeros_like(input_ids)
        for row, post in enumerate(posts):
            input_ids[row, : len(post.ids)] = post.ids
            attention_mask[row, : len(post.ids)] = 1
        answers = self._session.run(self._outputs, {"input_ids": input_ids, "attention_mask": attention_mask})
        batch.rows[run] = np.concatenate(answers, axis=1)
        if self.cache is not None:
            for index in run:
                key = batch.keys[index]
                batch.rows[batch.copies[key]] = batch.rows[index]
                self.cache.put(key, batch.rows[index])


@dataclass(slots=True)
class _Batch:
    """Posts that are scored together.

    Attributes:
        rows: `(n_posts, size of all outputs)`, filled by the runs.
        keys: with a cache, what each post is found by.
        copies: with a cache, the places in the batch that share a key.
    """

    posts: Sequence[Encoded]
    rows: NDArray[np.float32]
    keys: list[bytes] = field(default_factory=list)
    copies: dict[bytes, list[int]] = field(default_factory=dict)


class Scoring:
    """Posts that are being scored."""

    def __init__(self, scores: Scores, futures: list["Future[None]"]) -> None:
        self.futures = futures
        """One for each run; the scores are whole when all are done."""
        self.scores = scores

    def result(self) -> Scores:
        """Wait for all runs.

        Raises:
            Exception: whatever a run raised.
        """
        for future in self.futures:
            future.result()
        return self.scores

    def cancel(self) -> None:
        """Give up the runs that have not begun."""
        for future in self.futures:
            future.cancel()


def share_of_worker(lengths: Iterable[int], workers: int) -> int:
    """Tokens of a run such that a small batch still keeps every worker busy."""
    return min(RUN_TOKENS, max(LEAST_RUN_TOKENS, ceil(sum(lengths) / workers)))


def plan_runs(
    posts: Sequence[Encoded], wanted: Iterable[int] | None = None, run_tokens: int = RUN_TOKENS
) -> list[list[int]]:
    """Deal posts into runs of like length, because padding is what costs.

    Args:
        wanted: the indices of the posts to deal out; by default all.

    Returns:
        The indices of the posts of each run. A run has at most `run_tokens` tokens with its padding, or one post.
    """
    runs: list[list[int]] = []
    for index in sorted(range(len(posts)) if wanted is None else wanted, key=lambda index: len(posts[index].ids)):
        # Lengths ascend, so this post sets the width of the run that it joins.
        if runs and (len(runs[-1]) + 1) * len(posts[index].ids) <= run_tokens:
            runs[-1].append(index)
        else:
            runs.append([index])
    return runs
