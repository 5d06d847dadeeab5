import threading
import weakref
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.schedule import LEAST_RUN_TOKENS, RUN_TOKENS, RunQueue, Waiting, share_of_worker


@dataclass(eq=False)
class Asker:
    gave_up: bool = False

    def done(self) -> bool:
        return self.gave_up


Run = list[Waiting[Asker]]
requests = st.lists(st.lists(st.integers(min_value=1, max_value=300), min_size=1, max_size=30), max_size=8)


def ask(queue: RunQueue[Asker], *lengths: int) -> Asker:
    asker = Asker()
    queue.put(asker, enumerate(lengths))
    return asker


def take(queue: RunQueue[Asker]) -> Run:
    run = queue.take()
    assert run is not None
    return run


def take_all(queue: RunQueue[Asker], posts: int) -> list[Run]:
    runs = []
    while posts > 0:
        runs.append(take(queue))
        posts -= len(runs[-1])
    assert posts == 0
    return runs


@settings(deadline=None, max_examples=200)
@given(requests=requests, workers=st.integers(min_value=1, max_value=8))
def test_every_post_is_taken_once_and_no_run_is_too_long_or_mostly_padding(
    requests: list[list[int]], workers: int
) -> None:
    queue: RunQueue[Asker] = RunQueue(workers)
    askers = [ask(queue, *lengths) for lengths in requests]
    runs = take_all(queue, sum(map(len, requests)))
    found = [(post.asker, post.place, post.tokens) for run in runs for post in run]
    assert len(found) == len(set(found))
    assert set(found) == {
        (asker, place, tokens)
        for asker, lengths in zip(askers, requests, strict=True)
        for place, tokens in enumerate(lengths)
    }
    for run in runs:
        padded = len(run) * max(post.tokens for post in run)
        assert len(run) == 1 or padded <= RUN_TOKENS
        assert padded - sum(post.tokens for post in run) <= 0.2 * padded


def test_requests_share_a_run() -> None:
    queue: RunQueue[Asker] = RunQueue(1)
    askers = [ask(queue, 16) for _ in range(20)]
    first, second = take_all(queue, 20)
    assert [post.asker for post in [*first, *second]] == askers
    assert (len(first), len(second)) == (16, 4)


def test_a_post_of_a_length_of_its_own_is_not_passed_over() -> None:
    queue: RunQueue[Asker] = RunQueue(1)
    odd = ask(queue, 200)
    for _ in range(50):
        ask(queue, 10)
    assert [post.asker for post in take(queue)] == [odd]


def test_a_large_request_runs_from_its_shortest_to_its_longest_posts() -> None:
    queue: RunQueue[Asker] = RunQueue(2)
    ask(queue, *([90, 30, 60] * 20))
    lengths = [post.tokens for run in take_all(queue, 60) for post in run]
    assert lengths == sorted(lengths)


def test_a_small_request_waits_for_no_large_one() -> None:
    queue: RunQueue[Asker] = RunQueue(2)
    ask(queue, *[20] * 1000)
    take(queue)
    small = ask(queue, 20)
    assert [post.asker for post in [*take(queue), *take(queue)] if post.asker is small] == [small]


def test_both_lanes_get_the_same_share_while_both_are_in_use() -> None:
    queue: RunQueue[Asker] = RunQueue(2)
    large = ask(queue, *[32] * 2000)
    for _ in range(2000):
        ask(queue, 32)
    taken = [post.asker is large for _ in range(100) for post in take(queue)]
    assert sum(taken) == pytest.approx(len(taken) / 2, abs=16)


def test_a_lane_has_no_claim_on_the_time_when_it_was_empty() -> None:
    queue: RunQueue[Asker] = RunQueue(2)
    large = ask(queue, *[32] * 2000)
    for _ in range(100):
        take(queue)
    for _ in range(2000):
        ask(queue, 32)
    taken = [post.asker is large for _ in range(100) for post in take(queue)]
    assert sum(taken) == pytest.approx(len(taken) / 2, abs=16)


def test_what_nobody_waits_for_any_more_is_passed_over() -> None:
    queue: RunQueue[Asker] = RunQueue(1)
    gone, there = ask(queue, 10, 11, 12), ask(queue, 11)
    gone.gave_up = True
    assert [(post.asker, post.tokens) for post in take(queue)] == [(there, 11)]
    last = ask(queue, 10)
    assert [post.asker for post in take(queue)] == [last]


def test_a_queue_of_nothing_but_the_abandoned_is_empty() -> None:
    queue: RunQueue[Asker] = RunQueue(1)
    ask(queue, 10, 300).gave_up = True
    found: list[Run | None] = []
    worker = threading.Thread(target=lambda: found.append(queue.take()))
    worker.start()
    there = ask(queue, 7)
    worker.join(30)
    assert [post.asker for post in found[0] or []] == [there]


def test_a_worker_waits_until_there_is_something_and_ends_when_the_queue_is_closed() -> None:
    queue: RunQueue[Asker] = RunQueue(2)
    found: list[Run | None] = []
    worker = threading.Thread(target=lambda: found.extend((queue.take(), queue.take())))
    worker.start()
    asker = ask(queue, 5)
    while not found and worker.is_alive() and queue._small:
        pass
    queue.close()
    worker.join(30)
    assert [post.asker for run in found if run for post in run] == [asker]
    assert found[-1] is None


def test_every_free_worker_is_woken_while_there_is_more_to_do() -> None:
    queue: RunQueue[Asker] = RunQueue(2)
    together = threading.Barrier(2)

    def work() -> None:
        queue.take()
        together.wait(30)  # passes only while the other worker holds the other post

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    ask(queue, 3, 40)  # few tokens, and too unlike for one run
    for worker in workers:
        worker.join(60)
    assert not together.broken


def test_an_idle_queue_holds_on_to_nothing() -> None:
    queue: RunQueue[Asker] = RunQueue(1)
    asker = ask(queue, 10, 10, 11)
    seen = weakref.ref(asker)
    take_all(queue, 3)
    del asker
    assert seen() is None


def test_a_queue_in_use_does_not_hold_on_to_what_nobody_waits_for() -> None:
    """Even where no run comes by its length."""
    queue: RunQueue[Asker] = RunQueue(1)
    gone, there = ask(queue, 200, 201), ask(queue, *[10] * 500)
    gone.gave_up = True
    seen = weakref.ref(gone)
    del gone
    assert [post.asker for post in take(queue)] == [there] * 25
    assert seen() is None
    assert sum(len(run) for run in take_all(queue, 475)) == 475


def test_a_closed_queue_gives_back_what_waited_and_takes_nothing_more() -> None:
    queue: RunQueue[Asker] = RunQueue(1)
    asker = ask(queue, 5, 6)
    assert [(post.asker, post.tokens) for post in queue.close()] == [(asker, 5), (asker, 6)]
    assert queue.take() is None
    with pytest.raises(RuntimeError, match="after shutdown"):
        ask(queue, 5)


@pytest.mark.parametrize(
    ("tokens", "workers", "share"),
    [(192, 2, 96), (192, 3, 64), (201, 2, 101), (16, 8, LEAST_RUN_TOKENS), (4500, 2, RUN_TOKENS)],
    ids=["both workers get half", "rounded", "rounded up", "a single post", "a large batch"],
)
def test_little_work_is_dealt_out_to_all_workers(tokens: int, workers: int, share: int) -> None:
    assert share_of_worker(tokens, workers) == share
