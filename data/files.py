"""Files and folders that are written whole or not at all."""

import fcntl
import glob
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_TEMPORARY = ".incomplete-"
_RANDOM_CHARACTERS = 8  # of `tempfile`


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}{_TEMPORARY}", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        with _in_use(temporary):
            yield temporary
            temporary.chmod(0o666 & ~_umask())  # mkstemp's 0600 would shut other users of the folder out
            _sync(temporary)
            temporary.replace(path)
            _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(path: Path) -> None:
    """Delete what writers of the file or folder `path` left that were killed; never what one is writing now."""
    for leftover in path.parent.glob(f".{glob.escape(path.name)}{_TEMPORARY}{'?' * _RANDOM_CHARACTERS}"):
        with suppress(OSError):  # somebody else's, in use, or gone by now
            _remove_unused(leftover)


def write_whole(path: Path, text: str) -> None:
    """Write `text` as UTF-8 so that a reader sees the old file or the new one, never a part."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def whole_folder(parent: Path, name: str | None = None) -> Iterator[Path]:
    """Give a temporary folder in `parent`, to be filled and then moved away by the caller; what is left is removed.

    Args:
        name: that the folder is to have there, so that `remove_leftovers` knows it.
    """
    parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{name}{_TEMPORARY}" if name else _TEMPORARY, dir=parent))
    try:
        with _in_use(temporary):
            yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def publish_folder(temporary: Path, target: Path) -> None:
    """Rename a filled folder to `target`.

    Raises:
        OSError: `target` exists and is not empty (somebody else was first).
    """
    temporary.chmod(0o777 & ~_umask())
    for path in sorted(temporary.rglob("*")):
        _sync(path)
    _sync(temporary)
    temporary.rename(target)
    _sync(target.parent)


def file_sha256(path: Path) -> str:
    """SHA-256 of the file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _in_use(path: Path) -> Iterator[None]:
    """A lock, which ends with the process however that ends."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks, on which nothing is taken for left over either
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def _remove_unused(path: Path) -> None:
    """Delete a file or folder.

    Raises:
        OSError: it is in use, or cannot be deleted.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    finally:
        os.close(descriptor)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0)  # there is no way to read it but to set it
    os.umask(mask)
    return mask
