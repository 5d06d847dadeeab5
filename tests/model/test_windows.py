import numpy as np
import pytest

from model.scores import Scores
from model.tokenizer import Encoded
from model.windows import counts_of, pool, windows_of

POSTS = [
    Encoded([2, 7, 3], truncated=False, empty=False),
    Encoded([2, 8, 9, 3], truncated=False, empty=False, more=([2, 10, 11, 3], [2, 11, 12, 3]), repeated=7),
    Encoded([2, 13, 3], truncated=False, empty=False),
]


def some(windows: int) -> Scores:
    random = np.random.default_rng(1)
    logits = {name: random.normal(size=(windows, size)).astype(np.float32) for name, size in (("a", 3), ("b", 2))}
    return Scores(logits, random.normal(size=(windows, 8)).astype(np.float32))


def test_windows_stand_in_the_order_of_the_posts() -> None:
    assert windows_of(POSTS) == [[2, 7, 3], [2, 8, 9, 3], [2, 10, 11, 3], [2, 11, 12, 3], [2, 13, 3]]
    assert counts_of(POSTS) == [1, 3, 1]
    assert [post.tokens for post in POSTS] == [3, 5, 3]


def test_the_windows_of_a_post_are_pooled_and_posts_of_one_window_stay_as_they_are() -> None:
    windows = some(5)
    posts = pool(windows, counts_of(POSTS))
    for name, logits in windows.logits.items():
        assert posts.logits[name].dtype == np.float32
        np.testing.assert_array_equal(posts.logits[name][[0, 2]], logits[[0, 4]])
        np.testing.assert_allclose(posts.logits[name][1], np.log(np.exp(logits[1:4]).mean(axis=0)), rtol=1e-6)
    np.testing.assert_array_equal(posts.embedding[[0, 2]], windows.embedding[[0, 4]])
    np.testing.assert_allclose(posts.embedding[1], windows.embedding[1:4].mean(axis=0), rtol=1e-6)


def test_a_window_that_is_sure_outvotes_those_that_say_little() -> None:
    logits = np.array([[0.4, 0.0], [0.4, 0.0], [0.4, 0.0], [-1.0, 3.0]], np.float32)
    [pooled] = pool(Scores({"a": logits}, np.zeros((4, 1), np.float32)), [4]).logits["a"]
    assert pooled[1] > pooled[0]


@pytest.mark.parametrize("size", [-1000.0, 1000.0])
def test_equal_windows_of_any_size_give_themselves(size: float) -> None:
    logits = np.full((3, 2), size, np.float32)
    pooled = pool(Scores({"a": logits}, np.ones((3, 4), np.float32)), [3])
    np.testing.assert_allclose(pooled.logits["a"], logits[:1])
    np.testing.assert_array_equal(pooled.embedding, np.ones((1, 4)))


def test_posts_without_further_windows_cost_nothing() -> None:
    windows = some(4)
    assert pool(windows, [1, 1, 1, 1]) is windows
    assert len(pool(some(0), [])) == 0


def test_what_is_no_number_stays_none_and_warns_nobody() -> None:
    logits = np.array([[0.4, 0.0], [np.nan, 1.0]], np.float32)
    [pooled] = pool(Scores({"a": logits}, np.zeros((2, 1), np.float32)), [2]).logits["a"]
    assert np.isnan(pooled[0])
    assert pooled[1] == pytest.approx(np.log((1 + np.e) / 2), rel=1e-6)
