"""A wall clock that jumps a day ahead and back at any time, for the process that installs it."""

import time
from random import Random

_DAY = 86_400
_JUMPS = 0.2  # of the times when it is looked at


def install() -> None:
    """Let `time.time` and `time.time_ns` jump. `time.monotonic` goes on as ever, as it does where a clock is set."""
    random = Random(3)  # noqa: S311  # nobody has to be unable to foresee it
    seconds, nanoseconds = time.time, time.time_ns
    ahead = 0

    def jumped() -> int:
        nonlocal ahead
        if random.random() < _JUMPS:
            ahead = random.choice((-_DAY, 0, _DAY))
        return ahead

    time.time = lambda: seconds() + jumped()
    time.time_ns = lambda: nanoseconds() + 10**9 * jumped()
