"""Sets of labels hold the right one as often as they say."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import softmax
from scipy.stats import betabinom

from data.errors import DataError
from evaluation.tuning.conformal import fit_label_sets
from model.decision import decide
from model.policy import HeadPolicy, Policy
from model.scores import Scores

LABELS = tuple("abcde")
DRAWS, JUDGED = 1000, 50

Drawn = tuple[NDArray[np.float32], NDArray[np.int64]]
Draw = Callable[[np.random.Generator, int], Drawn]


def drawn(generator: np.random.Generator, count: int, distortion: float = 1.0, digits: int = 9) -> Drawn:
    """Logits and the right labels; a distortion makes the model sure of itself, few digits make ties."""
    honest = 1.5 * generator.normal(size=(count, len(LABELS)))
    gold = (generator.random((count, 1)) > softmax(honest, axis=1).cumsum(axis=1)).sum(axis=1)
    return np.round(distortion * honest, digits).astype(np.float32), np.minimum(gold, len(LABELS) - 1).astype(np.int64)


def held(draw: Draw, coverage: float, posts: int) -> float:
    """Share of right labels within the sets, over draws of the posts that they are fitted on, each judged by others."""
    generator = np.random.default_rng(posts)
    inside = 0
    for _ in range(DRAWS):
        logits, gold = draw(generator, posts + JUDGED)
        of_gold = softmax(logits.astype(np.float64), axis=1)
        sets = fit_label_sets(of_gold[:posts], gold[:posts], coverage)
        inside += int((of_gold[posts:][np.arange(JUDGED), gold[posts:]] >= sets.least_probability).sum())
    return inside / JUDGED / DRAWS


def law(coverage: float, posts: int) -> tuple[float, float]:
    """Mean and standard error of that share: without ties it is beta-binomial (Vovk 2012, arXiv:1209.2673)."""
    left_out = np.floor((posts + 1) * (1 - coverage) + 1e-9)
    exact = betabinom(JUDGED, posts + 1 - left_out, left_out)
    return float(exact.mean() / JUDGED), float(exact.std() / JUDGED / np.sqrt(DRAWS))


@pytest.mark.parametrize("posts", [19, 60, 500])
@pytest.mark.parametrize("coverage", [0.8, 0.95])
@pytest.mark.parametrize("distortion", [1.0, 4.0], ids=["honest", "boastful"])
def test_the_right_label_is_among_them_as_often_as_promised(distortion: float, coverage: float, posts: int) -> None:
    mean, error = law(coverage, posts)
    assert mean >= coverage
    assert held(partial(drawn, distortion=distortion), coverage, posts) == pytest.approx(mean, abs=3 * error)


@pytest.mark.parametrize("posts", [19, 60, 500])
def test_where_probabilities_are_tied_it_is_among_them_more_often(posts: int) -> None:
    assert held(partial(drawn, digits=0), 0.8, posts) >= 0.8 - 3 * law(0.8, posts)[1]


def test_the_least_probability_is_that_worked_by_hand() -> None:
    """Of nine posts at 80 %: two in ten may be left out, so from the second smallest probability of a right label."""
    of_gold = np.array([0.9, 0.2, 0.8, 0.4, 0.7, 0.1, 0.6, 0.5, 0.95])
    probabilities = np.stack([of_gold, 1 - of_gold], axis=1)
    assert fit_label_sets(probabilities, np.zeros(9, np.int64), 0.8).least_probability == 0.2
    assert fit_label_sets(probabilities, np.zeros(9, np.int64), 0.9).least_probability == 0.1
    assert fit_label_sets(probabilities, np.ones(9, np.int64), 0.9).least_probability == pytest.approx(0.05)


@pytest.mark.parametrize(("coverage", "least"), [(0.5, 1), (0.8, 4), (0.9, 9), (0.95, 19), (0.99, 99), (0.999, 999)])
def test_too_few_posts_are_refused_with_the_number_that_it_takes(coverage: float, least: int) -> None:
    def fit(posts: int) -> None:
        fit_label_sets(np.full((posts, 2), 0.5), np.zeros(posts, np.int64), coverage)

    fit(least)
    with pytest.raises(DataError, match=f"chance of {coverage:g} take {least} labelled posts; found {least - 1}$"):
        fit(least - 1)


def test_the_sets_that_a_decision_shows_hold_the_right_label_as_often() -> None:
    generator = np.random.default_rng(1)
    head = HeadPolicy(labels=LABELS, temperature=1.3)
    logits, gold = drawn(generator, 6000)
    probabilities = softmax(logits[:1000].astype(np.float64) / 1.3, axis=1)
    head = head.model_copy(update={"label_sets": fit_label_sets(probabilities, gold[:1000], 0.9)})
    policy = Policy(model_sha256="m", taxonomy_sha256="t", heads={"h": head})
    decisions = decide(Scores({"h": logits[1000:]}, np.zeros((5000, 1), np.float32)), policy)
    inside = [LABELS[right] in each.heads["h"].label_set for right, each in zip(gold[1000:], decisions, strict=True)]
    assert np.mean(inside) == pytest.approx(0.9, abs=3 * betabinom(5000, 901, 100).std() / 5000)
    assert np.mean([len(each.heads["h"].label_set) for each in decisions]) < 4
