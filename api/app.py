"""The HTTP service."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import RootModel
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from api.answers import result, summary
from api.middleware import RequestMiddleware
from api.problems import Code, FieldFault, Problem, ProblemDocument, from_http_error, problem_responses, request_id_of
from api.requests import DEADLINE, read_classify, read_deadline
from api.schemas import BatchRequest, ClassifyResponse, ItemErrorCode, SingleRequest, WarningCode
from api.service import INLINE_POSTS, Service, State
from api.settings import Settings
from api.telemetry import Telemetry
from model.bundle import Bundle
from model.decision import reasons_of

_REF = "#/components/schemas/{model}"


class _ClassifyRequest(RootModel[BatchRequest | SingleRequest]):
    """Both forms of a request, for the OpenAPI document."""


def create_app(bundle: Bundle, settings: Settings, on_failure: Callable[[], None] = lambda: None) -> FastAPI:
    """The application that serves one bundle.

    It accepts connections at once and loads the model beside that: until then `/readyz` and `/classify` say 503.

    Args:
        on_failure: called when the model could not be loaded; the reason is in `app.state.service.failure`.
    """
    telemetry = Telemetry()
    service = Service(bundle, settings, telemetry)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        loading = asyncio.create_task(service.load())
        loading.add_done_callback(lambda _: on_failure() if service.state is State.FAILED else None)
        yield
        await loading
        await service.close()

    app = FastAPI(
        title="Triage",
        summary="Labels posts that people write to a company by intent, urgency and owning department.",
        version=version("triage"),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    app.add_middleware(RequestMiddleware, telemetry=telemetry)
    _answer_errors(app, telemetry)
    _add_classify(app, service)
    _add_health(app, service, telemetry)
    _add_docs(app)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]  # FastAPI's documented way to extend the document
    return app


def _add_classify(app: FastAPI, service: Service) -> None:
    refusals = problem_responses(
        Code.INVALID_JSON,
        Code.BODY_TOO_LARGE,
        Code.TOO_MANY_POSTS,
        Code.UNSUPPORTED_MEDIA_TYPE,
        Code.INVALID_REQUEST,
        Code.QUEUE_FULL,
        Code.INTERNAL_ERROR,
        Code.LOADING,
        Code.DRAINING,
        Code.TIMEOUT,
    )
    body = {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": _REF.format(model="ClassifyRequest")}}},
    }

    deadline = {
        "name": DEADLINE,
        "in": "header",
        "description": "milliseconds after which an answer is of no use; it is then a 504, and work on it ends",
        "schema": {"type": "integer", "minimum": 1, "maximum": 999_999_999},
    }
    info = _model_info(service.bundle)

    @app.post(
        "/classify",
        response_model=ClassifyResponse,
        response_model_exclude_unset=True,
        responses=refusals,
        openapi_extra={"requestBody": body, "parameters": [deadline]},
    )
    async def classify(request: Request) -> Response:
        """Label one post or a batch. One that is empty or too long fails alone, with an error of its own."""
        seconds = read_deadline(request)
        posts, options = await read_classify(request, service.settings, service.bundle.taxonomy)
        answers = await service.classify([post.text for post in posts], seconds)

        def render() -> str:
            results = [
                result(index, post.id, item, service.bundle.policy, options)
                for index, (post, item) in enumerate(zip(posts, answers, strict=True))
            ]
            envelope = {"request_id": request_id_of(request), "model": info, "results": results}
            return json.dumps({**envelope, "summary": summary(answers)}, ensure_ascii=False)

        # Writing many answers would hold the event loop up.
        body = render() if len(posts) <= INLINE_POSTS else await asyncio.to_thread(render)
        return Response(body, media_type="application/json")


def _add_health(app: FastAPI, service: Service, telemetry: Telemetry) -> None:
    @app.get("/livez")
    async def livez() -> dict[str, str]:
        """The process answers."""
        return {"status": "alive"}

    @app.get("/readyz", responses=problem_responses(Code.LOADING, Code.DRAINING))
    async def readyz() -> dict[str, str]:
        """The model is loaded and warm, and the service is not shutting down."""
        if service.state is State.DRAINING:
            raise Problem(Code.DRAINING, "the service is shutting down")
        if service.state is not State.READY:
            raise Problem(Code.LOADING, "the model is being loaded")
        return {"status": "ready", "model": service.bundle.manifest.reference}

    @app.get("/model")
    async def model() -> dict[str, Any]:
        """What is served: taxonomy, policy, limits, versions, and the closed lists of codes."""
        bundle, settings = service.bundle, service.settings
        return {
            "model": _model_info(bundle),
            "created": bundle.manifest.created,
            "encoder": bundle.manifest.provenance.get("encoder"),
            "taxonomy": bundle.taxonomy.to_dict(),
            "policy": bundle.policy.model_dump(mode="json"),
            "limits": {
                "max_posts": settings.max_posts,
                "max_body_bytes": settings.max_body_bytes,
                "max_characters": settings.max_characters,
                "max_tokens": bundle.manifest.max_tokens,
                "max_queued_posts": settings.max_queued_posts,
                "timeout_seconds": settings.timeout_seconds,
            },
            "reasons": list(reasons_of(bundle.policy)),
            "warnings": [warning.value for warning in WarningCode],
            "item_errors": [code.value for code in ItemErrorCode],
            "problems": [code.value for code in Code],
        }

    @app.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def metrics() -> Response:
        """For Prometheus."""
        return Response(telemetry.render(), media_type="text/plain; version=0.0.4")


def _add_docs(app: FastAPI) -> None:
    """Swagger UI from our own machine: FastAPI's page would load it from elsewhere."""
    app.mount("/swagger", StaticFiles(packages=[("fastapi_swagger", "resources")]))

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="openapi.json",
            title="Triage",
            swagger_js_url="swagger/swagger-ui-bundle.js",
            swagger_css_url="swagger/swagger-ui.css",
            swagger_favicon_url="swagger/favicon-32x32.png",
        )


def _answer_errors(app: FastAPI, telemetry: Telemetry) -> None:
    """One form for every refusal, the framework's own included."""

    def respond(request: Request, problem: Problem) -> JSONResponse:
        telemetry.problem(problem.code)
        return problem.response(request_id_of(request))

    @app.exception_handler(Problem)
    async def _(request: Request, problem: Problem) -> JSONResponse:
        return respond(request, problem)

    @app.exception_handler(HTTPException)
    async def _(request: Request, error: HTTPException) -> JSONResponse:
        return respond(request, from_http_error(error.status_code, error.headers))

    @app.exception_handler(RequestValidationError)
    async def _(request: Request, error: RequestValidationError) -> JSONResponse:
        # FastAPI's own answer repeats the input.
        faults = [FieldFault(field=".".join(map(str, fault["loc"])), message=fault["msg"]) for fault in error.errors()]
        return respond(request, Problem(Code.INVALID_REQUEST, f"{len(faults)} field(s) are wrong", errors=faults))


def _model_info(bundle: Bundle) -> dict[str, str]:
    return {
        "name": bundle.manifest.name,
        "version": str(bundle.manifest.version),
        "taxonomy": bundle.taxonomy.sha256[:12],
        "policy": bundle.policy.version,
        "precision": bundle.manifest.precision,
    }


def _openapi(app: FastAPI) -> dict[str, Any]:
    """FastAPI's document with the schemas of what it does not read or write itself."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            openapi_version=app.openapi_version,
            routes=app.routes,
        )
        schemas = document["components"]["schemas"]
        for name, model in (("ClassifyRequest", _ClassifyRequest), ("ProblemDocument", ProblemDocument)):
            schema = model.model_json_schema(ref_template=_REF)
            schemas.update(schema.pop("$defs", {}))
            schemas[name] = schema
        app.openapi_schema = document
    return app.openapi_schema
