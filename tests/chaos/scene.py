"""What every scenario has: bundles of its own, posts whose answers are known, and a tally."""

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

from model.registry import POINTER, Registry
from tests.chaos.clients import Excuse, InService, Load
from tests.chaos.known import Known
from tests.chaos.service import Service
from tests.chaos.tally import Tally
from tests.chaos.waiting import until
from tests.chaos.wire import Broken

Figures = dict[str, Any]

_AT_REST = 20.0  # seconds until nothing is held any more


@dataclass
class Scene:
    """Where a scenario is played.

    Attributes:
        folder: for whatever it needs.
        registry: a copy of its own; the first of `good` is promoted.
        good, torn: the bundles in it, as `NAME@VERSION`.
        rounds: how often the service is harmed.
        advance: called after each of them.
        client_seconds: in which slow clients are cut off.
    """

    folder: Path
    registry: Registry
    good: Sequence[str]
    torn: Sequence[str]
    known: Known
    rounds: int
    advance: Callable[[], None] = lambda: None
    client_seconds: float = 2.0
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        self.in_service = InService(version_of(self.good[0]))

    def service(self, **settings: Any) -> Service:
        """The service, not yet started."""
        return Service(self.registry.root, self.folder, **settings)

    def load(self, service: Service, excuse: Excuse = lambda failure: False, **settings: Any) -> Load:
        """Good clients of a service."""
        return Load(service.port, self.known, self.tally, self.in_service, excuse=excuse, **settings)

    def next_of(self, reference: str) -> str:
        """Another good version."""
        return self.good[(self.good.index(reference) + 1) % len(self.good)]

    async def promote(self, service: Service, before: str, after: str) -> None:
        """Promote another version, and wait until it is served.

        Raises:
            Stuck: it is not.
        """
        await self.change(service, before, after, partial(self.registry.promote, after))

    async def change(self, service: Service, before: str, after: str, how: Callable[[], object]) -> None:
        """Let another version be promoted, and wait until it is served.

        Args:
            how: it is promoted; called on a thread.

        Raises:
            Stuck: it is not served.
        """
        self.in_service.now(version_of(before), version_of(after))
        await asyncio.to_thread(how)
        await service.serves(after)
        self.in_service.now(version_of(after))

    def point_to(self, torn: str) -> None:
        """Promote by hand, since `promote` would see that a bundle is torn; a rollback leads back."""
        pointer = self.registry.root / POINTER
        plain = json.loads(pointer.read_text(encoding="utf-8"))
        previous = [*plain["previous"], plain["current"]]
        pointer.write_text(json.dumps({"current": torn, "previous": previous}), encoding="utf-8")

    def check_log(self, service: Service, *expected: str) -> None:
        """Nothing unexpected may stand in the log of a service."""
        for line in service.complaints(*expected):
            self.tally.fault(f"logged: {line}")


async def rest(service: Service, descriptors: float = inf) -> None:
    """Wait until a service that nobody asks anything holds on to nothing.

    Args:
        descriptors: files and sockets that it may have open; by default any number.

    Raises:
        Stuck: it does hold on.
    """

    async def is_empty() -> bool:
        with suppress(Broken):
            return await service.metric("triage_queued_posts") == await service.metric("triage_queued_bytes") == 0
        return False

    async def is_closed() -> bool:
        return not service.connections() and service.descriptors() <= descriptors

    await until(is_empty, "posts and bytes that are being answered must come down to 0", _AT_REST)
    await until(is_closed, f"open files must come down to {descriptors:g}", _AT_REST)


def version_of(reference: str) -> str:
    return reference.rpartition("@")[2]
