"""Traffic made by wrk, and what wrk tells of it."""

import json
import math
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import ConfigurationError, TriageError

SCRIPT = Path(__file__).with_name("requests.lua")

LEAD = 1  # seconds that a load in the background has before the one in front of it
_PATIENCE = 30  # seconds that a run may take longer than it was told to
_TOGETHER = 4  # answers to large batches, which come from so many connections, often come at once
_TIMEOUT = 20  # seconds until wrk counts an answer as a timeout


class WrkError(TriageError):
    """wrk ended without a result."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent.

    Attributes:
        connections: a multiple of `threads`.
        seconds: of sending; without a `rate`, whole ones.
        bodies: file with the body of a request a line; `None` sends GETs.
        threads: of wrk.
        rate: requests a second, sent on schedule whatever comes back; `None`: each connection sends its next request
            when it has its answer.
        patience: seconds after the last request in which answers are still waited for.
        deadline_ms: sent with each request.
        watched: keep the status and the time of each answer, which costs wrk the parsing of all headers.
    """

    connections: int
    seconds: float
    bodies: Path | None = None
    threads: int = 1
    rate: float | None = None
    patience: float = 0
    deadline_ms: int | None = None
    watched: bool = False

    @property
    def lasts(self) -> int:
        """Seconds that wrk runs, which knows whole ones only."""
        return math.ceil(self.seconds + self.patience)

    def command(self, url: str) -> list[str]:
        """The command line."""
        given = {
            "threads": self.threads,
            "seconds": self.seconds,
            "bodies": self.bodies,
            "deadline": self.deadline_ms,
            "interval": self.rate and self.threads / self.rate,
            "watched": int(self.watched) or None,
        }
        sizes = {"--connections": self.connections, "--threads": self.threads}
        times = {"--duration": f"{self.lasts}s", "--timeout": f"{_TIMEOUT}s"}
        flags = [part for name, value in {**sizes, **times}.items() for part in (name, str(value))]
        arguments = [f"{name}={value}" for name, value in given.items() if value is not None]
        return [find_wrk(), *flags, "--script", str(SCRIPT), url, "--", *arguments]


@dataclass(frozen=True, slots=True)
class Answer:
    """To one request.

    Attributes:
        at: when it came, in seconds of the monotonic clock.
        took: seconds; `None` where the server did not say what it answered.
    """

    status: int
    at: float
    took: float | None


@dataclass(frozen=True, slots=True)
class Traffic:
    """What came of a load. Times are seconds of the monotonic clock.

    Attributes:
        sent: when each request was, in order.
        completed: when each answer came, in order.
        answers: of a watched load.
        refused: answers with a status above 399.
        broken: connections that failed, and answers that came too late for wrk.
        cpu_seconds: that wrk itself took.
    """

    sent: list[float]
    completed: list[float]
    answers: list[Answer]
    answered: int
    refused: int
    broken: int
    cpu_seconds: float

    @property
    def failed(self) -> int:
        return self.refused + self.broken

    def took_ms(self, *statuses: int) -> list[float]:
        """Milliseconds of the answers with these statuses; of all answers without any."""
        return [
            1000 * answer.took
            for answer in self.answers
            if answer.took is not None and (not statuses or answer.status in statuses)
        ]


def find_wrk() -> str:
    """The path of wrk.

    Raises:
        ConfigurationError: it is not installed.
    """
    found = shutil.which("wrk")
    if found is None:
        raise ConfigurationError("wrk is not installed; install Debian's package: apt-get install wrk")
    return found


def drive(url: str, load: Load) -> Traffic:
    """Send a load, and return when wrk has ended.

    Raises:
        WrkError: it ended without a result.
    """
    return _result(_start(url, load), load)


def drive_beside(background_url: str, background: Load, url: str, load: Load) -> tuple[Traffic, Traffic]:
    """Send a load while another one, which must last longer, keeps the service busy.

    Returns:
        What came of `background` and of `load`.

    Raises:
        WrkError: wrk ended without a result.
    """
    process = _start(background_url, background)
    try:
        time.sleep(LEAD)
        traffic = drive(url, load)
    except BaseException:
        process.kill()
        process.communicate()
        raise
    return _result(process, background), traffic


def parse(output: str, load: Load) -> Traffic:
    """Read what wrk printed.

    Raises:
        WrkError: there is no result in it.
    """
    last = output.rstrip().rpartition("\n")[2]
    if not last.startswith("{"):
        raise WrkError(f"wrk gave no result: {output[-1000:].strip() or 'it printed nothing'}")
    plain = json.loads(last)
    answers = [
        Answer(status, at, at - thread["sent"][number - 1] if number else None)
        for thread in plain["threads"]
        for number, at, status in thread["answers"]
    ]
    return Traffic(
        sent=sorted(time for thread in plain["threads"] for time in thread["sent"]),
        completed=sorted(answer.at for answer in answers) if load.watched else _completed(plain, load),
        answers=answers,
        answered=plain["answered"],
        refused=plain["refused"],
        broken=plain["broken"],
        cpu_seconds=plain["cpu_seconds"],
    )


def rate(times: Sequence[float]) -> float:
    """Events a second, from the mean time of the first eighth of them to that of the last.

    A count over the time would miss the requests under way at the end, which are a large part of a short run of large
    batches.

    Args:
        times: in order.
    """
    edge = min(_TOGETHER * math.ceil(len(times) / 8 / _TOGETHER), len(times) // 2)
    if not edge or times[0] == times[-1]:
        return 0.0
    return (len(times) - edge) / float(np.mean(times[-edge:]) - np.mean(times[:edge]))


def percentile(values: Sequence[float], share: float) -> float:
    """Not a number where there are no values."""
    return float(np.percentile(values, share)) if values else math.nan


def _completed(plain: Any, load: Load) -> list[float]:
    """A connection sends again at once: every request but its first stands for an answer."""
    own = load.connections // load.threads
    return sorted(time for thread in plain["threads"] for time in thread["sent"][own:])


def _start(url: str, load: Load) -> subprocess.Popen[str]:
    return subprocess.Popen(load.command(url), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _result(process: subprocess.Popen[str], load: Load) -> Traffic:
    with process:
        try:
            output, _ = process.communicate(timeout=load.lasts + _PATIENCE)
        except subprocess.TimeoutExpired as error:
            raise WrkError(f"wrk was to run for {load.lasts} s, and had not ended {_PATIENCE} s later") from error
        finally:
            process.kill()  # which does nothing where it has ended
    return parse(output, load)
