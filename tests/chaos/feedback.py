"""`python -m tests.chaos.feedback`: is all feedback there, once, that the service acknowledged before it was killed."""

import argparse
import asyncio
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from pathlib import Path
from random import Random

import httpx
from rich.progress import Progress

from api.commands.shared import note, print_json, stderr
from data.errors import TriageError
from data.feedback.store import FeedbackStore
from tests.chaos.service import Service
from tests.chaos.waiting import until
from tests.postgres import PostgreSQL, postgresql

_WRITERS = 4
_AT_ONCE = 25
_ANSWERS = 100
_AWAY_SECONDS = 0.02  # before a writer tries again
_WORTH_A_BAR = 10_000


@dataclass(slots=True)
class Written:
    """What came of it.

    Attributes:
        acknowledged: by id, the reviewer that was sent with it.
        repeated: that the service knew already, because it was killed between storing and answering.
        restarts: of the database.
    """

    acknowledged: dict[str, str] = field(default_factory=dict)
    repeated: int = 0
    kills: int = 0
    restarts: int = 0
    unanswered: int = 0
    faults: list[str] = field(default_factory=list)


async def write_and_kill(
    models: Path, folder: Path, location: str, writes: int, kills: int, random: Random, server: PostgreSQL | None = None
) -> Written:
    """Send feedback from several clients, each piece until it is acknowledged, and kill the service meanwhile.

    Args:
        folder: for what the service leaves lying.
        location: of the store, which is empty.
        server: of the database; every fourth time it is killed too.
    """
    written = Written()
    async with (
        Service(models, folder, feedback=location) as service,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{service.port}", timeout=10) as client,
    ):
        answers = await _answers(client)
        batches = iter([range(start, min(start + _AT_ONCE, writes)) for start in range(0, writes, _AT_ONCE)])
        with Progress(console=stderr, disable=writes < _WORTH_A_BAR) as bar:
            task = bar.add_task("feedback", total=writes)
            async with asyncio.TaskGroup() as group:
                writers = [group.create_task(_write(client, batches, answers, written)) for _ in range(_WRITERS)]
                for number in range(kills):
                    # By what is written, not by the clock: so each kill meets clients that write.
                    after = writes * (number + random.random()) / kills
                    await until(partial(_has_come_to, written, after), f"{after:.0f} must be written")
                    await asyncio.sleep(random.uniform(0, 0.02))
                    await _kill(service, server if number % 4 == 3 else None, written)
                    bar.update(task, completed=len(written.acknowledged))
                await asyncio.wait(writers)
    _look(location, written, writes)
    return written


async def _answers(client: httpx.AsyncClient) -> list[tuple[str, str]]:
    """Ids of answers, each with one of its heads."""
    posts = [{"text": f"my order {number}"} for number in range(_ANSWERS)]
    answered = (await client.post("/classify", json={"posts": posts})).json()
    return [(result["answer"], next(iter(result["labels"]))) for result in answered["results"]]


async def _has_come_to(written: Written, count: float) -> bool:
    return len(written.acknowledged) >= count


async def _write(
    client: httpx.AsyncClient, batches: Iterator[range], answers: Sequence[tuple[str, str]], written: Written
) -> None:
    for batch in batches:
        items = []
        for number in batch:
            answer, head = answers[number % len(answers)]
            items.append({"id": f"f-{number}", "answer": answer, "wrong": [head], "reviewer": f"reviewer {number % 7}"})
        while True:
            try:
                response = await client.post("/feedback", json={"feedback": items})
            except httpx.HTTPError:
                written.unanswered += 1
                await asyncio.sleep(_AWAY_SECONDS)
                continue
            if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:  # loading, or the database is away
                await asyncio.sleep(_AWAY_SECONDS)
                continue
            break
        results = response.json().get("results", [])
        states = Counter(result.get("stored", "failed") for result in results)
        if states["new"] + states["known"] != len(items):
            written.faults.append(f"{response.status_code}: {dict(states)} for {len(items)} items")
        written.repeated += states["known"]
        written.acknowledged |= {str(item["id"]): str(item["reviewer"]) for item in items}


async def _kill(service: Service, server: PostgreSQL | None, written: Written) -> None:
    service.signal(signal.SIGKILL)
    await service.ended()
    written.kills += 1
    if server:
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        written.restarts += 1
    await service.start()


def _look(location: str, written: Written, writes: int) -> None:
    """Hold the store against what was acknowledged."""
    store = FeedbackStore.open(location)
    stored = [(row["id"], row["reviewer"]) for row in store.rows()]
    store.close()
    counts = Counter(id_ for id_, _ in stored)
    found = dict(stored)
    lost = [id_ for id_ in written.acknowledged if id_ not in found]
    other = [id_ for id_, reviewer in written.acknowledged.items() if found.get(id_, reviewer) != reviewer]
    twice = [id_ for id_, count in counts.items() if count > 1]
    for what, ids in (("lost", lost), ("stored otherwise", other), ("stored more than once", twice)):
        if ids:
            written.faults.append(f"{len(ids)} {what}, the first is {ids[0]}")
    if len(stored) != writes or len(written.acknowledged) != writes:
        written.faults.append(f"{writes} sent, {len(written.acknowledged)} acknowledged, {len(stored)} stored")


@contextmanager
def _places(kind: str, folder: Path) -> Iterator[tuple[str, PostgreSQL | None]]:
    """The location of an empty store, and its server."""
    with postgresql() if kind == "postgresql" else nullcontext() as server:
        yield (server.url if server else str(folder / "feedback.db")), server


def main(arguments: Sequence[str] | None = None) -> int:
    """Write, kill, look, and return the exit status: 1 where something is lost or there twice."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.feedback", description=__doc__)
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--writes", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--models", type=Path, default=Path("models"), help="folder of the bundles")
    options = parser.parse_args(arguments)
    random = Random(options.seed)  # noqa: S311  # nothing secret
    with tempfile.TemporaryDirectory(prefix="feedback-") as name, _places(options.store, Path(name)) as (place, server):
        try:
            found = asyncio.run(
                write_and_kill(
                    options.models.resolve(), Path(name), place, options.writes, options.kills, random, server
                )
            )
        except TriageError as error:
            note(f"error: {error}")
            return error.exit_code
    print_json(
        {
            "store": options.store,
            "acknowledged": len(found.acknowledged),
            "kills": found.kills,
            "restarts_of_the_database": found.restarts,
            "requests_without_answer": found.unanswered,
            "stored_before_they_were_acknowledged": found.repeated,
            "faults": found.faults,
        }
    )
    return int(bool(found.faults))


if __name__ == "__main__":
    sys.exit(main())
