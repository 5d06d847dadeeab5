from typing import Any

import pytest

from data.posts import Example, Post
from training.curve.sentences import sentence_of, weakest_labels

WEAKEST = {"a": 12, "b": 20, "c": 3100}


def figures(**labels: tuple[float, int]) -> dict[str, Any]:
    rows = {label: {"f1": f1, "support": support} for label, (f1, support) in labels.items()}
    return {"macro_f1": sum(row["f1"] for row in rows.values()) / len(rows), "per_label": rows}


def test_the_weakest_labels_are_those_of_least_f1_below_the_mean_with_the_posts_that_teach_them() -> None:
    train = [Example(Post(str(place)), {"intent": label}) for place, label in enumerate("aabccc")]
    train.append(Example(Post("unknown"), {}))
    rows = figures(a=(0.9, 50), b=(0.5, 50), c=(0.4, 50), d=(0.6, 50), e=(0.2, 50), f=(0.1, 4), g=(1.0, 50))
    assert weakest_labels(rows, "intent", train) == {"e": 0, "c": 3, "b": 1}


def test_labels_that_are_all_alike_are_not_weak() -> None:
    assert weakest_labels(figures(a=(0.7, 50), b=(0.7, 50)), "intent", []) == {}


@pytest.mark.parametrize(
    ("trend", "expected"),
    [
        ("rising", "twice the posts would add about 0.012 to 0.030 macro F1 (0.861 now): worth it; the weakest labels"),
        ("flat", "flat: twice the posts would add at most 0.030 macro F1 (0.861 now); more of the same will not help"),
        ("unclear", "between 0.012 and 0.030 macro F1 (0.861 now); 90 test posts cannot tell whether that is worth it"),
        ("falling", "the last doubling made it worse (macro F1 0.861 now)"),
    ],
)
def test_each_trend_has_its_sentence(trend: str, expected: str) -> None:
    found = sentence_of(trend, 0.861, (0.0123, 0.03), (4, 90), WEAKEST)
    assert expected in found
    assert found.endswith("; the weakest labels are a, b and c (posts that teach them: 12, 20 and 3,100)")


@pytest.mark.parametrize(
    ("weakest", "ending"),
    [
        ({}, "will not help"),
        ({"a": 1}, "; the weakest label is a (posts that teach it: 1)"),
        ({"a": 1, "b": 2}, "; the weakest labels are a and b (posts that teach them: 1 and 2)"),
    ],
)
def test_one_weak_label_or_none(weakest: dict[str, int], ending: str) -> None:
    assert sentence_of("flat", 0.8, (0.0, 0.001), (4, 900), weakest).endswith(ending)


@pytest.mark.parametrize(("now", "gain"), [(None, None), (0.8, None)])
def test_too_little_says_what_is_missing(now: float | None, gain: tuple[float, float] | None) -> None:
    found = sentence_of("unknown", now, gain, (2, 12), WEAKEST)
    assert found.startswith("too little to tell (2 sizes that teach, 12 labelled posts that test)")
