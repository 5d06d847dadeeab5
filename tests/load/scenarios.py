"""What is measured: what the service loses against the engine alone, and how it behaves when too much is asked of it.

Every round starts the service anew, and measures the engine alone and each scenario once, so that what disturbs one
disturbs the others too. Shares are of the figures of the same round.
"""

import math
import resource
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from evaluation.speed import spread
from model.bundle import Bundle
from tests.load.posts import make_posts, write_bodies
from tests.load.raw import Raw, measure_raw
from tests.load.service import Service, watching
from tests.load.wrk import LEAD, Load, Traffic, WrkError, drive, drive_beside, percentile, rate

BATCHES = (1, 32, 256)
DEADLINE_MS = 2000

_RAW_POSTS = 8192
_TIMES_CAPACITY = 4
_THREADS = 4  # of wrk, where it must keep a schedule
_SECONDS_OF_CONNECTIONS = 2.2  # a request is over when its deadline is, so that many seconds' worth are never all open
_MARGIN = 0.5  # seconds; with it no connection is idle for 5 s, after which uvicorn closes it
_SETTLED = 2.0  # seconds between the last answer of an overload and the lone client after it
_HEALTH_CHECKS = 50.0  # a second
_WARM_UP = 1  # seconds
_SPARE_FILES = 100  # descriptors that a process needs besides those of its connections

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Bar:
    """What the median of a figure should reach.

    Attributes:
        least: the figure should be no less than the limit; otherwise no more.
    """

    limit: float
    least: bool = False

    def met(self, value: float) -> bool:
        return value >= self.limit if self.least else value <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.least else '≤'} {self.limit:g}"


BARS: Mapping[str, Mapping[str, Bar]] = {
    "throughput": {
        "4x256_share_of_raw": Bar(0.92, least=True),
        "4x32_share_of_raw": Bar(0.85, least=True),
        "64x1_share_of_raw": Bar(0.70, least=True),
        "1x1_excess_ms": Bar(1.2),
        **{f"{name}_failed": Bar(0) for name in ("4x256", "4x32", "64x1", "1x1")},
    },
    "overload": {
        "goodput_share_of_capacity": Bar(0.90, least=True),
        "memory_growth": Bar(1.5),
        "lone_after_against_before": Bar(1.1),
    },
    "overload64": {"goodput_share_of_capacity": Bar(0.55, least=True)},
    "fairness": {"p99_excess_ms": Bar(40), "lone_failed": Bar(0), "bulk_failed": Bar(0)},
    "health": {"livez_max_ms": Bar(100), "livez_failed": Bar(0), "bulk_failed": Bar(0)},
}


@dataclass
class Round:
    """One round: the service, what is sent to it, and what several scenarios share.

    Attributes:
        bodies: files by the number of posts in a request.
        idle_mb: memory of the service before anything was asked of it.
    """

    service: Service
    bodies: Mapping[int, Path]
    raw: Raw
    idle_mb: float
    seconds: int

    def closed(self, connections: int, batch: int, *, watched: bool = False, deadline_ms: int | None = None) -> Load:
        """Connections that each send their next request when they have their answer."""
        return Load(connections, self.seconds, self.bodies[batch], watched=watched, deadline_ms=deadline_ms)

    def drive(self, load: Load) -> Traffic:
        """Send posts to a service that rests."""
        self.service.settle()
        return drive(self.service.classify, load)

    def drive_busy(self, url: str, load: Load) -> tuple[Traffic, Traffic]:
        """Send a load to a service that large batches keep busy; returns what came of those, and of the load."""
        self.service.settle()
        bulk = Load(4, LEAD + self.seconds + 1, self.bodies[256], watched=True)
        return drive_beside(self.service.classify, bulk, url, load)

    def lone(self) -> Load:
        """One connection with one post at a time."""
        return self.closed(1, 1, watched=True)

    @cached_property
    def batches_of_32(self) -> Traffic:
        return self.drive(self.closed(4, 32))

    @property
    def capacity(self) -> float:
        """Posts a second that the service answers when it is asked for no more than it can do.

        Raises:
            WrkError: it answered none.
        """
        found = posts_per_second(self.batches_of_32, 32)
        if not found:
            raise WrkError(f"{self.seconds} s were too few for the service to answer batches of 32 posts")
        return found


def raw(turn: Round) -> Figures:
    """The engine alone."""
    return {"posts_per_second": turn.raw.posts_per_second, "alone_ms": turn.raw.alone_ms}


def throughput(turn: Round) -> Figures:
    """What HTTP leaves of the engine's rate, and adds to the time of a lone post."""
    traffics = {
        (4, 256): turn.drive(turn.closed(4, 256)),
        (4, 32): turn.batches_of_32,
        (64, 1): turn.drive(turn.closed(64, 1)),
    }
    figures: Figures = {}
    for (connections, batch), traffic in traffics.items():
        name = f"{connections}x{batch}"
        figures[f"{name}_posts_per_second"] = posts_per_second(traffic, batch)
        figures[f"{name}_share_of_raw"] = posts_per_second(traffic, batch) / turn.raw.posts_per_second
        figures[f"{name}_failed"] = traffic.failed
        figures[f"{name}_cores_of_wrk"] = traffic.cpu_seconds / turn.seconds
    lone = turn.drive(turn.lone())
    figures["1x1_p50_ms"] = percentile(lone.took_ms(200), 50)
    figures["1x1_excess_ms"] = figures["1x1_p50_ms"] - turn.raw.alone_ms
    figures["1x1_failed"] = lone.failed
    return figures


def overload(turn: Round) -> Figures:
    """Four times the capacity in batches of 32, on schedule, and what a lone client notices of it afterwards."""
    offered = _TIMES_CAPACITY * turn.capacity
    before = percentile(turn.drive(turn.lone()).took_ms(200), 50)
    load = Load(
        connections=_connections(offered / 32),
        seconds=turn.seconds - _MARGIN,
        bodies=turn.bodies[32],
        threads=_THREADS,
        rate=offered / 32,
        patience=DEADLINE_MS / 1000 + _MARGIN,
        deadline_ms=DEADLINE_MS,
        watched=True,
    )
    turn.service.settle()
    with watching(turn.service) as most:
        traffic = drive(turn.service.classify, load)
    last = max(traffic.completed, default=0.0)
    time.sleep(max(0.0, last + _SETTLED - time.monotonic()))
    after = percentile(drive(turn.service.classify, turn.lone()).took_ms(200), 50)  # whether it rests by now or not
    counts = {status: len(traffic.took_ms(status)) for status in (200, 429, 504)}
    steady = answered_in(traffic, load.seconds / 4, load.seconds)
    sent = 32 * len(traffic.sent) / load.seconds
    return {
        "offered_posts_per_second": sent,
        "offered_share_of_schedule": sent / offered,
        "connections": load.connections,
        "goodput_share_of_capacity": 32 * rate(steady) / turn.capacity,
        "accepted": counts[200],
        "accepted_p50_ms": percentile(traffic.took_ms(200), 50),
        "accepted_p99_ms": percentile(traffic.took_ms(200), 99),
        "refused_429": counts[429],
        "refused_p50_ms": percentile(traffic.took_ms(429), 50),
        "refused_p99_ms": percentile(traffic.took_ms(429), 99),
        "late_504": counts[504],
        "other_answers": len(traffic.answers) - sum(counts.values()),
        "unanswered": len(traffic.sent) - len(traffic.answers),
        "broken": traffic.broken,
        "queued_posts_at_most": most.queued_posts,
        "metrics_missed": most.missed,
        "cores_of_wrk": traffic.cpu_seconds / load.lasts,
        "memory_mb_idle": turn.idle_mb,
        "memory_mb_at_most": most.memory_mb,
        "memory_growth": most.memory_mb / turn.idle_mb,
        "lone_p50_ms_before": before,
        "lone_p50_ms_after": after,
        "lone_after_against_before": after / before,
    }


def overload64(turn: Round) -> Figures:
    """64 connections of single posts, as fast as they can."""
    traffic = turn.drive(turn.closed(64, 1, deadline_ms=DEADLINE_MS))
    return {
        "goodput_posts_per_second": posts_per_second(traffic, 1),
        "goodput_share_of_capacity": posts_per_second(traffic, 1) / turn.capacity,
        "failed": traffic.failed,
    }


def fairness(turn: Round) -> Figures:
    """What a lone client notices of large batches."""
    idle = turn.drive(turn.lone())
    bulk, busy = turn.drive_busy(turn.service.classify, turn.lone())
    idle_p99, busy_p99 = (percentile(traffic.took_ms(200), 99) for traffic in (idle, busy))
    return {
        "p50_ms_idle": percentile(idle.took_ms(200), 50),
        "p50_ms_busy": percentile(busy.took_ms(200), 50),
        "p99_ms_idle": idle_p99,
        "p99_ms_busy": busy_p99,
        "p99_excess_ms": busy_p99 - idle_p99,
        "lone_failed": idle.failed + busy.failed,
        "bulk_failed": bulk.failed,
        "bulk_posts_per_second": posts_per_second(bulk, 256),
    }


def health(turn: Round) -> Figures:
    """Whether the service says that it is alive while it works on large batches."""
    # On schedule: asked as fast as it answers, it would be busy with little else, and an answer that takes long would
    # stand for all those that were not asked for meanwhile.
    checks = Load(8, turn.seconds, rate=_HEALTH_CHECKS, patience=1, watched=True)
    bulk, traffic = turn.drive_busy(turn.service.livez, checks)
    took = traffic.took_ms(200)
    return {
        "livez_checks": len(took),
        "livez_p50_ms": percentile(took, 50),
        "livez_p99_ms": percentile(took, 99),
        "livez_max_ms": max(took, default=math.nan),
        "livez_failed": traffic.failed + len(traffic.sent) - len(traffic.answers),
        "bulk_failed": bulk.failed,
    }


SCENARIOS: Mapping[str, Callable[[Round], Figures]] = {
    "raw": raw,
    "throughput": throughput,
    "overload": overload,
    "overload64": overload64,
    "fairness": fairness,
    "health": health,
}


def measure(
    bundle: Bundle,
    names: Sequence[str],
    rounds: int,
    seconds: int,
    workers: int | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Measure scenarios in rounds, and the engine alone in each of them.

    Args:
        names: of the scenarios; `raw` is always measured.
        seconds: that each load lasts.
        workers: passed to the service.
        report: told what is being measured.

    Returns:
        By scenario and figure the median, the least, the greatest and the value of each round.
    """
    measured: list[dict[str, Figures]] = []
    with tempfile.TemporaryDirectory() as folder:
        posts = make_posts(bundle)
        texts = Path(folder) / "raw.txt"
        texts.write_text("".join(f"{post}\n" for post in posts[:_RAW_POSTS]), encoding="utf-8")
        bodies = {batch: write_bodies(posts, batch, Path(folder)) for batch in BATCHES}
        for number in range(1, rounds + 1):
            report(f"round {number} of {rounds}")
            with Service(bundle.path, workers) as service:
                service.settle()  # one worker that is ready may have others beside it that are not
                idle_mb = service.resident_mb()
                turn = Round(service, bodies, measure_raw(bundle.path, texts, seconds), idle_mb, seconds)
                drive(service.classify, Load(4, _WARM_UP, bodies[32]))
                figures = {}
                for name in SCENARIOS:
                    if name in {"raw", *names}:
                        report(f"  {name}")
                        figures[name] = SCENARIOS[name](turn)
                measured.append(figures)
    return {name: over_rounds([figures[name] for figures in measured]) for name in measured[0]}


def over_rounds(rounds: Sequence[Figures]) -> dict[str, dict[str, Any]]:
    """Median, least, greatest and all values of each figure; rounds in which there was nothing to measure left out."""
    found = {}
    for name in rounds[0]:
        values = [figures[name] for figures in rounds if not math.isnan(figures[name])]
        if values:
            found[name] = {**spread(values), "rounds": values}
    return found


def posts_per_second(traffic: Traffic, batch: int) -> float:
    """Posts in answers with status 200, for loads that are not watched: all that wrk does not count as refused."""
    good = 1 - traffic.refused / traffic.answered if traffic.answered else 0.0
    return batch * good * rate(traffic.completed)


def answered_in(traffic: Traffic, start: float, end: float) -> list[float]:
    """When the answers with status 200 came that did so within some seconds of the first request, in order."""
    first = min(traffic.sent, default=0.0)
    return sorted(answer.at for answer in traffic.answers if answer.status == 200 and start <= answer.at - first < end)


def _connections(requests_per_second: float) -> int:
    """Enough to keep the schedule, and no more than a process may have open; a multiple of the threads."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(requests_per_second * _SECONDS_OF_CONNECTIONS, files - _SPARE_FILES)
    return _THREADS * max(1, math.ceil(wanted / _THREADS))
