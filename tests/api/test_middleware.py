import asyncio
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from api.middleware import RequestMiddleware
from api.settings import Settings
from api.telemetry import Telemetry

SCOPE = {"type": "http", "method": "POST", "path": "/classify", "headers": []}


def test_a_request_that_the_server_gives_up_is_told_to_go_elsewhere() -> None:
    """What uvicorn does to open requests when the time to drain is over: it cancels them."""
    sent: list[dict[str, Any]] = []

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.Event().wait()

    async def send(message: Message) -> None:
        sent.append(dict(message))

    async def receive() -> Message:
        raise AssertionError

    async def run() -> None:
        middleware = RequestMiddleware(endless, Telemetry(), Settings())
        task = asyncio.create_task(middleware(dict(SCOPE), receive, send))
        await asyncio.sleep(0)
        task.cancel()
        await task

    asyncio.run(run())
    assert sent[0]["status"] == 503
    assert (b"retry-after", b"5") in sent[0]["headers"]
    assert b'"code":"draining"' in sent[1]["body"]
