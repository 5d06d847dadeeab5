"""All scenarios, and how one is played."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from data.errors import TriageError
from model.bundle import Bundle
from model.registry import Registry
from tests.chaos.abusing import cut, slow
from tests.chaos.clock import clock
from tests.chaos.ending import WORKERS, sigkill, sigterm, worker
from tests.chaos.filling import disk_full
from tests.chaos.known import Known
from tests.chaos.scene import Figures, Scene
from tests.chaos.swapping import swap
from tests.chaos.tally import Tally
from tests.chaos.versions import Versions, make_versions
from tests.chaos.wire import Broken

CLIENT_SECONDS = 2.0

Advance = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of harm.

    Attributes:
        rounds: how often it is done, where nothing else is wished for.
    """

    play: Callable[[Scene], Awaitable[Figures]]
    rounds: int


SCENARIOS: Mapping[str, Scenario] = {
    "swap": Scenario(swap, 1000),
    "sigterm": Scenario(sigterm, 20),
    "sigterm_workers": Scenario(partial(sigterm, workers=WORKERS), 10),
    "sigkill": Scenario(sigkill, 20),
    "worker": Scenario(worker, 10),
    "cut": Scenario(cut, 200),
    "slow": Scenario(slow, 200),
    "disk_full": Scenario(disk_full, 10),
    "clock": Scenario(clock, 10),
}


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a scenario."""

    rounds: int
    seconds: float
    tally: Tally
    figures: Figures


def play(
    bundle: Bundle,
    rounds: Mapping[str, int],
    client_seconds: float = CLIENT_SECONDS,
    show: Callable[[str], Advance] = lambda name: lambda: None,
) -> dict[str, Result]:
    """Play scenarios, one after the other.

    Args:
        bundle: of which versions are made.
        rounds: by scenario.
        client_seconds: after which the service cuts off a slow client, in the scenario that is about it.
        show: told of the scenario that begins; gives what is called after each of its rounds.
    """
    with tempfile.TemporaryDirectory(prefix="triage-chaos-") as folder:
        versions = make_versions(bundle, Path(folder) / "models")
        known = Known([Bundle.load(versions.registry.resolve(reference)) for reference in versions.good])
        return {
            name: _play(name, versions, known, number, client_seconds, show(name)) for name, number in rounds.items()
        }


def _play(name: str, versions: Versions, known: Known, rounds: int, client_seconds: float, advance: Advance) -> Result:
    with tempfile.TemporaryDirectory(prefix=f"triage-{name}-") as folder:
        models = Path(shutil.copytree(versions.registry.root, Path(folder) / "models"))
        scene = Scene(
            Path(folder), Registry(models), versions.good, versions.torn, known, rounds, advance, client_seconds
        )
        tally, figures = scene.tally, {}
        began = time.monotonic()
        try:
            figures = asyncio.run(_figures(SCENARIOS[name], scene))
        except (TriageError, Broken, TimeoutError) as error:
            # First: the faults before it may be many, and come of this one.
            tally.faults.insert(0, f"there is no going on: {str(error) or type(error).__name__}")
        else:
            if tally.requests != tally.answered + tally.wrong + tally.lost:
                tally.fault("there are requests of which nothing came")
        return Result(rounds, time.monotonic() - began, tally, figures)


async def _figures(scenario: Scenario, scene: Scene) -> Figures:
    return await scenario.play(scene)
