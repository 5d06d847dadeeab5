"""Who may ask: the hosts that requests may name, and the keys that they must bring."""

import re
from pathlib import Path

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.keys import Key, KeyFile
from api.problems import Code, Problem
from api.rate_limit import RateLimiter
from api.settings import Settings
from api.telemetry import Telemetry

OPEN = ("/livez", "/readyz", "/docs", "/openapi.json", "/swagger", "/page/")
"""Beginnings of paths that need no key: they tell nothing of posts, labels or load."""
PAGE = "/"
"""The page needs none either: it asks its user for one."""

_HEALTH = ("/livez", "/readyz")  # asked by address, by whoever runs the process
_PORT = re.compile(r":\d*$")


def in_url(host: str) -> str:
    """A host as URLs and requests name it: an address of IPv6 stands in brackets there."""
    return f"[{host}]" if ":" in host else host


class Guard:
    """The rules.

    Attributes:
        keys: `None` where none are asked for.
    """

    def __init__(self, settings: Settings, shared: Path) -> None:
        """
        Args:
            shared: folder that all processes of the service share.

        Raises:
            ConfigurationError: the file of keys cannot be read.
        """
        self.keys = KeyFile(settings.keys_file) if settings.keys_file else None
        self._hosts = frozenset(host.lower() for host in (*settings.allowed_hosts, in_url(settings.host)))
        self._limiter = RateLimiter(shared / "rates")

    def check(self, path: str, headers: Headers) -> Key | None:
        """Let a request pass; returns its key where one is asked for.

        Raises:
            Problem: 401 or 421.
        """
        if path in _HEALTH:
            return None
        named = {_PORT.sub("", host).lower() for host in headers.getlist("host")}
        if len(named) != 1 or ("*" not in self._hosts and not named <= self._hosts):
            raise Problem(Code.UNKNOWN_HOST, "this service does not answer for that host; see allowed_hosts")
        if self.keys is None or path == PAGE or path.startswith(OPEN):
            return None
        scheme, _, presented = headers.get("authorization", "").partition(" ")
        key = self.keys.find(presented.strip()) if scheme.lower() == "bearer" else None
        if key is None:
            raise Problem(Code.UNAUTHORIZED, "expected a valid key: Authorization: Bearer KEY")
        return key

    def charge(self, key: Key | None, posts: int) -> float:
        """Count posts against the rate of a key; returns 0.0, or the seconds after which they may be sent."""
        if key is None or key.posts_per_second is None:
            return 0.0
        return self._limiter.charge(key.id, posts, key.posts_per_second)


class GuardMiddleware:
    """Asks the guard about each request; the key found is left in the scope as `key`."""

    def __init__(self, app: ASGIApp, guard: Guard, telemetry: Telemetry) -> None:
        self._app = app
        self._guard = guard
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                scope["key"] = self._guard.check(scope["path"], Headers(scope=scope))
            except Problem as problem:
                self._telemetry.problem(problem.code)
                await problem.response(scope["request_id"])(scope, receive, send)
                return
        await self._app(scope, receive, send)
