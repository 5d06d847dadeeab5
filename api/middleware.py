"""What surrounds every request: an id, a count, careful headers, and an answer even when the code fails."""

import asyncio
import logging
import random
import re
import time
import traceback
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import Code, Problem
from api.settings import Settings
from api.telemetry import Telemetry

log = logging.getLogger("triage")

REQUEST_ID = "X-Request-ID"
CLIENT_CLOSED_REQUEST = 499
"""Counted, never sent: the client hung up before it had its answer."""
DISCONNECTED = "disconnected"
"""Set in a request's state before it is cancelled because its client hung up."""

_VALID_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Of every answer."""

_TLS_HEADERS = {"Strict-Transport-Security": "max-age=31536000"}


class RequestMiddleware:
    """Gives each request an id (the caller's own, if it is a plain word), counts it, and turns what nobody caught into
    a 500 that says nothing of the request. The log gets the type and the place of the error, not its message, which
    could quote a post.
    """

    def __init__(self, app: ASGIApp, telemetry: Telemetry, settings: Settings) -> None:
        self._app = app
        self._telemetry = telemetry
        self._log_requests = settings.log_requests
        self._headers = {**HEADERS, **(_TLS_HEADERS if settings.tls_certificate else {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID, "")
        # No secret, so it need not cost what a secret costs.
        own = f"{random.getrandbits(128):032x}"
        scope["request_id"] = given if _VALID_ID.fullmatch(given) else own
        answer = _Answer(send, {**self._headers, REQUEST_ID: scope["request_id"]})
        began = time.perf_counter()
        try:
            await self._answer(scope, receive, answer)
        finally:
            seconds = time.perf_counter() - began
            route = getattr(scope.get("route"), "path", "other")
            self._telemetry.request(route, answer.status, seconds)
            if self._log_requests:
                _log_request(scope, route, answer.status, seconds)

    async def _answer(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        try:
            await self._app(scope, receive, answer.send)
        except ClientDisconnect:
            answer.status = CLIENT_CLOSED_REQUEST
        except asyncio.CancelledError:
            if scope.get("state", {}).get(DISCONNECTED):
                answer.status = CLIENT_CLOSED_REQUEST
                return
            if answer.status:
                raise
            # The time to drain is over, and the server gives up what is still open.
            problem = Problem(Code.DRAINING, "the service shut down before the answer was ready; ask another instance")
            await self._refuse(problem, scope, receive, answer.send)
        except Exception as error:  # noqa: BLE001  # the last resort: unknown errors stay opaque to the caller
            place = "".join(traceback.format_tb(error.__traceback__))
            log.error(  # noqa: TRY400  # the message, which log.exception would add, could quote a post
                "request %s failed: %s\n%s", scope["request_id"], type(error).__name__, place
            )
            if answer.status:
                raise ConnectionAbortedError("the answer had already begun") from None
            problem = Problem(Code.INTERNAL_ERROR, "something failed on our side; the log knows the request id")
            await self._refuse(problem, scope, receive, answer.send)

    async def _refuse(self, problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
        self._telemetry.problem(problem.code)
        await problem.response(scope["request_id"])(scope, receive, send)


class _Answer:
    """What was sent so far; `status` is 0 before anything was."""

    def __init__(self, send: Send, headers: Mapping[str, str]) -> None:
        self._send = send
        self._headers = headers
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in self._headers.items():
                headers.setdefault(name, value)
        await self._send(message)


def _log_request(scope: Scope, route: str, status: int, seconds: float) -> None:
    key = scope.get("key")
    facts = {
        "request_id": scope["request_id"],
        "method": scope["method"],
        "route": route,
        "status": status,
        "milliseconds": round(1000 * seconds, 1),
        "key": key and key.name,
    }
    log.info("%s", " ".join(f"{name}={value}" for name, value in facts.items()), extra=facts)
