"""What the service counts. Labels of metrics come from closed lists; nothing of a post is among them.

With several processes each writes its own files into the folder that PROMETHEUS_MULTIPROC_DIR names, and any of them
adds all up when it is asked (prometheus_client's multiprocess mode).
"""

import os
from collections import Counter as Tally
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from math import nan
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from api.answers import Answer, Refused, warnings_of
from api.traffic import Baseline, RecentTraffic
from data.feedback.records import Feedback
from model.bundle import Manifest
from model.engine import RunReport

MULTIPROCESS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_POSTS = (1, 2, 4, 8, 16, 32, 64)


@dataclass(frozen=True, slots=True)
class Stages:
    """Where the time of a request went, in seconds; reading and writing HTTP is not among them."""

    tokenise: float
    queue: float
    inference: float
    decide: float

    def items(self) -> tuple[tuple[str, float], ...]:
        """By name, in their order."""
        return tuple((name, getattr(self, name)) for name in _STAGES)

    def header(self) -> str:
        """As `Server-Timing` has it, in milliseconds."""
        return ", ".join(f"{name};dur={1000 * seconds:.2f}" for name, seconds in self.items())


_STAGES = tuple(field.name for field in fields(Stages))


class Telemetry:
    """The metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.on_stages: Callable[[Stages], None] = lambda stages: None
        """Told of the stages of each request, within it."""
        registry = CollectorRegistry()
        self._registry = registry
        ProcessCollector(registry=registry)  # memory, CPUs, open files; of one process, so not told by several together
        self._requests = Counter("triage_requests", "Requests answered", ["route", "status"], registry=registry)
        self._request_seconds = Histogram(
            "triage_request_seconds", "Time to answer a request", ["route"], buckets=_SECONDS, registry=registry
        )
        stage_seconds = Histogram(
            "triage_stage_seconds", "Where that time went", ["stage"], buckets=_SECONDS, registry=registry
        )
        self._stages = {stage: stage_seconds.labels(stage) for stage in _STAGES}
        self._problems = Counter("triage_problems", "Requests refused", ["code"], registry=registry)
        self._posts = Counter("triage_posts", "Posts answered", ["status"], registry=registry)
        self._errors = _Counts(
            Counter("triage_post_errors", "Posts that could not be labelled", ["code"], registry=registry)
        )
        self._warnings = _Counts(
            Counter("triage_warnings", "Warnings given with answers", ["warning"], registry=registry)
        )
        self._tokens = Counter("triage_tokens", "Tokens of the posts answered", registry=registry)
        self._hits = Counter("triage_cache_hits", "Posts whose scores were known", registry=registry)
        self._labels = _Counts(
            Counter("triage_labels", "Labels given", ["head", "label", "decision"], registry=registry)
        )
        self._actions = _Counts(Counter("triage_actions", "Routing decisions", ["action"], registry=registry))
        self._reasons = _Counts(
            Counter("triage_review_reasons", "Why a person was asked", ["reason"], registry=registry)
        )
        self._feedback = _Counts(
            Counter("triage_feedback", "Labels that people judged", ["head", "verdict"], registry=registry)
        )
        self._not_kept = Counter(
            "triage_posts_not_kept", "Posts that the store failed to keep for review", registry=registry
        )
        self._run_posts = Histogram(
            "triage_run_posts", "Posts scored in one run of the model", buckets=_POSTS, registry=registry
        )
        self._run_tokens = Counter("triage_run_tokens", "Tokens scored in runs of the model", registry=registry)
        self._run_seconds = Counter("triage_run_seconds", "Time of the threads in runs of the model", registry=registry)
        self._queued_posts = Gauge(
            "triage_queued_posts", "Posts being answered now", registry=registry, multiprocess_mode="livesum"
        )
        self._queued_bytes = Gauge(
            "triage_queued_bytes", "Bytes of bodies being answered", registry=registry, multiprocess_mode="livesum"
        )
        self._model = Gauge(
            "triage_model",
            "Processes that serve this model",
            ["name", "version", "precision"],
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._served: tuple[str, str, str] | None = None
        # Of several processes each sees its share of the same posts, so that any of them may speak.
        self._drift = Gauge(
            "triage_drift",
            "Share of recent posts that get other labels than the calibration posts got (total variation distance)",
            ["head"],
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self._confidence_shift = Gauge(
            "triage_confidence_shift",
            "Mean confidence of recent posts less that of the calibration posts",
            ["head"],
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self._traffic: RecentTraffic | None = None
        self._drifting: set[str] = set()
        self._replacements = Counter(
            "triage_model_replacements", "Models put in service in place of another", ["outcome"], registry=registry
        )
        self._replacements.labels("failed")  # Prometheus sees no increase where a series only begins

    def model(self, manifest: Manifest, baseline: Baseline | None = None) -> None:
        """Which model is served from now on, and what recent posts are held against."""
        if self._served:
            self._model.labels(*self._served).set(0)
        self._served = (manifest.name, str(manifest.version), manifest.precision)
        self._model.labels(*self._served).set(1)
        for head in self._drifting:  # what was said of another model
            self._drift_is(head, nan, nan)
        self._traffic = RecentTraffic(baseline, self._drift_is) if baseline else None

    def replaced(self, outcome: str) -> None:
        """A model was replaced (`done`) or not (`failed`)."""
        self._replacements.labels(outcome).inc()

    def queue(self, posts: int, size: int) -> None:
        """Posts and bytes that are being answered now."""
        self._queued_posts.set(posts)
        self._queued_bytes.set(size)

    def run(self, report: RunReport) -> None:
        """The model made a run; called on the thread that made it."""
        self._run_posts.observe(report.posts)
        self._run_tokens.inc(report.tokens)
        self._run_seconds.inc(report.seconds)

    def request(self, route: str, status: int, seconds: float) -> None:
        self._requests.labels(route, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    def problem(self, code: str) -> None:
        self._problems.labels(code).inc()

    def answered(self, answers: Sequence[Answer], stages: Stages, known: int) -> None:
        """Posts were answered, so many of them out of the cache."""
        self.on_stages(stages)
        for stage, seconds in stages.items():
            self._stages[stage].observe(seconds)
        refused = [item for item in answers if isinstance(item, Refused)]
        labelled = [item for item in answers if not isinstance(item, Refused)]
        if labelled:
            self._posts.labels("ok").inc(len(labelled))
        self.refused(refused)
        self._hits.inc(known)
        self._tokens.inc(sum(item.encoded.tokens for item in labelled))
        self._warnings.add(Tally((code.value,) for item in labelled for code in warnings_of(item.encoded)))
        decisions = [item.decision for item in labelled]
        self._actions.add(Tally((decision.action,) for decision in decisions))
        self._reasons.add(Tally((reason,) for decision in decisions for reason in decision.reasons))
        heads = [pair for decision in decisions for pair in decision.heads.items()]
        labels: Tally[tuple[str, ...]] = Tally(
            (name, head.label, "accept" if head.accepted else "review") for name, head in heads
        )
        self._labels.add(labels)
        if self._traffic and decisions:
            confidence = {
                name: sum([decision.heads[name].confidence for decision in decisions]) for name in decisions[0].heads
            }
            self._traffic.add(len(labelled), labels, confidence)

    def feedback(self, items: Sequence[Feedback]) -> None:
        """People judged answers."""
        judged: Tally[tuple[str, ...]] = Tally()
        for item in items:
            said = item.said.labels
            judged.update((head, _verdict(said[head][0] == label)) for head, label in item.labels.items())
            judged.update((head, _verdict(right=False)) for head in item.wrong)
        self._feedback.add(judged)

    def not_kept(self, posts: int) -> None:
        """Posts should have been kept for review, and the store failed."""
        self._not_kept.inc(posts)

    def refused(self, items: Sequence[Refused]) -> None:
        """Posts, or lines of a stream, could not be labelled."""
        if items:
            self._posts.labels("error").inc(len(items))
            self._errors.add(Tally((item.code.value,) for item in items))

    def render(self) -> bytes:
        """In Prometheus' text format; of all processes where there are several."""
        if MULTIPROCESS_FOLDER not in os.environ:
            return generate_latest(self._registry)
        Path(os.environ[MULTIPROCESS_FOLDER]).mkdir(parents=True, exist_ok=True)  # somebody may have tidied up
        together = CollectorRegistry()
        _Processes(together)
        return generate_latest(together)

    def _drift_is(self, head: str, distance: float, confidence: float) -> None:
        self._drifting.add(head)
        self._drift.labels(head).set(distance)
        self._confidence_shift.labels(head).set(confidence)


class _Processes(MultiProcessCollector):
    """All processes together, without files that are empty still: one that is just starting has made them, or was
    killed before it wrote to them, and prometheus_client fails on such a file.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)  # type: ignore[no-untyped-call]  # the library has no types here

    def collect(self) -> Any:
        with os.scandir(os.environ[MULTIPROCESS_FOLDER]) as entries:
            files = [entry.path for entry in entries if entry.name.endswith(".db") and _is_begun(entry)]
        return self.merge(files, accumulate=True)  # type: ignore[no-untyped-call]


def _verdict(right: bool) -> str:
    return "right" if right else "wrong"


def _is_begun(file: os.DirEntry[str]) -> bool:
    try:
        return file.stat().st_size > 0
    except FileNotFoundError:
        return False  # that of a process that has ended


class _Counts:
    """A counter by labels, whose children are at hand: prometheus_client takes a lock to find one."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._children: dict[tuple[str, ...], Counter] = {}

    def add(self, tally: "Tally[tuple[str, ...]]") -> None:
        for labels, times in tally.items():
            child = self._children.get(labels)
            if child is None:
                child = self._children[labels] = self._counter.labels(*labels)
            child.inc(times)
