"""The service as a process that is started, harmed, looked at and started again."""

import asyncio
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

from api import probe
from api.probe import resident_mb
from tests.chaos.questions import head
from tests.chaos.waiting import PATIENCE, Stuck, until
from tests.chaos.wire import Answer, Broken, Wire
from tests.load.service import parse_metrics, total

ROOT = Path(__file__).parents[2]
"""From where the service is imported."""

# Below the ports that the kernel gives to clients: one of those could hold the port while the service is away, or be
# given to the very client that looks for the service there, which would then have found itself.
_PORTS = range(20_000, 30_000)
_OPEN = ("01", "08")  # states in /proc/net/tcp: established, and closed by the other end only
_ANSWER_SECONDS = 10.0
_TOLD = 2000  # characters of the log, where it failed


class Service:
    """`triage serve`, which follows what is promoted in a folder; ready when the context begins, ended with it."""

    def __init__(
        self,
        models: Path,
        folder: Path,
        *,
        workers: int = 1,
        environment: Mapping[str, str] = MappingProxyType({}),
        **settings: object,
    ) -> None:
        """
        Args:
            folder: for its log, and for what it leaves lying when it is killed.
            environment: added to the one that there is.
            settings: of the service; those that the environment holds do not count.
        """
        self.workers = workers
        self.port = _free_port()
        self.log = folder / "service.log"
        self._folder = folder
        self._command = [sys.executable, "-m", "api.cli", "serve", "--models", str(models), "--port", str(self.port)]
        self._command += ["--workers", str(workers)] if workers > 1 else []
        given = {"watch_seconds": 0.05, "cached_posts": 0, "log_format": "json", **settings}
        self._environment = {
            **bare_environment(),
            **{f"TRIAGE_{name.upper()}": str(value) for name, value in given.items()},
            "TMPDIR": str(folder),
            **environment,
        }
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            self._kill()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.signal(signal.SIGTERM)
                status, _ = await self.ended()
                if status:
                    raise Stuck(f"the service ended with status {status} after SIGTERM:{self._last_words()}")
        finally:
            self._kill()

    @property
    def pid(self) -> int:
        return self._running.pid

    async def start(self) -> float:
        """Start it on its port, and return when it is ready; after how many seconds.

        Raises:
            Stuck: it did not become ready.
        """
        self._process = self._begun()
        return await self.becomes_ready()

    async def becomes_ready(self) -> float:
        """Wait until all of its processes are ready; after how many seconds.

        Raises:
            Stuck: they are not.
        """
        return await until(self._is_ready, "the service must be ready")

    def signal(self, number: signal.Signals) -> None:
        self._running.send_signal(number)

    async def ended(self, seconds: float = PATIENCE) -> tuple[int, float]:
        """Wait for its end; its exit status, and after how many seconds.

        Raises:
            Stuck: it did not end.
        """

        async def has_ended() -> bool:
            return self._running.poll() is not None

        took = await until(has_ended, "the service must end", seconds)
        return self._running.wait(), took

    async def get(self, path: str, *headers: str) -> Answer:
        """Ask for something else than labels.

        Raises:
            Broken: no answer.
        """
        wire = await Wire.open(self.port)
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await wire.send(head("Connection: close", *headers, first=f"GET {path}"))
                return await wire.answer()
        except TimeoutError:
            raise Broken(begun=False) from None
        finally:
            wire.close()

    async def readiness(self) -> dict[str, Any]:
        """What `/readyz` says; nothing where it does not say that it is ready."""
        with suppress(Broken):
            answer = await self.get("/readyz")
            if answer.status == HTTPStatus.OK:
                found: dict[str, Any] = json.loads(answer.body)
                return found
        return {}

    async def metric(self, name: str, /, **labels: str) -> float:
        """Of all its processes together.

        Raises:
            Broken: no answer.
        """
        metrics = parse_metrics((await self.get("/metrics")).body.decode())
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return total({found: value for found, value in metrics.items() if all(pair in found for pair in wanted)}, name)

    async def serves(self, reference: str) -> None:
        """Wait until each of its processes serves a bundle.

        Raises:
            Stuck: it does not.
        """
        name, _, version = reference.partition("@")

        async def do_all() -> bool:
            if self.workers == 1:
                return (await self.readiness()).get("model") == reference
            with suppress(Broken):
                return await self.metric("triage_model", name=name, version=version) == self.workers
            return False

        await until(do_all, f"{reference} must be served")

    def processes(self) -> list[int]:
        """Those that serve, the oldest first."""
        if self.workers == 1:
            return [self.pid]
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="utf-8").split()
        # multiprocessing has a helper process of its own beside them.
        return [int(pid) for pid in children if "spawn_main" in _command_line(pid)]

    def connections(self, pid: int | None = None) -> set[int]:
        """The ports of the clients whose connections it has not closed.

        Args:
            pid: of the process that must hold them; by default also those that it has yet to accept.
        """
        own = set(_descriptors(pid)) if pid else None
        found = set()
        for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            (_, port), (_, client) = fields[1].split(":"), fields[2].split(":")
            if int(port, 16) == self.port and fields[3] in _OPEN and (own is None or f"socket:[{fields[9]}]" in own):
                found.add(int(client, 16))
        return found

    def descriptors(self) -> int:
        """Files and sockets that it has open."""
        return sum([len(_descriptors(pid)) for pid in self.processes()])

    def threads(self) -> int:
        return sum([len(os.listdir(f"/proc/{pid}/task")) for pid in self.processes()])  # noqa: PTH208  # names alone

    def resident_mb(self) -> float:
        return sum([resident_mb(pid) for pid in self.processes()])

    async def first_bundle(self, pid: int) -> str:
        """The bundle that one of its processes began with, as its log says.

        Raises:
            Stuck: it does not say so.
        """
        ready = re.compile(rf'"ready: ([^"]+)", "process": {pid}}}')
        found: list[str] = []

        async def is_told() -> bool:
            found[:] = ready.findall(self.log.read_text(encoding="utf-8"))
            return bool(found)

        await until(is_told, f"process {pid} must log that it is ready")
        return found[0]

    def complaints(self, *expected: str) -> list[str]:
        """What its log holds that is no mere information.

        Args:
            expected: parts of the lines that are as they should be.
        """
        lines = self.log.read_text(encoding="utf-8").splitlines()
        told = ('"level": "INFO"', "serving ", *expected)
        return [line for line in lines if line and not any(part in line for part in told)]

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it was not started"
        return self._process

    def _begun(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,  # Ctrl-C is meant for whoever does it harm, and then ends it
            )

    async def _is_ready(self) -> bool:
        if self._running.poll() is not None:
            raise Stuck(f"the service has ended:{self._last_words()}")
        if self.workers == 1:
            return bool(await self.readiness())
        # In this order: a new process counts before its model does, and after the model of the one that died.
        if len(self.processes()) == self.workers:
            with suppress(Broken):
                return await self.metric("triage_model") == self.workers
        return False

    def _last_words(self) -> str:
        return "\n" + self.log.read_text(encoding="utf-8")[-_TOLD:].strip()

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def bare_environment() -> dict[str, str]:
    """For our own commands: as that of the probe, and what they leave lying lies where TMPDIR says."""
    elsewhere = ("RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR")
    return {name: value for name, value in probe.bare_environment().items() if name not in elsewhere}


def _descriptors(pid: int) -> list[str]:
    """What the files and sockets are that a process has open."""
    found = []
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            found.append(str(path.readlink()))
    return found


def _command_line(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")
    except OSError:
        return ""  # it has ended


def _free_port() -> int:
    for port in random.sample(_PORTS, len(_PORTS)):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise Stuck("there must be a free port")
