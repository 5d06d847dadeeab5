"""What the service counts. Labels of metrics come from closed lists; nothing of a post is among them."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from api.answers import Answer, Refused
from api.schemas import WarningCode
from model.bundle import Manifest
from model.cache import ScoreCache


class Telemetry:
    """The metrics of one application, in a registry of their own."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._registry = registry
        self._requests = Counter("triage_requests", "Requests answered", ["route", "status"], registry=registry)
        self._seconds = Histogram("triage_request_seconds", "Time to answer a request", ["route"], registry=registry)
        self._problems = Counter("triage_problems", "Requests refused", ["code"], registry=registry)
        self._posts = Counter("triage_posts", "Posts answered", ["status"], registry=registry)
        self._errors = Counter("triage_post_errors", "Posts that could not be labelled", ["code"], registry=registry)
        self._warnings = Counter("triage_warnings", "Warnings given with answers", ["warning"], registry=registry)
        self._tokens = Counter("triage_tokens", "Tokens read by the model", registry=registry)
        self._labels = Counter("triage_labels", "Labels given", ["head", "label", "decision"], registry=registry)
        self._actions = Counter("triage_actions", "Routing decisions", ["action"], registry=registry)
        self._reasons = Counter("triage_review_reasons", "Why a person was asked", ["reason"], registry=registry)
        self.queued_posts = Gauge("triage_queued_posts", "Posts being answered now", registry=registry)
        self._cache: ScoreCache | None = None
        self._hits = Gauge("triage_cache_hits", "Posts whose scores were known", registry=registry)
        self._hits.set_function(lambda: self._cache.hits if self._cache else 0)
        self._model = Gauge("triage_model", "The model served", ["name", "version", "precision"], registry=registry)

    def model(self, manifest: Manifest) -> None:
        self._model.clear()
        self._model.labels(manifest.name, str(manifest.version), manifest.precision).set(1)

    def cache(self, cache: ScoreCache | None) -> None:
        """Count the hits of this cache from now on."""
        self._cache = cache

    def request(self, route: str, status: int, seconds: float) -> None:
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def problem(self, code: str) -> None:
        self._problems.labels(code).inc()

    def answers(self, answers: Sequence[Answer]) -> None:
        for item in answers:
            if isinstance(item, Refused):
                self._posts.labels("error").inc()
                self._errors.labels(item.code.value).inc()
                continue
            self._posts.labels("ok").inc()
            self._tokens.inc(len(item.encoded.ids))
            if item.encoded.truncated:
                self._warnings.labels(WarningCode.TRUNCATED.value).inc()
            self._actions.labels(item.decision.action).inc()
            for reason in item.decision.reasons:
                self._reasons.labels(reason).inc()
            for name, head in item.decision.heads.items():
                self._labels.labels(name, head.label, "accept" if head.accepted else "review").inc()

    def render(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self._registry)
