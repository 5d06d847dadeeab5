"""Results in the order of the posts, while later posts are still being read."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Coroutine, Iterable
from functools import partial
from typing import Any

from api.client.batches import AnyPost, Batch, Batcher, encoded
from api.client.results import Result

Ask = Callable[[Batch[Result]], Coroutine[Any, Any, list[Result]]]


async def windowed(
    posts: Iterable[AnyPost] | AsyncIterable[AnyPost], batcher: Batcher[Result], ask: Ask, in_flight: int
) -> AsyncGenerator[Result]:
    """Ask for posts in requests of which so many at a time are on their way, or answered and not taken.

    Each holds what was read since the one before it, so a source that is slow is not waited for. Read ahead of what
    was taken are at most those requests and one more. What the source raises is raised after the results before it.
    """
    changed, free = asyncio.Condition(), asyncio.Semaphore(in_flight)
    asked: asyncio.Queue[asyncio.Task[list[Result]] | None] = asyncio.Queue()
    ended = False

    async def read() -> None:
        nonlocal ended
        try:
            async for post in _each(posts):
                entry = encoded(post, batcher.room)
                async with changed:
                    await changed.wait_for(partial(batcher.fits, entry))
                    batcher.add(entry)
                    changed.notify_all()
        finally:
            async with changed:
                ended = True
                changed.notify_all()

    async def send() -> None:
        while True:
            await free.acquire()
            async with changed:
                await changed.wait_for(lambda: batcher or ended)
                if not batcher:
                    break
                batch = batcher.take()
                changed.notify_all()
            asked.put_nowait(asyncio.create_task(ask(batch)))
        asked.put_nowait(None)

    reading = asyncio.create_task(read())
    sending = asyncio.create_task(send())
    answer: asyncio.Task[list[Result]] | None = None
    try:
        while answer := await asked.get():
            for result in await answer:
                yield result
            free.release()
        await reading
    finally:
        begun: list[asyncio.Task[Any]] = [reading, sending, *([answer] if answer else [])]
        while not asked.empty():
            begun += filter(None, [asked.get_nowait()])
        for task in begun:
            task.cancel()
        await asyncio.gather(*begun, return_exceptions=True)


async def _each(posts: Iterable[AnyPost] | AsyncIterable[AnyPost]) -> AsyncGenerator[AnyPost]:
    if isinstance(posts, AsyncIterable):
        async for post in posts:
            yield post
    else:
        for post in posts:
            yield post
