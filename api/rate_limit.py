"""How many posts a key may send, counted by all processes of one machine together."""

import fcntl
import os
import re
import struct
import time
from collections.abc import Callable
from pathlib import Path

_KEY_ID = re.compile(r"[0-9a-f]+")
_TIME = struct.Struct("=d")
_ROUNDING = 1e-6
"""Seconds; more than the sums of a float64 lose over years of uptime."""


class RateLimiter:
    """The generic cell rate algorithm in its form of virtual scheduling (ITU-T I.371, annex A), a post being a cell.

    A key has a theoretical arrival time: when all that it sent would have been sent at its rate. While that lies
    further ahead than one burst, a second's worth of posts, the key is in debt and must wait. A request is admitted by
    the debt alone, whatever its size, and then charged in full: a large batch is never refused for ever, what follows
    it waits the longer, and the average holds.

    The times are those of CLOCK_MONOTONIC, which the processes of a machine share and which begins anew when it does:
    the folder must not outlive a boot.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._clock = clock
        self._make_folder()

    def charge(self, key_id: str, posts: int, per_second: float) -> float:
        """Charge a request to its key.

        Returns:
            0 where it is admitted; else the seconds until it would be, and nothing was charged.
        """
        if not _KEY_ID.fullmatch(key_id):
            raise ValueError("the id of a key is hexadecimal")
        tolerance = max(0.0, 1 - 1 / per_second)  # the first post of a burst needs none
        try:
            descriptor = self._open(key_id)
        except FileNotFoundError:  # somebody tidied up; all begin anew
            self._make_folder()
            descriptor = self._open(key_id)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            now = self._clock()
            stored = os.pread(descriptor, _TIME.size, 0)
            arrival = max(now, *_TIME.unpack(stored)) if len(stored) == _TIME.size else now
            wait: float = arrival - tolerance - now
            if wait > _ROUNDING:
                return wait
            os.pwrite(descriptor, _TIME.pack(arrival + posts / per_second), 0)
            return 0.0
        finally:
            os.close(descriptor)

    def _open(self, key_id: str) -> int:
        return os.open(self._folder / key_id, os.O_RDWR | os.O_CREAT, 0o600)

    def _make_folder(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
