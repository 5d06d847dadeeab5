"""Scores posts with onnxruntime, on worker threads that take runs of like length from one queue."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import BundleError
from model.cache import ScoreCache, key_of
from model.cpus import available_cpus
from model.schedule import RunQueue, Waiting
from model.scores import EMBEDDING, Scores
from model.session import open_session
from model.tokenizer import Encoded, PostTokenizer
from model.windows import counts_of, pool, windows_of


@dataclass(frozen=True, slots=True)
class RunReport:
    """One run of the graph.

    Attributes:
        posts, tokens: that it scored, padding not counted; each window of a long post is a post here.
        seconds: that it took.
    """

    posts: int
    tokens: int
    seconds: float


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
        report: Callable[[RunReport], None] = lambda run: None,
    ) -> None:
        """
        Args:
            heads: the names of the graph's outputs besides `embedding`.
            workers: threads; by default one for each CPU that this process may use.
            cached_posts: how many posts' scores are kept; 0 keeps none.
            report: told of each run, on the thread that made it.

        Raises:
            BundleError: onnxruntime cannot load the graph, or its outputs are not those of the heads.
        """
        self.tokenizer = tokenizer
        self.workers = workers or available_cpus()
        self.cache = ScoreCache(cached_posts) if cached_posts else None
        self._report = report
        self._outputs = [*heads, EMBEDDING]
        self._session = open_session(model)
        found = {output.name: output.shape for output in self._session.get_outputs()}
        if set(found) != set(self._outputs):
            raise BundleError(f"{model}: the graph's outputs are {sorted(found)}, expected {sorted(self._outputs)}")
        self._sizes = {name: int(found[name][-1]) for name in self._outputs}
        self._queue: RunQueue[Scoring] = RunQueue(self.workers)
        self._threads = [
            Thread(target=self._work, name=f"engine-{number}", daemon=True) for number in range(self.workers)
        ]
        for thread in self._threads:
            thread.start()

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """Normalise and tokenise posts."""
        return self.tokenizer.encode(texts)

    def submit(self, posts: Sequence[Encoded]) -> "Scoring":
        """Queue posts for scoring and return at once.

        Raises:
            RuntimeError: the engine is closed.
        """
        scoring = Scoring(posts, self._sizes)
        windows = scoring.windows
        wanted = range(len(windows)) if self.cache is None else self._not_cached(scoring, self.cache)
        scoring.expect(wanted)
        self._queue.put(scoring, ((place, len(windows[place])) for place in wanted))
        return scoring

    def score(self, texts: Sequence[str]) -> Scores:
        """Score texts and wait for the answer."""
        return self.submit(self.encode(texts)).result()

    def close(self) -> None:
        """Drop what is queued, wait for the runs under way, end the threads."""
        for scoring in {post.asker for post in self._queue.close()}:
            scoring.cancel()
        for thread in self._threads:
            thread.join()

    def _not_cached(self, scoring: "Scoring", cache: ScoreCache) -> list[int]:
        """Fill in the rows that are known; return the windows to score, one for all of its copies."""
        scoring.keys = [key_of(ids) for ids in scoring.windows]
        for place, key in enumerate(scoring.keys):
            scoring.copies.setdefault(key, []).append(place)
        wanted = []
        for key, copies in scoring.copies.items():
            row = cache.get(key, len(copies))
            if row is None:
                wanted.append(copies[0])
            else:
                scoring.rows[copies] = row
        return wanted

    def _work(self) -> None:
        while run := self._queue.take():
            try:
                self._answer(run)
            except Exception as error:  # noqa: BLE001  # all who wait must hear of it, and the thread lives on
                for scoring in {waiting.asker for waiting in run}:
                    scoring.fail(error)

    def _answer(self, run: list[Waiting["Scoring"]]) -> None:
        by_scoring: defaultdict[Scoring, list[int]] = defaultdict(list)
        for number, waiting in enumerate(run):
            by_scoring[waiting.asker].append(number)
        began = time.perf_counter()
        for scoring in by_scoring:
            scoring.begun = scoring.begun or began
        rows = self._run([waiting.asker.windows[waiting.place] for waiting in run])
        self._report(RunReport(len(run), sum(waiting.tokens for waiting in run), time.perf_counter() - began))
        for scoring, numbers in by_scoring.items():
            scoring.fill([run[number].place for number in numbers], rows[numbers], self.cache)

    def _run(self, windows: Sequence[list[int]]) -> NDArray[np.float32]:
        """`(n_windows, size of all outputs)`."""
        input_ids = np.full((len(windows), max(map(len, windows))), self.tokenizer.pad_id, np.int64)
        attention_mask = np.zeros_like(input_ids)
        for row, ids in enumerate(windows):
            input_ids[row, : len(ids)] = ids
            attention_mask[row, : len(ids)] = 1
        answers = self._session.run(self._outputs, {"input_ids": input_ids, "attention_mask": attention_mask})
        rows: NDArray[np.float32] = np.concatenate(answers, axis=1)
        return rows


class Scoring:
    """Posts that are being scored together. A post has a row for each of its windows; most have one.

    Attributes:
        windows: token ids of each.
        future: of the scores; cancelling it gives up the posts that no worker has begun.
        submitted, begun, ended: when, by `time.perf_counter`; 0.0 where it was not: what is all known is never begun.
        known: posts whose scores were in the cache or are those of copies beside them.
    """

    def __init__(self, posts: Sequence[Encoded], sizes: Mapping[str, int]) -> None:
        """
        Args:
            sizes: columns of each output.
        """
        self.windows = windows_of(posts)
        self.future: Future[Scores] = Future()
        self.submitted = time.perf_counter()
        self.begun = self.ended = 0.0
        self.known = 0
        self.rows = np.empty((len(self.windows), sum(sizes.values())), np.float32)
        self.keys: list[bytes] = []  # with a cache: what each window is found by
        self.copies: dict[bytes, list[int]] = {}  # with a cache: the places that share a key
        arrays, first = {}, 0
        for name, size in sizes.items():
            arrays[name] = self.rows[:, first : first + size]
            first += size
        self._scores = Scores(arrays, arrays.pop(EMBEDDING))
        self._counts = counts_of(posts)
        self._left = 0
        self._lock = Lock()

    def expect(self, places: Sequence[int]) -> None:
        """These windows are to be scored."""
        self._left = len(places)
        if len(self._counts) == len(self.windows):
            self.known = len(self._counts) - len(places)
        else:
            owners = np.repeat(np.arange(len(self._counts)), self._counts)
            self.known = len(self._counts) - len(np.unique(owners[list(places)]))
        if not places:
            self._succeed()

    def fill(self, places: list[int], rows: NDArray[np.float32], cache: ScoreCache | None) -> None:
        """Take in what a run has scored."""
        self.rows[places] = rows
        if cache is not None:
            for place, row in zip(places, rows, strict=True):
                key = self.keys[place]
                self.rows[self.copies[key]] = row
                cache.put(key, row)
        with self._lock:
            self._left -= len(places)
            whole = self._left == 0
        if whole:
            self._succeed()

    def fail(self, error: Exception) -> None:
        """Let whoever waits know."""
        self._end(self.future.set_exception, error)

    def done(self) -> bool:
        """Whether it was answered, failed or given up."""
        return self.future.done()

    def cancel(self) -> None:
        """Give up the posts that no worker has begun."""
        self.future.cancel()

    def result(self) -> Scores:
        """Wait for all posts.

        Raises:
            CancelledError: it was given up.
            Exception: whatever a run raised.
        """
        return self.future.result()

    def _succeed(self) -> None:
        self._end(self.future.set_result, pool(self._scores, self._counts))

    def _end(self, how: Callable[[Any], None], value: Any) -> None:
        with self._lock:
            # A future that is running cannot be cancelled any more, so that nobody sets what another has given up.
            if not self.future.done() and self.future.set_running_or_notify_cancel():
                self.ended = time.perf_counter()
                how(value)
