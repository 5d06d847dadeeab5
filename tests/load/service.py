"""The service as a process: started, looked at, stopped."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Self

from api.probe import resident_mb
from data.errors import BundleError

QUEUED = "triage_queued_posts"

_PATIENCE = 60  # seconds until it is ready, until it rests, and until it has ended
_LOOK_EVERY = 0.25  # seconds
_AT_REST = 0.1  # of a CPU
_ADDRESS = re.compile(r"serving \S+ on http://127\.0\.0\.1:(\d+)")


class Service:
    """`triage serve` without a cache, ready when the context begins, ended by SIGTERM with it."""

    def __init__(self, bundle: Path, workers: int | None = None) -> None:
        """
        Args:
            workers: processes; by default the flag is not given.
        """
        self._bundle = bundle
        self._command = [sys.executable, "-m", "api.cli", "serve", "--model", str(bundle)]
        self._command += ["--host", "127.0.0.1", "--port", "0"]
        self._command += ["--workers", str(workers)] if workers else []
        self.port = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._log = stack.enter_context(tempfile.NamedTemporaryFile("w+", prefix="triage-", suffix=".log"))
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="triage-"))
            environment = {**os.environ, "TRIAGE_CACHED_POSTS": "0", "TRIAGE_FEEDBACK": f"{folder}/feedback.db"}
            self._process = subprocess.Popen(
                self._command, stdout=subprocess.DEVNULL, stderr=self._log, env=environment, text=True
            )
            stack.callback(self._stop)
            self._wait()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._stack:
            if error is None:
                self._must_live()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def livez(self) -> str:
        """The address of the sign of life."""
        return f"http://127.0.0.1:{self.port}/livez"

    @property
    def classify(self) -> str:
        """The address that posts are sent to."""
        return f"http://127.0.0.1:{self.port}/classify"

    def resident_mb(self) -> float:
        """Memory of the process and of those that it started."""
        return sum([resident_mb(pid) for pid in _family(self.pid)])

    def cpu_seconds(self) -> float:
        """That the process and those that it started have taken so far."""
        ticks = 0
        for pid in _family(self.pid):
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])  # in user and in system mode
        return ticks / os.sysconf("SC_CLK_TCK")

    def settle(self) -> None:
        """Wait until it rests: it goes on with requests whose client has left, and wrk leaves in the midst of some.

        Raises:
            BundleError: it has ended, or works on and on.
        """
        self._must_live()
        end = time.monotonic() + _PATIENCE
        before, busy = self.cpu_seconds(), True
        while busy:
            if time.monotonic() > end:
                raise self._failure(f"was still busy after {_PATIENCE} s with nothing asked of it")
            time.sleep(_LOOK_EVERY)
            now = self.cpu_seconds()
            before, busy = now, now - before > _AT_REST * _LOOK_EVERY

    def metrics(self) -> dict[str, float]:
        """What `/metrics` says, by name with labels.

        Raises:
            OSError, HTTPException: it was not answered.
        """
        return parse_metrics(self._get("/metrics"))

    def _wait(self) -> None:
        end = time.monotonic() + _PATIENCE
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > end:
                raise self._failure(f"ended, or was not ready within {_PATIENCE} s")
            time.sleep(0.02)

    def _ready(self) -> bool:
        found = _ADDRESS.search(self._written())
        self.port = int(found[1]) if found else 0
        if self.port:
            with suppress(OSError, HTTPException):  # no connection yet, or 503
                return bool(self._get("/readyz"))
        return False

    def _get(self, path: str) -> str:
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=5)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            if answer.status != HTTPStatus.OK:
                raise HTTPException(f"{path} was answered with {answer.status}")
            return answer.read().decode()

    def _stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _must_live(self) -> None:
        if self._process.poll() is not None:
            raise self._failure("ended while it was driven")

    def _failure(self, what: str) -> BundleError:
        return BundleError(f"{self._bundle}: the service {what}:\n{self._written()[-2000:].strip()}")

    def _written(self) -> str:
        return Path(self._log.name).read_text(encoding="utf-8")


@dataclass(slots=True)
class Most:
    """The greatest values that were seen.

    Attributes:
        queued_posts: that the service said it was answering.
        memory_mb: resident.
        missed: looks that the service did not answer.
    """

    queued_posts: float = 0.0
    memory_mb: float = 0.0
    missed: int = 0


@contextmanager
def watching(service: Service) -> Iterator[Most]:
    """Look at the service now and then; the greatest values are whole when the context ends."""
    most, ended = Most(), threading.Event()

    def look() -> None:
        while not ended.wait(_LOOK_EVERY):
            with suppress(OSError, StopIteration):  # it has just ended, which is said elsewhere
                most.memory_mb = max(most.memory_mb, service.resident_mb())
            try:
                most.queued_posts = max(most.queued_posts, total(service.metrics(), QUEUED))
            except (OSError, HTTPException):
                most.missed += 1

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield most
    finally:
        ended.set()
        thread.join()


def parse_metrics(text: str) -> dict[str, float]:
    """Prometheus' text format: values by name with labels."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def total(metrics: Mapping[str, float], name: str) -> float:
    """Of a metric, whatever its labels."""
    return sum(value for labelled, value in metrics.items() if labelled.partition("{")[0] == name)


def _family(pid: int) -> Iterator[int]:
    """A process and all that descend from it."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from _family(int(child))
