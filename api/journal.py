"""Answers that were given already, kept beside the file that they are for, so that a killed run loses nothing."""

import fcntl
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from data.errors import DataError


class Journal:
    """A file of one JSON line an answer, after a first line that says what they are answers to. Holds no texts."""

    def __init__(self, path: Path, file: BinaryIO, resumed: int) -> None:
        self._path = path
        self._file = file
        self.resumed = resumed
        """How many answers an interrupted run had left."""

    def append(self, answers: Sequence[Mapping[str, Any]]) -> None:
        """Add answers; they outlive this process from now on."""
        self._file.writelines(json.dumps(answer).encode() + b"\n" for answer in answers)
        self._file.flush()

    def read(self) -> Iterator[dict[str, Any]]:
        """All answers, the oldest first."""
        with self._path.open(encoding="utf-8") as lines:
            next(lines)  # the identity
            yield from map(json.loads, lines)

    def remove(self) -> None:
        """Forget the answers: what they were for is written."""
        self._path.unlink()


@contextmanager
def open_journal(target: Path, identity: Mapping[str, Any]) -> Iterator[Journal]:
    """The journal of a file that is to be written, for one process at a time.

    Args:
        identity: all that the answers depend on. A journal with another one is begun anew.

    Raises:
        DataError: another process is writing the same file.
    """
    path = target.with_name(target.name + ".journal")
    first = json.dumps(identity).encode() + b"\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataError(f"{target}: another run is writing it; wait for that one, or name another file") from error
        lines, whole = _whole_lines(file, first)
        file.truncate(whole)
        if lines == 0:
            file.write(first)
            file.flush()
        yield Journal(path, file, max(lines - 1, 0))


def _whole_lines(file: BinaryIO, first: bytes) -> tuple[int, int]:
    """Number and bytes of the lines that a kill left whole; none where the first line is another."""
    file.seek(0)
    lines = whole = 0
    for line in file:
        if not line.endswith(b"\n") or (lines == 0 and line != first):
            break
        lines += 1
        whole += len(line)
    return lines, whole
