import numpy as np
import pytest
from scipy.special import logsumexp

from model.novelty import energy, threshold_refusing


def test_energy_is_minus_the_log_sum_of_exponentials() -> None:
    logits = np.random.default_rng(1).normal(0, 20, (50, 7)).astype(np.float32)
    np.testing.assert_allclose(energy(logits), -logsumexp(logits.astype(np.float64), axis=1), rtol=1e-12)
    assert energy(np.zeros((1, 4), np.float32))[0] == pytest.approx(-np.log(4))


def test_huge_logits_do_not_overflow() -> None:
    np.testing.assert_allclose(energy(np.array([[3e38, 0.0], [-3e38, -3e38]], np.float32)), [-3e38, 3e38], rtol=1e-6)


def test_the_threshold_is_the_least_that_refuses_no_more_than_the_share() -> None:
    novelties = np.random.default_rng(2).normal(size=300).round(1)  # with ties
    for share in (0.0, 0.01, 0.03, 0.5, 0.999, 1.0):
        threshold = threshold_refusing(novelties, share)
        kept = [value for value in sorted(set(novelties)) if (novelties > value).mean() <= share]
        assert threshold == kept[0], share


@pytest.mark.parametrize("posts", [7, 33, 100, 1000])
def test_a_whole_number_of_posts_is_not_rounded_down(posts: int) -> None:
    novelties = np.arange(float(posts))
    refused = [int((novelties > threshold_refusing(novelties, number / posts)).sum()) for number in range(posts)]
    assert refused == list(range(posts))


@pytest.mark.parametrize(("posts", "share"), [(0, 0.5), (3, -0.1), (3, 1.1), (3, float("nan"))])
def test_no_posts_or_no_share_is_no_threshold(posts: int, share: float) -> None:
    with pytest.raises(ValueError, match=f"{posts} posts and {share}"):
        threshold_refusing(np.zeros(posts), share)
