"""Waiting for what must come about, and only so long."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from data.errors import TriageError

PATIENCE = 60.0
"""Seconds for anything at all."""

_LOOK_EVERY = 0.02  # seconds


class Stuck(TriageError):  # noqa: N818  # it is what the scenario is, then
    """What must come about did not, and there is no going on."""

    exit_code = 1


async def until(condition: Callable[[], Awaitable[bool]], what: str, seconds: float = PATIENCE) -> float:
    """Wait for a condition.

    Args:
        what: must come about, for the message.

    Returns:
        The seconds that it took.

    Raises:
        Stuck: it did not come about.
    """
    began = time.monotonic()
    try:
        async with asyncio.timeout(seconds):
            while not await condition():  # noqa: ASYNC110  # it is another process's doing
                await asyncio.sleep(_LOOK_EVERY)
    except TimeoutError:
        raise Stuck(f"{what}: not within {seconds:g} s") from None
    return time.monotonic() - began
