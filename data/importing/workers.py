"""Rows prepared on several processes, in order, a bounded number ahead."""

import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, get_context, parent_process
from typing import Any

from data.errors import DataError
from data.importing.preparing import Dropped, Preparation, Prepared
from data.tables.rows import BadRow, Row

CHUNK = 1_000
"""Rows that are worked on, and committed, together; fewer where they are long."""

_MOST_CHARACTERS = 4 * 2**20

Outcome = tuple[str, int, Prepared | Dropped]
"""Where a row stands, its source and line, and what became of it."""

Chunk = list[Row | BadRow]

_AHEAD = 3
"""Chunks for each process that wait or are worked on: none is idle, and few rows are in memory."""

_preparation: Preparation
"""Of a worker process."""


def outcomes(rows: Iterable[Row | BadRow], preparation: Preparation, workers: int) -> Iterator[list[Outcome]]:
    """What becomes of rows, at most `CHUNK` at a time, in order.

    Args:
        workers: processes; with one, this process does the work itself.

    Raises:
        DataError: a process was killed, most likely because memory ran out.
    """
    chunks = _chunks(iter(rows))
    if workers == 1:
        yield from (_prepared(chunk, preparation) for chunk in chunks)
        return
    # Spawned, because a fork of a process with threads may hang; each reads the mapping once.
    with ProcessPoolExecutor(workers, get_context("spawn"), _begin, (preparation,)) as pool:
        waiting: deque[Future[list[Outcome]]] = deque()
        try:
            for chunk in chunks:
                waiting.append(pool.submit(_work, chunk))
                if len(waiting) >= workers * _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise DataError(
                "a process of this import was killed, most likely because memory ran out; what is done is kept: give "
                "the same command with fewer --workers"
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def available_workers() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _chunks(rows: Iterator[Row | BadRow]) -> Iterator[Chunk]:
    chunk: Chunk = []
    characters = 0
    for row in rows:
        chunk.append(row)
        characters += _length(row.values) if isinstance(row, Row) else 0
        if len(chunk) == CHUNK or characters > _MOST_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def _length(value: Any) -> int:
    """About how many characters a value holds."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_length, value.values()))
    return sum(map(_length, value)) if isinstance(value, list) else 8


def _prepared(chunk: Chunk, preparation: Preparation) -> list[Outcome]:
    return [(row.source, row.line, preparation(row)) for row in chunk]


def _begin(preparation: Preparation) -> None:
    global _preparation  # noqa: PLW0603  # the one thing that a worker process is for
    _preparation = preparation
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to all; the parent ends its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Or a parent that was killed would leave its workers waiting for ever."""
    parent = parent_process()
    if parent:
        connection.wait([parent.sentinel])
        os._exit(1)


def _work(chunk: Chunk) -> list[Outcome]:
    return _prepared(chunk, _preparation)
