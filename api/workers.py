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
from multiprocessing.synchronize import Event
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
_MOST_SECONDS = 30.0  # where one after the other could not begin to serve


def serve_with_workers(serving: Serving) -> None:
    """Serve with `settings.workers` processes until SIGTERM or SIGINT; then let them drain, and return.

    Raises:
        BundleError: a worker could not begin to serve, and none had before; it has said why.
    """
    configure_logging(serving.settings.log_format)
    metrics = serving.shared / "metrics"
    _make_folder(metrics)
    os.environ[MULTIPROCESS_FOLDER] = str(metrics)  # read by prometheus_client when a worker imports it
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    # Spawned, not forked: a fork would share locks and threads of libraries.
    context = multiprocessing.get_context("spawn")
    served = context.Event()
    workers: dict[SpawnProcess, float] = {}
    due = [time.monotonic()] * serving.settings.workers  # when those that are missing are to begin
    failures = 0  # one after the other
    failed = False
    while not (stopping.is_set() or failed):
        while due and min(due) <= time.monotonic():
            due.remove(min(due))
            _make_folder(metrics)
            worker = context.Process(target=_work, args=(serving, served))
            worker.start()
            workers[worker] = time.monotonic()
        wait([worker.sentinel for worker in workers], timeout=0.2)
        for worker in [worker for worker in workers if not worker.is_alive()]:
            began = workers.pop(worker)
            _forget(worker, metrics)
            failures = failures + 1 if worker.exitcode == _CANNOT_SERVE else 0
            # What ails this one may pass, and need not ail those that serve.
            failed |= failures > 0 and not served.is_set()
            if not failed and not stopping.is_set():
                pause = min(_LEAST_SECONDS * 2**failures, _MOST_SECONDS)
                log.error("worker %d ended with status %s; another takes its place", worker.pid, worker.exitcode)
                due.append(began + pause)
    serving.listener.close()  # or connections would go on being taken in, and nobody would answer them
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.join()
    if failed:
        raise BundleError("a worker could not begin to serve; its own message above says why")


def _make_folder(metrics: Path) -> None:
    metrics.mkdir(mode=0o700, parents=True, exist_ok=True)  # if need be again: somebody may have tidied up


def _forget(worker: SpawnProcess, metrics: Path) -> None:
    """What a dead worker counted stays counted; what it held, it holds no longer."""
    mark_process_dead(worker.pid, path=str(metrics))  # type: ignore[no-untyped-call]  # the library has no types here


def _work(serving: Serving, served: Event) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        serve(serving, on_ready=served.set)
    except TriageError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201  # there is no command line around a worker
        sys.exit(_CANNOT_SERVE)


def _end_with_parent() -> None:
    """Without the parent nobody would stop or replace this process."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
