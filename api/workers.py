"""Several processes that serve one socket; one that dies is replaced."""

import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from prometheus_client.multiprocess import mark_process_dead

from api.logs import configure_logging
from api.server import Serving, serve
from api.telemetry import MULTIPROCESS_FOLDER
from data.errors import BundleError, TriageError

log = logging.getLogger("triage")

_CANNOT_SERVE = 3
"""Exit status of a worker that would fail again in the same way."""

_LEAST_SECONDS = 1.0  # between two starts in the place of one worker, so that one that dies at once costs little


def serve_with_workers(serving: Serving) -> None:
    """Serve with `settings.workers` processes until SIGTERM or SIGINT; then let them drain, and return.

    Raises:
        BundleError: a worker could not begin to serve; it has said why.
    """
    configure_logging(serving.settings.log_format)
    metrics = serving.shared / "metrics"
    metrics.mkdir()
    os.environ[MULTIPROCESS_FOLDER] = str(metrics)  # read by prometheus_client when a worker imports it
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    # Spawned, not forked: a fork would share locks and threads of libraries.
    context = multiprocessing.get_context("spawn")
    workers: dict[SpawnProcess, float] = {}

    def start() -> None:
        worker = context.Process(target=_work, args=(serving,))
        worker.start()
        workers[worker] = time.monotonic()

    for _ in range(serving.settings.workers):
        start()
    failed = False
    while not (stopping.is_set() or failed):
        wait([worker.sentinel for worker in workers], timeout=0.2)
        for worker in [worker for worker in workers if not worker.is_alive()]:
            began = workers.pop(worker)
            _forget(worker, metrics)
            failed |= worker.exitcode == _CANNOT_SERVE
            if not failed and not stopping.is_set():
                log.error("worker %d ended with status %s; another takes its place", worker.pid, worker.exitcode)
                stopping.wait(max(0.0, began + _LEAST_SECONDS - time.monotonic()))
                start()
    serving.listener.close()  # or connections would go on being taken in, and nobody would answer them
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.join()
    if failed:
        raise BundleError("a worker could not begin to serve; its own message above says why")


def _forget(worker: SpawnProcess, metrics: Path) -> None:
    """What a dead worker counted stays counted; what it held, it holds no longer."""
    mark_process_dead(worker.pid, path=str(metrics))  # type: ignore[no-untyped-call]  # the library has no types here


def _work(serving: Serving) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        serve(serving)
    except TriageError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201  # there is no command line around a worker
        sys.exit(_CANNOT_SERVE)


def _end_with_parent() -> None:
    """Without the parent nobody would stop or replace this process."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
