"""Another model while requests are answered."""

import asyncio
import time
from statistics import median

from tests.chaos.clients import Load
from tests.chaos.scene import Figures, Scene
from tests.chaos.service import Service
from tests.chaos.waiting import until

_TORN_EVERY = 10
_BACK_EVERY = 7
_SETTLED = 50  # rounds after which memory and threads are as much as they should ever be
_MOST_GROWTH = 1.3
_POOLED = 8  # threads that the pools of the process may still begin after that


async def swap(scene: Scene) -> Figures:
    """Versions are promoted and rolled back; now and then one that is torn is, which must stay out."""
    took: list[float] = []
    torn = 0
    promoted = [scene.good[0]]  # the oldest first, as the pointer has them
    settled = min(_SETTLED, -(-scene.rounds // 2))
    async with scene.service() as service:
        async with scene.load(service) as load:
            await load.flows()
            first = service.resident_mb()
            for number in range(1, scene.rounds + 1):
                began = time.monotonic()
                if number % _BACK_EVERY == 0:
                    await scene.change(service, promoted.pop(), promoted[-1], scene.registry.rollback)
                else:
                    promoted.append(scene.next_of(promoted[-1]))
                    await scene.promote(service, *promoted[-2:])
                took.append(time.monotonic() - began)
                if number % _TORN_EVERY == _TORN_EVERY // 2:
                    await _try_torn(scene, service, load, promoted[-1], scene.torn[torn % len(scene.torn)])
                    torn += 1
                if number == settled:
                    memory, threads = service.resident_mb(), service.threads()
                scene.advance()
            growth = service.resident_mb() / memory
        done = await service.metric("triage_model_replacements_total", outcome="done")

        async def are_few() -> bool:
            return service.threads() <= threads + _POOLED

        await until(are_few, f"threads must come down to the {threads} there were, and {_POOLED} of pools")
        figures = {
            "torn": torn,
            "median_seconds": median(took),
            "greatest_seconds": max(took),
            "memory_mb_before": first,
            "memory_mb_settled": memory,
            "memory_growth": growth,
            "threads_settled": threads,
            "threads_at_end": service.threads(),
        }
    if done != scene.rounds:
        scene.tally.fault(f"{scene.rounds} swaps were made, and the service counted {done:g}")
    if growth > _MOST_GROWTH:
        scene.tally.fault(f"memory grew by a factor of {growth:.2f} after {settled} swaps; {_MOST_GROWTH} is the most")
    scene.check_log(service, "stays out of service")
    return figures


async def _try_torn(scene: Scene, service: Service, load: Load, current: str, torn: str) -> None:
    """Point to a torn bundle, and roll back."""
    scene.point_to(torn)

    async def is_told() -> bool:
        ready = await service.readiness()
        return ready.get("model") == current and ready.get("fault", {}).get("bundle") == torn

    async def is_well() -> bool:
        ready = await service.readiness()
        return ready.get("model") == current and "fault" not in ready

    await until(is_told, f"{torn}, which is torn, must be told, and {current} be served")
    await load.flows()
    await asyncio.to_thread(scene.registry.rollback)
    await until(is_well, f"{current} must be served without a fault")
