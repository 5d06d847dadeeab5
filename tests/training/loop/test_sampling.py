from collections.abc import Sequence

import pytest

from model.scores import UNLABELLED
from training.loop.sampling import Batches, PairedBatches

LENGTHS = [3 + index * 7 % 23 for index in range(50)]


def batches_of(seed: int = 1, epoch: int = 0, lengths: Sequence[int] = LENGTHS) -> list[list[int]]:
    batches = Batches(lengths, 8, seed)
    batches.set_epoch(epoch)
    return list(batches)


def shares_of(monkeypatch: pytest.MonkeyPatch, processes: int, posts: int = 50) -> list[list[list[int]]]:
    shares = []
    for rank in range(processes):
        monkeypatch.setenv("WORLD_SIZE", str(processes))
        monkeypatch.setenv("RANK", str(rank))
        shares.append(batches_of(lengths=LENGTHS[:posts]))
    return shares


def test_each_post_stands_in_one_batch_of_an_epoch() -> None:
    batches = batches_of()
    assert sorted(index for batch in batches for index in batch) == list(range(50))
    assert [len(batch) for batch in batches] == [8] * 6 + [2]
    assert len(Batches(LENGTHS, 8, 1)) == 7


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    assert batches_of(1, 3) == batches_of(1, 3)
    others = [batches_of(1, 0), batches_of(1, 1), batches_of(2, 0)]
    assert all(others.count(other) == 1 for other in others)


def test_posts_of_a_batch_are_about_as_long_as_one_another() -> None:
    many = LENGTHS * 10
    spreads = [max(many[row] for row in batch) - min(many[row] for row in batch) for batch in batches_of(lengths=many)]
    assert sum(spreads) / len(spreads) < (max(many) - min(many)) / 3


def test_the_lengths_are_those_of_now() -> None:
    lengths = list(LENGTHS)
    batches = Batches(lengths, 8, 1)
    before = list(batches)
    lengths.reverse()
    assert list(batches) != before


@pytest.mark.parametrize("processes", [2, 3])
def test_several_processes_share_each_batch_between_them(monkeypatch: pytest.MonkeyPatch, processes: int) -> None:
    alone = batches_of()
    for number, parts in enumerate(zip(*shares_of(monkeypatch, processes), strict=True)):
        assert len({len(part) for part in parts}) == 1
        together = [row for part in parts for row in part]
        assert together[: len(alone[number])] == alone[number]
        assert len(together) - len(alone[number]) < processes


def test_a_batch_with_fewer_posts_than_processes_is_filled_up_with_its_first(monkeypatch: pytest.MonkeyPatch) -> None:
    last = [share[-1] for share in shares_of(monkeypatch, 4, posts=17)]
    assert last[0] == last[1] == last[2] == last[3]
    assert len(last[0]) == 1


def test_how_many_posts_a_step_takes_is_known_beforehand() -> None:
    batches = Batches(LENGTHS, 8, 1)
    assert [batches.posts_in(step) for step in range(14)] == [8, 8, 8, 8, 8, 8, 2] * 2


LABELS = [[index % 5, index % 3 if index % 2 else UNLABELLED] for index in range(40)] + [[5, UNLABELLED]]


def pairs_of(seed: int = 1, epoch: int = 0) -> list[tuple[int, int]]:
    batches = PairedBatches(LABELS, 8, seed)
    batches.set_epoch(epoch)
    order = [post for batch in batches for post in batch]
    return list(zip(order[::2], order[1::2], strict=True))


def test_behind_each_post_stands_another_with_its_label_in_the_head_whose_turn_it_is() -> None:
    pairs = pairs_of()
    assert sorted(first for first, _ in pairs) == list(range(41))
    assert all(first != second for first, second in pairs)
    turned = [(LABELS[first], LABELS[second], turn % 2) for turn, (first, second) in enumerate(pairs)]
    alone = [5, UNLABELLED]
    alike = [one[head] == other[head] for one, other, head in turned if one != alone and one[head] != UNLABELLED]
    assert len(alike) > 25
    assert all(alike)


def test_the_pairs_depend_on_seed_and_epoch_alone() -> None:
    assert pairs_of(1, 3) == pairs_of(1, 3)
    others = [pairs_of(1, 0), pairs_of(1, 1), pairs_of(2, 0)]
    assert all(others.count(other) == 1 for other in others)


def test_batches_of_pairs_are_whole_but_the_last() -> None:
    batches = PairedBatches(LABELS, 8, 1)
    assert [len(batch) for batch in batches] == [8] * 10 + [2]
    assert len(batches) == 11
    assert [batches.posts_in(step) for step in (0, 10, 11)] == [8, 2, 8]
