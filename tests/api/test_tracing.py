from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from api.app import create_app
from api.settings import Settings
from api.tracing import add_tracing
from model.bundle import Bundle
from tests.api.conftest import until

PRIVATE = "sesame-4711"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_request_is_a_span_with_its_stages_inside_and_nothing_of_the_post(bundle: Bundle, tmp_path: Path) -> None:
    spans = InMemorySpanExporter()
    app = create_app(bundle, Settings(allowed_hosts="*", feedback=f"{tmp_path}/feedback.db"), tmp_path)
    add_tracing(app, app.state.service.telemetry, SimpleSpanProcessor(spans))
    with TestClient(app) as client:
        until(lambda: client.get("/readyz").status_code == 200)
        spans.clear()
        client.post("/classify", json={"text": PRIVATE}, headers={"traceparent": PARENT})
    ended = {span.name: span for span in spans.get_finished_spans()}
    request = ended["POST /classify"]
    assert f"{request.context.trace_id:032x}" == PARENT.split("-")[1]
    assert set(ended) == {"POST /classify", "tokenise", "queue", "inference", "decide"}
    for name in ("tokenise", "queue", "inference", "decide"):
        stage = ended[name]
        assert stage.parent is not None
        assert stage.parent.span_id == request.context.span_id
        assert stage.start_time is not None
        assert stage.end_time is not None
        assert stage.end_time >= stage.start_time
    assert all(PRIVATE not in span.to_json() for span in ended.values())


@pytest.mark.parametrize("conventions", ["default", "http", "http/dup"])
def test_nothing_that_a_client_writes_into_a_url_or_its_name_is_exported(
    conventions: str, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", conventions)
    monkeypatch.setattr(
        "opentelemetry.instrumentation._semconv._OpenTelemetrySemanticConventionStability._initialized", False
    )
    spans = InMemorySpanExporter()
    app = create_app(bundle, Settings(allowed_hosts="*", feedback=f"{tmp_path}/feedback.db"), tmp_path)
    add_tracing(app, app.state.service.telemetry, SimpleSpanProcessor(spans))
    with TestClient(app) as client:
        for path in (f"/classify?text={PRIVATE}", f"/{PRIVATE}", f"/swagger/{PRIVATE}.css", f"/livez?{PRIVATE}"):
            for method in ("GET", "POST"):
                client.request(method, path, headers={"Host": f"{PRIVATE}.example", "User-Agent": PRIVATE})
    told = [span.to_json() for span in spans.get_finished_spans()]
    assert len(told) == 8
    assert {span.name for span in spans.get_finished_spans()} >= {"POST /classify", "GET /other", "GET /livez"}
    assert not [each for each in told if PRIVATE in each]
