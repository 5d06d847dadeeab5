"""What the service says of itself: alive, ready, which model, which figures."""

from typing import Any

from fastapi import FastAPI, Response

from api.feedback.schemas import FeedbackErrorCode
from api.problems import Code, problem_responses
from api.schemas import ItemErrorCode, WarningCode
from api.service import Service
from model.decision import reasons_of

_ANYWHERE = (Code.UNAUTHORIZED, Code.UNKNOWN_HOST)


def add_status(app: FastAPI, service: Service) -> None:
    """Add the routes."""

    @app.get("/livez")
    async def livez() -> dict[str, str]:
        """The process answers."""
        return {"status": "alive"}

    @app.get("/readyz", responses=problem_responses(Code.LOADING, Code.DRAINING))
    async def readyz() -> dict[str, Any]:
        """The model is loaded and warm, and the service is not shutting down. `fault` names a promoted bundle that
        could not be served; the one before it serves on, and `/model` says why.
        """
        fault = service.fault
        with service.model() as model:
            return {
                "status": "ready",
                "model": model.bundle.manifest.reference,
                **({"fault": {"bundle": fault.bundle}} if fault else {}),
            }

    @app.get("/model", responses=problem_responses(*_ANYWHERE, Code.LOADING, Code.DRAINING))
    async def model() -> dict[str, Any]:
        """What is served: taxonomy, policy, limits, versions, and the closed lists of codes."""
        settings, fault = service.settings, service.fault
        with service.model() as served:
            bundle = served.bundle
            return {
                "model": served.info,
                **({"fault": {"bundle": fault.bundle, "message": fault.message}} if fault else {}),
                "feedback": {
                    "on": service.desk is not None,
                    "store_text": service.desk is not None and service.desk.keeps_text,
                },
                "created": bundle.manifest.created,
                "encoder": bundle.manifest.provenance.get("encoder"),
                "taxonomy": bundle.taxonomy.to_dict(),
                "policy": bundle.policy.model_dump(mode="json"),
                "limits": {
                    "max_posts": settings.max_posts,
                    "max_body_bytes": settings.max_body_bytes,
                    "max_characters": settings.max_characters,
                    "max_tokens": bundle.manifest.max_tokens,
                    "max_windows": bundle.manifest.max_windows,
                    "max_queued_posts": settings.max_queued_posts,
                    "max_queued_bytes": settings.max_queued_bytes,
                    "timeout_seconds": settings.timeout_seconds,
                    "client_seconds": settings.client_seconds,
                },
                "reasons": list(reasons_of(bundle.policy)),
                "warnings": [warning.value for warning in WarningCode],
                "item_errors": [code.value for code in ItemErrorCode],
                "feedback_errors": [code.value for code in FeedbackErrorCode],
                "problems": [code.value for code in Code],
            }

    @app.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}, **problem_responses(*_ANYWHERE)},
    )
    def metrics() -> Response:
        """For Prometheus."""
        return Response(service.telemetry.render(), media_type="text/plain; version=0.0.4")
