"""The folder of an unfinished run: one process at work in it, gone when its bundle is there."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from data.errors import BusyError
from data.files import remove_leftovers, whole_folder, write_whole
from model.registry import Registry
from training.loop import processes

_RUN = "run"  # the file with its name


@dataclass(frozen=True, slots=True)
class WorkFolder:
    """Where a run keeps its checkpoints and graphs.

    Attributes:
        run: a name that no other run has, kept when it is resumed. A bundle that bears it came from here.
    """

    path: Path
    run: str

    def published(self, name: str, registry: Registry) -> Path | None:
        """The bundle of this name that the run has published, if it was killed right after that."""
        # What was made of a bundle bears the name of its run too, and a later version.
        published = registry.find(name, lambda provenance: provenance.get("run") == self.run)
        if published and registry.promoted() is None:
            registry.promote(f"{name}@{published.name}")
        return published

    def remove(self) -> None:
        """Delete the folder, so that what a kill leaves of it is not taken for an unfinished run."""
        with whole_folder(self.path.parent, self.path.name) as grave:
            self.path.rename(grave / self.path.name)


@contextmanager
def work_in(path: Path, *, resume: bool) -> Iterator[WorkFolder]:
    """Take the folder for this run alone, in the main process for all of them; it is made where there is none.

    Args:
        resume: as the run that was at work here, if there was one; otherwise as a new one, in an empty folder.

    Raises:
        BusyError: another run is at work there.
    """
    with _alone_in(path) if processes.is_main() else nullcontext():
        work = WorkFolder(path, processes.decided_by_main(lambda: _name(path, resume)))
        try:
            yield work
        finally:
            if processes.is_main() and path.is_dir() and [each.name for each in path.iterdir()] == [_RUN]:
                work.remove()  # nothing was done in it


def _name(path: Path, resume: bool) -> str:
    if resume:
        with suppress(FileNotFoundError):
            return (path / _RUN).read_text(encoding="utf-8")
    for old in path.iterdir():  # of a later stage too: what is gone on with would be the work of two runs
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    name = uuid4().hex
    write_whole(path / _RUN, name)
    return name


@contextmanager
def _alone_in(path: Path) -> Iterator[None]:
    """A lock on the folder, which ends with the process however that ends."""
    descriptor = _locked(path)
    try:
        remove_leftovers(path)
        remove_leftovers(path / _RUN)
        yield
    finally:
        os.close(descriptor)


def _locked(path: Path) -> int:
    while True:
        path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise BusyError(
                f"{path}: a run of just this job is at work there; wait for its end, or stop it and go on with --resume"
            ) from error
        except OSError:
            return descriptor  # a file system without locks
        if path.is_dir() and path.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
        os.close(descriptor)  # that of a run that has just ended, and removed it
