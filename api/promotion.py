"""Following the promoted bundle: what `triage models promote` and `rollback` say is served, without a gap."""

import asyncio
import time
from functools import partial

from api.service import Service
from data.errors import RegistryError
from model.bundle import Bundle
from model.registry import Registry

_RETRY_SECONDS = 30.0  # after which a bundle that failed is tried again: its files may have been mended


async def follow_promotion(service: Service, registry: Registry, every: float) -> None:
    """Replace the service's model whenever another one is promoted; runs until it is cancelled.

    Args:
        every: seconds between two looks at the pointer.
    """
    failed: tuple[str, float] | None = None
    while True:
        await asyncio.sleep(every)
        try:
            promoted = await asyncio.to_thread(registry.promoted)
        except (RegistryError, OSError):
            continue  # whoever writes the pointer hears of it; the model in service serves on
        if promoted in (None, service.bundle.manifest.reference):
            failed = service.fault = None
            continue
        if failed and failed[0] == promoted and time.monotonic() < failed[1]:
            continue
        await service.replace(promoted, partial(_find, registry, promoted))
        failed = (promoted, time.monotonic() + _RETRY_SECONDS) if service.fault else None


def _find(registry: Registry, reference: str) -> Bundle:
    return Bundle.load(registry.resolve(reference))
