import multiprocessing
import os
import shutil
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import pytest

from api.rate_limit import RateLimiter

KEY = "0123abcd"


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 5e6  # two months of uptime

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limiter(tmp_path: Path, clock: Clock) -> RateLimiter:
    return RateLimiter(tmp_path / "limits", clock)


def send_many(folder: Path, together: Barrier, admitted: Path) -> None:
    """Run in a process of its own, for which time stands still."""
    limiter = RateLimiter(folder, lambda: 100.0)
    together.wait(timeout=60)
    count = sum(limiter.charge(KEY, 1, 3000) == 0 for _ in range(3000))
    admitted.write_text(str(count))


@pytest.mark.parametrize("rate", [1, 3, 10, 49, 1000])
def test_a_burst_is_what_one_second_may_hold(limiter: RateLimiter, clock: Clock, rate: int) -> None:
    assert [limiter.charge(KEY, 1, rate) for _ in range(rate)] == [0.0] * rate
    assert limiter.charge(KEY, 1, rate) == pytest.approx(1 / rate, abs=1e-6)
    clock.now += 3600  # what was not sent in an hour is not saved up
    assert sum(limiter.charge(KEY, 1, rate) == 0 for _ in range(2 * rate)) == rate


@pytest.mark.parametrize(("rate", "posts"), [(10.0, 1), (10.0, 7), (0.5, 1), (2.5, 40), (300.0, 1000)])
def test_the_average_holds_for_a_client_that_always_asks(
    limiter: RateLimiter, clock: Clock, rate: float, posts: int
) -> None:
    began = clock.now
    sent = 0
    for gap in np.random.default_rng(1).exponential(posts / rate / 20, size=5000):
        if limiter.charge(KEY, posts, rate) == 0:
            sent += posts
        clock.now += gap
    allowed = rate * (clock.now - began)
    assert sent <= allowed + max(rate, 1) + posts
    assert sent >= 0.9 * allowed


def test_who_waits_as_long_as_told_loses_nothing_of_the_rate(limiter: RateLimiter, clock: Clock) -> None:
    began = clock.now
    sent = 0
    while clock.now - began < 1000:
        wait = limiter.charge(KEY, 4, 10)
        sent += 0 if wait else 4
        clock.now += wait
    assert sent == pytest.approx(10_000, abs=15)


def test_the_wait_is_exact(limiter: RateLimiter, clock: Clock) -> None:
    limiter.charge(KEY, 25, 10)
    wait = limiter.charge(KEY, 1, 10)
    assert wait == pytest.approx(2.5 - 0.9, abs=1e-6)
    clock.now += wait - 0.001
    assert limiter.charge(KEY, 1, 10) == pytest.approx(0.001, abs=1e-6)
    clock.now += 0.001
    assert limiter.charge(KEY, 1, 10) == 0.0


def test_a_batch_larger_than_the_burst_is_admitted_and_waited_for(limiter: RateLimiter, clock: Clock) -> None:
    assert limiter.charge(KEY, 1000, 10) == 0.0
    wait = limiter.charge(KEY, 1000, 10)
    assert wait == pytest.approx(99.1, abs=1e-6)
    clock.now += wait
    assert limiter.charge(KEY, 1000, 10) == 0.0


def test_a_batch_is_not_kept_waiting_by_small_requests_that_come_between(limiter: RateLimiter, clock: Clock) -> None:
    while limiter.charge(KEY, 1, 10) == 0:
        pass
    clock.now += limiter.charge(KEY, 1000, 10)
    assert limiter.charge(KEY, 1000, 10) == 0.0


def test_what_is_refused_is_not_charged(limiter: RateLimiter) -> None:
    limiter.charge(KEY, 20, 10)
    waits = {limiter.charge(KEY, 1_000_000, 10) for _ in range(100)}
    assert len(waits) == 1


def test_less_than_a_post_a_second_can_be_had(limiter: RateLimiter, clock: Clock) -> None:
    assert limiter.charge(KEY, 1, 0.25) == 0.0
    assert limiter.charge(KEY, 1, 0.25) == pytest.approx(4, abs=1e-6)
    clock.now += 4
    assert limiter.charge(KEY, 1, 0.25) == 0.0


def test_keys_do_not_pay_for_each_other(limiter: RateLimiter) -> None:
    limiter.charge(KEY, 1000, 1)
    assert limiter.charge(KEY, 1, 1) > 0
    assert limiter.charge("ffffffff", 1, 1) == 0.0


def test_limiters_of_one_folder_share_the_limit(tmp_path: Path, clock: Clock) -> None:
    limiters = [RateLimiter(tmp_path, clock) for _ in range(2)]
    assert [limiters[turn % 2].charge(KEY, 1, 10) for turn in range(10)] == [0.0] * 10
    assert all(limiter.charge(KEY, 1, 10) > 0 for limiter in limiters)


def test_processes_of_one_folder_share_the_limit_to_the_post(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(2)
    told = [tmp_path / "first", tmp_path / "second"]
    processes = [context.Process(target=send_many, args=(tmp_path / "limits", together, path)) for path in told]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=120)
    assert [process.exitcode for process in processes] == [0, 0]
    assert sum(int(path.read_text()) for path in told) == 3000


def test_a_torn_state_begins_anew(limiter: RateLimiter, tmp_path: Path) -> None:
    limiter.charge(KEY, 1000, 1)
    os.truncate(tmp_path / "limits" / KEY, 3)
    assert limiter.charge(KEY, 1, 1) == 0.0
    assert limiter.charge(KEY, 1, 1) > 0


def test_a_folder_that_was_tidied_away_is_made_again(limiter: RateLimiter, tmp_path: Path) -> None:
    limiter.charge(KEY, 1000, 1)
    shutil.rmtree(tmp_path / "limits")
    assert limiter.charge(KEY, 1000, 1) == 0.0
    assert limiter.charge(KEY, 1, 1) > 0


def test_a_state_is_eight_bytes_for_the_owner(limiter: RateLimiter, tmp_path: Path) -> None:
    for _ in range(3):
        limiter.charge(KEY, 1, 1)
    [state] = (tmp_path / "limits").iterdir()
    assert (state.name, state.stat().st_size, state.stat().st_mode & 0o777) == (KEY, 8, 0o600)


@pytest.mark.parametrize("key_id", ["", "..", "../0a", "0a/0b", "/0a", "0A", "0a\n", "0a\0", "٣"])
def test_what_is_no_id_is_no_file(limiter: RateLimiter, tmp_path: Path, key_id: str) -> None:
    with pytest.raises(ValueError, match="hexadecimal"):
        limiter.charge(key_id, 1, 1)
    assert [path.name for path in tmp_path.rglob("*")] == ["limits"]
