"""What a difference shows, and what all of them show together."""

from dataclasses import replace

import pytest

from evaluation.comparison.paired import Difference
from evaluation.comparison.verdict import Margins, Measure, Standing, adjusted, verdict_on


def measure(low: float, high: float, p: float = 0.001, posts: int = 100) -> Measure:
    """A difference in the middle of its interval, under a margin of 0.02."""
    return Measure(Difference(posts, 0.5, 0.5 + (low + high) / 2, low, high, p), 0.02, adjusted_p=p)


BETTER, NOT_WORSE, WORSE, UNKNOWN = measure(0.01, 0.05), measure(-0.01, 0.01), measure(-0.09, -0.03), measure(-0.1, 0.1)


@pytest.mark.parametrize(
    ("low", "high", "p", "standing"),
    [
        (0.01, 0.05, 0.001, "better"),
        (0.01, 0.05, 0.06, "not worse"),  # not, once all are counted that might have come out so
        (0.0, 0.05, 0.001, "not worse"),
        (-0.01, 0.05, 0.3, "not worse"),
        (-0.015, -0.005, 0.001, "not worse"),  # surely lower, but by less than the margin
        (-0.02, 0.01, 0.3, "unknown"),
        (-0.05, -0.01, 0.001, "worse"),
        (-0.05, -0.01, 0.06, "unknown"),
        (-0.3, 0.3, 1.0, "unknown"),
    ],
)
def test_what_an_interval_shows(low: float, high: float, p: float, standing: Standing) -> None:
    assert measure(low, high, p).standing == standing


def test_of_errors_less_is_better() -> None:
    fewer = replace(measure(-0.09, -0.03), less_is_better=True)
    assert fewer.standing == "better"
    assert fewer.gains == pytest.approx((0.03, 0.06, 0.09))
    assert replace(measure(0.03, 0.09), less_is_better=True).standing == "worse"
    assert replace(measure(-0.1, 0.01), less_is_better=True).standing == "not worse"


def test_the_family_is_adjusted_together() -> None:
    found = adjusted({"a": measure(0.01, 0.05, 0.02), "b": measure(0.01, 0.05, 0.03), "c": measure(0.01, 0.05, 0.01)})
    assert {name: each.adjusted_p for name, each in found.items()} == pytest.approx({"a": 0.04, "b": 0.04, "c": 0.03})
    assert adjusted({}) == {}


@pytest.mark.parametrize(
    ("low", "high", "times"),
    [
        (-0.04, 0.04, 4),  # half as wide will do
        (-0.05, 0.03, 16),  # at -0.01 it has to be a quarter as wide
        (-0.06, 0.01, 49 / 25),  # at -0.025 it lies beyond the margin, and will be worse at 5/7 of its width
        (0.01, 0.03, None),
    ],
)
def test_how_many_posts_would_settle_it(low: float, high: float, times: float | None) -> None:
    assert measure(low, high).times_needed == (times and pytest.approx(times))


def test_what_holm_does_not_let_pass_takes_more_posts_still() -> None:
    alone = measure(-0.05, -0.001, p=0.04)
    assert replace(alone, adjusted_p=0.08).times_needed == pytest.approx((2.2414 / 2.0537) ** 2, rel=1e-3)


def test_no_number_of_posts_shows_that_equals_differ_by_nothing() -> None:
    equal = replace(measure(-0.03, 0.03), margin=0.0)
    assert equal.times_needed is None
    assert verdict_on({"equal": equal}, {}, {}, posts=100).posts_needed is None


def test_anything_worse_is_worse() -> None:
    for place in range(3):
        parts: list[dict[str, Measure]] = [{"head": BETTER}, {}, {}]
        parts[place]["bad"] = WORSE
        found = verdict_on(parts[0], parts[1], parts[2], posts=100)
        assert (found.word, found.because, found.passed) == ("worse", ("bad",), False)


def test_a_head_or_route_of_which_too_little_is_known_is_unclear() -> None:
    found = verdict_on({"one": BETTER, "two": UNKNOWN}, {"route": measure(-0.04, 0.04, posts=50)}, {}, posts=100)
    assert (found.word, found.because, found.passed) == ("unclear", ("two", "route"), False)
    assert found.posts_needed == 2500  # five times narrower


def test_a_head_that_few_posts_carry_asks_for_more_of_all_posts() -> None:
    found = verdict_on({"rare": measure(-0.04, 0.04, posts=10)}, {}, {}, posts=1_000)
    assert found.posts_needed == 4_000


def test_a_label_of_which_too_little_is_known_does_not_count() -> None:
    found = verdict_on({"head": NOT_WORSE}, {}, {"rare": UNKNOWN}, posts=100)
    assert (found.word, found.because, found.passed) == ("not worse", (), True)


def test_only_a_head_makes_a_challenger_better() -> None:
    assert verdict_on({"head": BETTER}, {}, {}, posts=100).word == "better"
    assert verdict_on({"head": NOT_WORSE}, {"route": BETTER}, {"label": BETTER}, posts=100).word == "not worse"


def test_a_label_may_lose_more_than_a_head() -> None:
    assert Margins().label > Margins().head > 0
