"""The HTTP service, put together."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from api.classify import add_classify
from api.feedback.routes import add_feedback
from api.guard import Guard, GuardMiddleware
from api.middleware import REQUEST_ID, RequestMiddleware
from api.openapi import add_docs
from api.pages import add_page
from api.problems import Code, FieldFault, Problem, from_http_error, request_id_of
from api.promotion import follow_promotion
from api.requests import DEADLINE
from api.service import Service, State
from api.settings import Settings
from api.status import add_status
from api.telemetry import Telemetry
from model.bundle import Bundle
from model.registry import Registry


def create_app(
    bundle: Bundle,
    settings: Settings,
    shared: Path,
    registry: Registry | None = None,
    fallback: Callable[[], Bundle] | None = None,
    on_loaded: Callable[[], None] = lambda: None,
) -> FastAPI:
    """The application that serves a bundle.

    It accepts connections at once and loads the model beside that: until then `/readyz` and `/classify` say 503.

    Args:
        shared: folder that all processes of one service share, for as long as they run.
        registry: where given, its promoted bundle is served, whichever that is by and by.
        fallback: reads the bundle to begin with where that one cannot be served.
        on_loaded: called when loading is over; what kept the model from it is in `app.state.service.failure`.

    Raises:
        ConfigurationError: the file of keys cannot be read.
    """
    telemetry = Telemetry()
    service = Service(bundle, settings, telemetry, fallback)
    guard = Guard(settings, shared)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        running = asyncio.create_task(_run(service, registry, on_loaded))
        yield
        if service.state is not State.LOADING:
            running.cancel()
        with suppress(asyncio.CancelledError):
            await running
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
    # What is added last stands outermost.
    add_classify(app, service, guard)
    app.add_middleware(GuardMiddleware, guard=guard, telemetry=telemetry)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", DEADLINE, REQUEST_ID],
            expose_headers=[REQUEST_ID, "Retry-After", "Server-Timing"],
        )
    app.add_middleware(RequestMiddleware, telemetry=telemetry, settings=settings)
    _answer_errors(app, telemetry)
    add_feedback(app, service)
    add_status(app, service)
    add_docs(app, keys=guard.keys is not None)
    add_page(app)
    return app


async def _run(service: Service, registry: Registry | None, on_loaded: Callable[[], None]) -> None:
    await service.load()
    on_loaded()
    if registry and service.state is State.READY:
        await follow_promotion(service, registry, service.settings.watch_seconds)


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
