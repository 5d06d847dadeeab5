"""A disk that is full when something is promoted or published: that fails, and all is as it was."""

import asyncio
import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from model.registry import POINTER, Registry
from tests.chaos.scene import Figures, Scene
from tests.chaos.service import bare_environment
from tests.chaos.waiting import PATIENCE, Stuck

_SPARE_BYTES = 2**20
_KIB_FOR_SMALL_FILES = 16  # no graph goes in

Done = subprocess.CompletedProcess[str]
Run = Callable[[int, list[str]], Done]


async def disk_full(scene: Scene) -> Figures:
    """A small disk is mounted, where that is permitted, and is full; and a process may not write files of any size.

    With a little room left, a bundle is begun to be published and cannot be brought to its end.
    """
    size = sum(path.stat().st_size for path in scene.registry.root.rglob("*"))
    with _small_disk(scene.folder / "disk", 2 * size + _SPARE_BYTES) as (disk, mounted):
        ways: list[Run] = [_run_limited, *([partial(_run_on_full_disk, disk)] if mounted else [])]
        scene.registry = Registry(Path(shutil.copytree(scene.registry.root, disk / "models")))
        current = scene.good[0]
        async with scene.service() as service, scene.load(service) as load:
            for number in range(scene.rounds):
                run = ways[number % len(ways)]
                target = scene.next_of(current)
                await _must_fail(scene, partial(run, 0, _promoting(scene, target)))
                await _must_fail(scene, partial(run, _KIB_FOR_SMALL_FILES, _publishing(scene, target)))
                await load.flows()
                ready = await service.readiness()
                if ready.get("model") != current or "fault" in ready:
                    scene.tally.fault(f"{current} must be served without a fault: {ready}")
                await scene.change(service, current, target, partial(_must_do, _promoting(scene, target)))
                current = target
                scene.advance()
        scene.check_log(service)
    return {"ways": "full and limited" if mounted else "limited"}


def _promoting(scene: Scene, reference: str) -> list[str]:
    return ["api.cli", "models", "promote", reference, "--models", str(scene.registry.root)]


def _publishing(scene: Scene, reference: str) -> list[str]:
    return ["tests.chaos.publishing", str(scene.registry.root), reference]


async def _must_fail(scene: Scene, run: Callable[[], Done]) -> None:
    """Run what cannot write: it must say so, and the folder must be as it was."""
    before = _state(scene.registry)
    done = await asyncio.to_thread(run)
    *_, last = done.stderr.splitlines() or [""]
    reasons = [os.strerror(number) for number in (errno.ENOSPC, errno.EFBIG)]
    command = " ".join(done.args)
    if done.returncode == 0 or not any(reason in last for reason in reasons):
        scene.tally.fault(f"it must fail for want of room, and ended with {done.returncode}: {command}: {last}")
    if _state(scene.registry) != before:
        scene.tally.fault(f"the folder of the bundles is not as it was before: {command}")


def _must_do(module: list[str]) -> None:
    done = _run(_command(module))
    if done.returncode:
        raise Stuck(f"with room again it must be done: {module}: {done.stderr}")


def _state(registry: Registry) -> tuple[bytes, list[Path]]:
    return (registry.root / POINTER).read_bytes(), sorted(registry.root.rglob("*"))


def _run_on_full_disk(disk: Path, kib: int, module: list[str]) -> Done:
    """Run a module while the disk has so much room."""
    filler = disk / "filler"
    left = os.statvfs(disk)
    try:
        with filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, left.f_bavail * left.f_frsize - 1024 * kib)
        return _run(_command(module))
    finally:
        filler.unlink()


def _run_limited(kib: int, module: list[str]) -> Done:
    """Run a module that may write files of so much; which is another error than that of a full disk."""
    # In blocks of 512 bytes. Set by a shell, as there are threads here and no safe way to run Python after a fork.
    return _run(["/bin/sh", "-c", f'ulimit -f {2 * kib}; exec "$@"', "sh", *_command(module)])


def _command(module: list[str]) -> list[str]:
    return [sys.executable, "-m", *module]


def _run(command: list[str]) -> Done:
    return subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE, env=bare_environment(), check=False
    )


@contextmanager
def _small_disk(folder: Path, size: int) -> Iterator[tuple[Path, bool]]:
    """A folder, which is a disk of that size in memory where one may be mounted, and whether it is."""
    folder.mkdir()
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    command = [mount or "", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    mounted = bool(mount and unmount) and subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield folder, mounted
    finally:
        if mounted:
            subprocess.run([unmount or "", "--lazy", str(folder)], check=True)
