"""Requests to one service, each tried again while what keeps it from being answered may pass."""

import asyncio
import math
import re
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_before_delay, wait_random_exponential

from api.client.errors import RefusedError, ServiceError, UnreachableError
from data.errors import ConfigurationError

DEADLINE = "X-Deadline-Ms"
_MOST_MILLISECONDS = 999_999_999
_GRACE_SECONDS = 0.5
"""By which the service may be late to say that it is late."""
_CONNECT_SECONDS = 5.0
_KEY = re.compile(r"[!-~]+")
# A request that is cancelled while it waits for one of a limited number of connections takes it with it for good
# (encode/httpcore#1093). So they are not limited here: the window of a stream limits them.
_CONNECTIONS = httpx.Limits(max_connections=None, max_keepalive_connections=16)
_NO_OPTIONS = {
    "base_url": "the URL of the service is the first argument",
    "limits": "connections are not limited here; `in_flight` says how many requests of a stream are under way",
}
_BACK_OFF = wait_random_exponential(multiplier=0.1, max=10)

_NOT_PASSING = (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.DecodingError, httpx.TooManyRedirects)


class Connection:
    """To one service. Belongs to one event loop."""

    def __init__(self, url: str, key: str | None, patience: float, timeout: float, options: Mapping[str, Any]) -> None:
        """
        Args:
            patience: seconds after the first attempt, in which others may begin.
            timeout: seconds of one attempt.
            options: further ones of `httpx.AsyncClient`.

        Raises:
            ConfigurationError: this is no URL of a service, or no key, or an option that cannot be given.
        """
        if key is not None and not _KEY.fullmatch(key):
            raise ConfigurationError("the key holds characters that no key has, such as the end of a line")
        for name, told in _NO_OPTIONS.items():
            if name in options:
                raise ConfigurationError(f"{name} is no option of a client: {told}")
        headers = httpx.Headers(options.get("headers"))  # which find a name in whatever case
        if key:
            headers["Authorization"] = f"Bearer {key}"
        try:
            self._http = httpx.AsyncClient(
                base_url=url,
                timeout=httpx.Timeout(None, connect=_CONNECT_SECONDS),  # an attempt has one for all of it
                limits=_CONNECTIONS,
                **{**options, "headers": headers},
            )
        except httpx.InvalidURL as error:
            raise ConfigurationError(f"the URL of the service cannot be read: {error}") from error
        base = self._http.base_url
        if base.scheme not in ("http", "https") or not base.host:
            raise ConfigurationError("expected the URL of a service, as http://localhost:8000")
        self._patience = patience
        self._timeout = timeout
        self._name = f"{base.scheme}://{base.netloc.decode()}"  # without a password

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    async def get(self, path: str, params: Mapping[str, Any] | None = None, ends: float = math.inf) -> bytes:
        """Ask for something.

        Args:
            ends: time of the event loop after which an answer is of no use.

        Raises:
            RefusedError, UnreachableError: after the last attempt.
        """
        return await self._send(self._http.build_request("GET", path, params=params), ends)

    async def post(self, path: str, body: bytes, ends: float = math.inf) -> bytes:
        """Send JSON.

        Args:
            ends: as for `get`.

        Raises:
            RefusedError, UnreachableError: after the last attempt.
        """
        headers = {"Content-Type": "application/json"}
        return await self._send(self._http.build_request("POST", path, content=body, headers=headers), ends)

    async def _send(self, request: httpx.Request, ends: float = math.inf) -> bytes:
        retrying = AsyncRetrying(
            retry=retry_if_exception(_may_pass),
            wait=_wait,
            stop=stop_before_delay(min(self._patience, ends - _now())),
            reraise=True,
        )
        return await retrying(self._attempt, request, ends)

    async def _attempt(self, request: httpx.Request, ends: float) -> bytes:
        seconds = self._timeout
        if ends < math.inf:
            left = max(0.0, ends - _now())
            request.headers[DEADLINE] = str(min(max(1, round(1000 * left)), _MOST_MILLISECONDS))
            seconds = min(seconds, left + _GRACE_SECONDS)
        try:
            async with asyncio.timeout(seconds):
                response = await self._http.send(request)
        except TimeoutError:
            raise UnreachableError(f"{self._name}: no answer within {seconds:g} s", may_pass=True) from None
        except httpx.RequestError as error:
            raise self._unreachable(error) from None
        if response.is_success:
            return response.content
        raise RefusedError(response.status_code, response.headers, response.content)

    def _unreachable(self, error: httpx.RequestError) -> UnreachableError:
        # Of other errors the words may be the other end's, and could quote a post.
        told = f"{error}" if isinstance(error, httpx.ConnectError) else "the connection failed"
        may_pass = not isinstance(error, _NOT_PASSING)
        return UnreachableError(f"{self._name}: {told} ({type(error).__name__})", may_pass=may_pass)


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, ServiceError) and error.may_pass


def _wait(state: RetryCallState) -> float:
    """Seconds until the next attempt: as the service says, and some more, so that not all come at once."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, ServiceError) else None
    return (asked or 0.0) + _BACK_OFF(state)


def _now() -> float:
    return asyncio.get_running_loop().time()
