"""The sample is the same each time, in whole groups, without copies, and rare labels stand in it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from data.checking.sampling import draw_sample
from data.checking.survey import UNKNOWN, key_of

POSTS = 6000


def keys(prefix: str, numbers: NDArray[np.int64]) -> NDArray[np.uint64]:
    return np.array([key_of(f"{prefix} {number}") for number in numbers.tolist()], np.uint64)


@pytest.fixture(scope="module")
def texts() -> NDArray[np.uint64]:
    return keys("post", np.arange(POSTS))


@pytest.fixture(scope="module")
def labels() -> NDArray[np.int64]:
    """Two frequent labels, and one of 30 posts; a second head that few posts know."""
    first = np.where(np.arange(POSTS) % 200 == 7, 2, np.arange(POSTS) % 2)
    second = np.where(np.arange(POSTS) % 40 == 3, np.arange(POSTS) // 40 % 2, UNKNOWN)
    return np.column_stack([first, second]).astype(np.int64)


ALONE = np.zeros(POSTS, np.uint64)


def test_as_many_as_are_asked_for_with_all_of_a_rare_label(
    texts: NDArray[np.uint64], labels: NDArray[np.int64]
) -> None:
    wanted = draw_sample(ALONE, texts, labels, 600)
    assert wanted.sum() == 600
    assert (labels[wanted, 0] == 2).sum() == 30
    assert [(labels[wanted, 1] == label).sum() >= 50 for label in (0, 1)] == [True, True]
    frequent = [(labels[wanted, 0] == label).sum() for label in (0, 1)]
    assert min(frequent) > 200


def test_the_draw_depends_on_the_posts_and_not_on_their_order(
    texts: NDArray[np.uint64], labels: NDArray[np.int64]
) -> None:
    order = np.random.default_rng(3).permutation(POSTS)
    forward = draw_sample(ALONE, texts, labels, 600)
    shuffled = draw_sample(ALONE, texts[order], labels[order], 600)
    np.testing.assert_array_equal(shuffled, forward[order])


def test_groups_are_drawn_whole_and_of_a_giant_one_a_part(texts: NDArray[np.uint64], labels: NDArray[np.int64]) -> None:
    numbers = np.arange(POSTS) // 4
    groups = keys("group", numbers)
    groups[:1000] = 1  # so that it is drawn first
    wanted = draw_sample(groups, texts, labels, 600)
    assert wanted[:1000].sum() == 30
    assert 570 <= wanted.sum() <= 600
    drawn = wanted[1000:].reshape(-1, 4)
    np.testing.assert_array_equal(drawn.any(axis=1), drawn.all(axis=1))


def test_of_copies_with_equal_labels_the_first_is_drawn(texts: NDArray[np.uint64], labels: NDArray[np.int64]) -> None:
    again = texts.copy()
    again[3000:] = again[0]
    said = labels.copy()
    said[3000:] = said[0]
    said[5999] = [2, UNKNOWN]
    wanted = draw_sample(ALONE, again, said, 3000)
    assert not wanted[3000:5999].any()
    assert wanted[0]  # one group, which a rare label is in
    assert wanted[5999]


@pytest.mark.parametrize("count", [1, 5, 19])
def test_posts_of_giant_groups_alone_are_drawn_too(
    count: int, texts: NDArray[np.uint64], labels: NDArray[np.int64]
) -> None:
    numbers = np.arange(POSTS) % count
    groups = keys("group", numbers)
    wanted = draw_sample(groups, texts, labels, 600)
    assert np.bincount(numbers[wanted]).tolist() == [30] * count
    order = np.random.default_rng(4).permutation(POSTS)
    np.testing.assert_array_equal(draw_sample(groups[order], texts[order], labels[order], 600), wanted[order])


def test_few_posts_are_all_drawn(texts: NDArray[np.uint64], labels: NDArray[np.int64]) -> None:
    assert draw_sample(ALONE, texts, labels, POSTS).all()
    assert draw_sample(ALONE[:0], texts[:0], labels[:0], 10).shape == (0,)
