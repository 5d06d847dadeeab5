"""Both clients through one door."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from api.client import AsyncClient, Client, Result

Call = Callable[[Any], Any]
Ask = Callable[..., Any]
"""From a URL, what to do with a client, and the client's settings, to what came of it."""


def ask_sync(url: str, call: Call, **settings: Any) -> Any:
    with Client(url, **settings) as triage:
        return call(triage)


def ask_async(url: str, call: Call, **settings: Any) -> Any:
    async def run() -> Any:
        async with AsyncClient(url, **settings) as triage:
            return await call(triage)

    return asyncio.run(run())


Stream = Callable[..., list[Result]]
"""From a URL, posts, what to do with each result, and the client's settings, to the results."""


def stream_sync(
    url: str, posts: Iterable[Any], each: Callable[[Result], None] = lambda result: None, **settings: Any
) -> list[Result]:
    found = []
    with Client(url, **settings) as triage:
        for result in triage.stream(posts):
            found.append(result)
            each(result)
    return found


def stream_async(
    url: str, posts: Iterable[Any], each: Callable[[Result], None] = lambda result: None, **settings: Any
) -> list[Result]:
    async def run() -> list[Result]:
        found = []
        async with AsyncClient(url, **settings) as triage:
            async for result in triage.stream(posts):
                found.append(result)
                each(result)
        return found

    return asyncio.run(run())
