from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score

from data.posts import Example, Post
from data.taxonomy import Taxonomy
from training.curve.learning_curve import Point
from training.curve.outlook import Gain, Outlook, outlooks_of, plain, trend_of, twice_the_posts

SIZES = (500, 1000, 2000, 4000)
LABELS = ("bill", "fault", "praise", "spam")
TAXONOMY = Taxonomy.from_dict({"name": "four", "heads": [{"name": "intent", "labels": list(LABELS)}]})
TRAIN = [Example(Post(f"{label} {place}"), {"intent": label}) for place, label in enumerate([*LABELS[:3] * 9, "spam"])]


def power_law(*, start: float, exponent: float, floor: float) -> list[float]:
    """Errors at `SIZES`."""
    return [start * (size / SIZES[0]) ** -exponent + floor for size in SIZES]


def seen(errors: Sequence[float], tested: int = 4000, group_of: int = 1) -> Outlook:
    """The outlook where that share of the test posts got the next label in place of their own."""
    gold = np.arange(tested) % len(LABELS)
    # What is hard stays hard: each model errs where a better one does too.
    hardness = np.random.default_rng(5).permutation(tested // group_of).repeat(group_of) / (tested // group_of)
    points = []
    for size, error in zip(SIZES, errors, strict=False):
        said = np.where(hardness < error, (gold + 1) % len(LABELS), gold)
        points.append(Point(size, {"intent": figures(gold, said)}, {"intent": said}))
    test = [
        Example(Post(f"post {place}"), {"intent": LABELS[label]}, group=f"group-{place // group_of}")
        for place, label in enumerate(gold)
    ]
    return outlooks_of(points, test, TRAIN, TAXONOMY)["intent"]


def figures(gold: np.ndarray[Any, Any], said: np.ndarray[Any, Any]) -> dict[str, Any]:
    by_label = f1_score(gold, said, average=None)
    rows = {label: {"f1": f1, "support": 100} for label, f1 in zip(LABELS, by_label, strict=True)}
    return {"n": len(gold), "accuracy": float((gold == said).mean()), "macro_f1": by_label.mean(), "per_label": rows}


@pytest.mark.parametrize("exponent", [0.1, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("floor", [0.0, 0.1, 0.3])
def test_the_fall_of_a_true_power_law_is_found(exponent: float, floor: float) -> None:
    [found] = twice_the_posts(SIZES, np.array([power_law(start=0.4, exponent=exponent, floor=floor)]))
    now, then = (0.4 * (size / SIZES[0]) ** -exponent for size in (SIZES[-1], 2 * SIZES[-1]))
    assert found == pytest.approx(now - then, abs=0.003)


def test_curves_are_fitted_each_by_itself() -> None:
    rows = [power_law(start=0.4, exponent=exponent, floor=0.1) for exponent in (0.2, 0.6)]
    together = twice_the_posts(SIZES, np.array(rows))
    assert together.tolist() == pytest.approx([float(twice_the_posts(SIZES, np.array([row]))[0]) for row in rows])


@pytest.mark.parametrize("errors", [[0.1, 0.2, 0.3, 0.4], [0.2, 0.2, 0.2, 0.2], [0.5, 0.1, 0.0, 0.0]])
def test_an_error_that_grows_stays_or_is_gone_does_not_fall_further(errors: list[float]) -> None:
    assert twice_the_posts(SIZES, np.array([errors]))[0] == pytest.approx(0.0, abs=1e-9)


def test_a_curve_that_still_falls_is_worth_more_posts() -> None:
    found = seen(power_law(start=0.5, exponent=0.4, floor=0.0))
    assert found.trend == "rising"
    assert found.gain is not None
    true = 0.5 * (8**-0.4 - 16**-0.4)
    assert found.gain.low < true < found.gain.high
    assert f"twice the posts would add about {found.gain.low:.3f} to {found.gain.high:.3f} macro F1" in found.sentence
    assert "worth it" in found.sentence


def test_of_a_curve_that_grows_steeper_as_much_may_come_again_as_came_last() -> None:
    found = seen([0.9, 0.85, 0.75, 0.5])
    assert found.trend == "rising"
    assert found.gain is not None
    assert found.gain.low < found.gain.likely < 0.25 < found.gain.high < 0.3


def test_a_curve_at_its_floor_is_flat_and_names_its_weakest_labels() -> None:
    found = seen([0.21, 0.202, 0.2, 0.2])
    assert found.trend == "flat"
    assert "more of the same will not help" in found.sentence
    assert found.weakest
    assert set(found.weakest) < set(LABELS)
    counts = {label: sum(example.labels["intent"] == label for example in TRAIN) for label in LABELS}
    assert found.weakest == {label: counts[label] for label in found.weakest}


def test_a_curve_that_turned_is_falling() -> None:
    found = seen([0.3, 0.2, 0.15, 0.2])
    assert found.trend == "falling"
    assert found.last_step is not None
    assert found.last_step[1] < 0
    assert "made it worse" in found.sentence


def test_few_test_posts_leave_it_unclear_and_groups_of_alike_ones_count_as_few() -> None:
    errors = power_law(start=0.3, exponent=0.25, floor=0.1)
    assert seen(errors, tested=4000).trend == "rising"
    few, grouped = seen(errors, tested=60), seen(errors, tested=4000, group_of=50)
    for found in (few, grouped):
        assert found.gain is not None
        assert found.trend == "unclear"
        assert found.gain.high - found.gain.low > 0.015
    assert "60 test posts cannot tell" in few.sentence


@pytest.mark.parametrize(("points", "tested"), [(2, 4000), (4, 20), (1, 20)])
def test_too_few_points_or_test_posts_say_nothing(points: int, tested: int) -> None:
    found = seen(power_law(start=0.4, exponent=0.4, floor=0.1)[:points], tested=tested)
    assert (found.trend, found.gain) == ("unknown", None)
    assert f"too little to tell ({points} sizes that teach, {tested} labelled posts that test)" in found.sentence


def test_a_head_that_no_test_post_carries_is_told() -> None:
    gold = np.full(50, -100)
    points = [Point(size, {}, {"intent": gold}) for size in SIZES]
    found = outlooks_of(points, [Example(Post("a"), {})] * 50, TRAIN, TAXONOMY)["intent"]
    assert (found.trend, found.macro_f1, found.weakest) == ("unknown", None, {})


@pytest.mark.parametrize(
    ("gain", "last_step", "trend"),
    [
        (Gain(0.02, 0.01, 0.03), (0.01, 0.04), "rising"),
        (Gain(0.02, 0.009, 0.03), (0.01, 0.04), "unclear"),
        (Gain(0.002, 0.0, 0.009), (-0.01, 0.01), "flat"),
        (Gain(0.0, 0.0, 0.01), (-0.01, 0.01), "unclear"),
        (Gain(0.02, 0.01, 0.03), (-0.04, -0.01), "falling"),
    ],
)
def test_the_intervals_decide(gain: Gain, last_step: tuple[float, float], trend: str) -> None:
    assert trend_of(gain, last_step) == trend


def test_the_plain_form_holds_points_and_outlooks_and_no_more_than_json_can() -> None:
    gold = np.arange(400) % 4
    points = [Point(size, {"intent": figures(gold, gold)}, {"intent": gold}) for size in SIZES]
    test = [Example(Post(f"post {place}"), {"intent": LABELS[label]}) for place, label in enumerate(gold)]
    found = plain(points, outlooks_of(points, test, TRAIN, TAXONOMY))
    assert [point["posts"] for point in found["points"]] == list(SIZES)
    assert found["points"][0]["heads"]["intent"] == {"n": 400, "accuracy": 1.0, "macro_f1": 1.0}
    outlook = found["twice_the_posts"]["intent"]
    assert (outlook["trend"], outlook["gain"], outlook["gain_ci95"], outlook["weakest"]) == (
        "flat",
        0.0,
        [0.0, 0.0],
        {},
    )
