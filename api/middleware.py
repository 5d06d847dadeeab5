"""What surrounds every request: an id, a count, and an answer even when the code fails."""

import asyncio
import logging
import re
import time
import traceback
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import Code, Problem
from api.telemetry import Telemetry

log = logging.getLogger("triage")

REQUEST_ID = "X-Request-ID"
CLIENT_CLOSED_REQUEST = 499
"""Counted, never sent: the client hung up before its request was whole."""
_VALID_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class RequestMiddleware:
    """Gives each request an id (the caller's own, if it is a plain word), counts it, and turns what nobody caught into
    a 500 that says nothing of the request. The log gets the type and the place of the error, not its message, which
    could quote a post.
    """

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID, "")
        request_id = given if _VALID_ID.fullmatch(given) else uuid.uuid4().hex
        scope["request_id"] = request_id
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        began = time.perf_counter()
        try:
            await self._app(scope, receive, send_with_id)
        except ClientDisconnect:
            status = CLIENT_CLOSED_REQUEST
        except asyncio.CancelledError:
            if status:
                raise
            # The time to drain is over, and the server gives up what is still open.
            problem = Problem(Code.DRAINING, "the service shut down before the answer was ready; ask another instance")
            await self._refuse(problem, scope, receive, send_with_id)
        except Exception as error:  # noqa: BLE001  # the last resort: unknown errors stay opaque to the caller
            place = "".join(traceback.format_tb(error.__traceback__))
            log.error(  # noqa: TRY400  # the message, which log.exception would add, could quote a post
                "request %s failed: %s\n%s", request_id, type(error).__name__, place
            )
            if status:
                raise ConnectionAbortedError("the answer had already begun") from None
            problem = Problem(Code.INTERNAL_ERROR, "something failed on our side; the log knows the request id")
            await self._refuse(problem, scope, receive, send_with_id)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._telemetry.request(route, status, time.perf_counter() - began)

    async def _refuse(self, problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
        self._telemetry.problem(problem.code)
        await problem.response(scope["request_id"])(scope, receive, send)
