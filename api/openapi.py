"""The contract as a document for machines, and as a page to read."""

import base64
import hashlib
import re
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, RootModel
from starlette.staticfiles import StaticFiles

from api.feedback.schemas import ClaimRequest, FeedbackIn, FeedbackRequest, ReleaseRequest
from api.guard import OPEN
from api.problems import ProblemDocument
from api.schemas import Answered, BatchRequest, Failed, SingleRequest, StreamEnd

_REF = "#/components/schemas/{model}"


class _ClassifyRequest(RootModel[BatchRequest | SingleRequest]):
    """Both forms of a request."""

    model_config = ConfigDict(title="ClassifyRequest")


class _StreamLine(RootModel[Answered | Failed | StreamEnd | ProblemDocument]):
    """A line of a streamed answer: a result, or the end."""

    model_config = ConfigDict(title="StreamLine")


# What FastAPI does not see, as we read and write it ourselves.
_SCHEMAS: dict[str, type[BaseModel]] = {
    "ClassifyRequest": _ClassifyRequest,
    "StreamLine": _StreamLine,
    "FeedbackRequest": FeedbackRequest,
    "FeedbackIn": FeedbackIn,
    "ClaimRequest": ClaimRequest,
    "ReleaseRequest": ReleaseRequest,
    "ProblemDocument": ProblemDocument,
}


def add_docs(app: FastAPI, keys: bool) -> None:
    """Add `/docs` and complete `/openapi.json`.

    Args:
        keys: the service asks for keys.
    """
    app.openapi = lambda: openapi_document(app, keys)  # type: ignore[method-assign]  # FastAPI's documented way
    # Swagger UI from our own machine: FastAPI's page would load it from elsewhere.
    app.mount("/swagger", StaticFiles(packages=[("fastapi_swagger", "resources")]))
    page = get_swagger_ui_html(
        openapi_url="openapi.json",
        title="Triage",
        swagger_js_url="swagger/swagger-ui-bundle.js",
        swagger_css_url="swagger/swagger-ui.css",
        swagger_favicon_url="swagger/favicon-32x32.png",
    )
    scripts = re.findall(rb"<script>(.*?)</script>", bytes(page.body), re.DOTALL)
    hashes = (f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'" for script in scripts)
    page.headers["Content-Security-Policy"] = (
        f"default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; script-src 'self' "
        f"{' '.join(hashes)}; frame-ancestors 'none'"
    )

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return page


def openapi_document(app: FastAPI, keys: bool) -> dict[str, Any]:
    """The contract for machines.

    Args:
        keys: the service asks for keys.
    """
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            openapi_version=app.openapi_version,
            routes=app.routes,
        )
        schemas = document["components"]["schemas"]
        for name, model in _SCHEMAS.items():
            schema = model.model_json_schema(ref_template=_REF)
            schemas.update(schema.pop("$defs", {}))
            schemas[name] = schema
        if keys:
            document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
            for path, methods in document["paths"].items():
                if not path.startswith(OPEN):
                    for operation in methods.values():
                        operation["security"] = [{"key": []}]
        app.openapi_schema = document
    return app.openapi_schema
