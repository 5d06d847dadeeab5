"""Scores posts with onnxruntime: runs of like length, on worker threads, in the order in which they were asked."""

import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from data.errors import BundleError
from model.scores import EMBEDDING, Scores
from model.tokenizer import Encoded, PostTokenizer

RUN_TOKENS = 128
"""Tokens of one run, padding included: about eight short posts fill a core; more only make others wait longer."""


class Engine:
    """One model in memory. Every method may be called from any thread.

    Two threads with one intra-op thread each beat one run on two threads, so parallelism is between runs.
    """

    def __init__(self, model: Path, tokenizer: PostTokenizer, heads: Sequence[str], workers: int | None = None) -> None:
        """
        Args:
            heads: the names of the graph's outputs besides `embedding`.
            workers: threads; by default one for each CPU that this process may use.

        Raises:
            BundleError: onnxruntime cannot load the graph, or its outputs are not those of the heads.
        """
        self.tokenizer = tokenizer
        self.workers = workers or available_cpus()
        self._outputs = [*heads, EMBEDDING]
        self._session = _session(model)
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
        arrays = {name: np.empty((len(posts), size), np.float32) for name, size in self._sizes.items()}
        futures = [self._threads.submit(self._run, posts, run, arrays) for run in plan_runs(posts)]
        logits = {name: array for name, array in arrays.items() if name != EMBEDDING}
        return Scoring(Scores(logits, arrays[EMBEDDING]), futures)

    def score(self, texts: Sequence[str]) -> Scores:
        """Score texts and wait for the answer."""
        return self.submit(self.encode(texts)).result()

    def close(self) -> None:
        """Drop what is queued, wait for the runs under way, end the threads."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _run(self, posts: Sequence[Encoded], run: list[int], arrays: dict[str, NDArray[np.float32]]) -> None:
        input_ids = np.full((len(run), max(len(posts[index].ids) for index in run)), self.tokenizer.pad_id, np.int64)
        attention_mask = np.zeros_like(input_ids)
        for row, index in enumerate(run):
            length = len(posts[index].ids)
            input_ids[row, :length] = posts[index].ids
            attention_mask[row, :length] = 1
        answers = self._session.run(self._outputs, {"input_ids": input_ids, "attention_mask": attention_mask})
        for name, answer in zip(self._outputs, answers, strict=True):
            arrays[name][run] = answer


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


def plan_runs(posts: Sequence[Encoded], run_tokens: int = RUN_TOKENS) -> list[list[int]]:
    """Deal posts into runs of like length, because padding is what costs.

    Returns:
        The indices of the posts of each run. A run has at most `run_tokens` tokens with its padding, or one post.
    """
    runs: list[list[int]] = []
    for index in sorted(range(len(posts)), key=lambda index: len(posts[index].ids)):
        # Lengths ascend, so this post sets the width of the run that it joins.
        if runs and (len(runs[-1]) + 1) * len(posts[index].ids) <= run_tokens:
            runs[-1].append(index)
        else:
            runs.append([index])
    return runs


def available_cpus() -> int:
    """CPUs that this process may run on, which in a container are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _session(model: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only: warnings about the graph are the exporter's to judge
    try:
        return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own exceptions share no narrower base
        raise BundleError(f"{model}: onnxruntime cannot load the graph: {error}") from error
