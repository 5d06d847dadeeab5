"""Figures by parts of the posts."""

import numpy as np
import pytest

from data.errors import DataError
from data.posts import Example, Post
from data.taxonomy import Head
from evaluation.scored import HeadAnswers
from evaluation.slices import check_columns, slice_figures, too_small

HEAD = Head("intent", ("a", "b"), ("", ""))


def answers(right: list[bool], rows: list[int] | None = None, name: str = "intent") -> HeadAnswers:
    """Of a model that always says `a`."""
    probabilities = np.tile([0.9, 0.1], (len(right), 1))
    said = np.zeros(len(right), np.intp)
    return HeadAnswers(
        head=Head(name, HEAD.labels, HEAD.definitions),
        rows=np.arange(len(right)) if rows is None else np.array(rows),
        gold=np.where(right, 0, 1).astype(np.int64),
        said=said,
        probabilities=probabilities,
        confidence=probabilities[:, 0],
        accepted=np.ones(len(right), np.bool_),
    )


def examples(posts: list[Post], **metadata: list[str]) -> list[Example]:
    return [
        Example(post, {"intent": "a"}, metadata={name: values[row] for name, values in metadata.items() if values[row]})
        for row, post in enumerate(posts)
    ]


def test_each_slice_counts_its_own_posts() -> None:
    posts = examples([Post("a", channel=channel) for channel in ("tweet", "email", "tweet", None, "tweet")])
    found = slice_figures(posts, [answers([True, False, True, True, False])], ["channel"])["channel"]
    assert {name: (part["n"], part["heads"]["intent"]["accuracy"]) for name, part in found.items()} == {
        "tweet": (3, pytest.approx(2 / 3)),
        "email": (1, 0.0),
        "(none)": (1, 1.0),
    }
    assert found["email"]["heads"]["intent"]["accuracy_ci95"] == [0.0, pytest.approx(0.975)]


def test_a_head_counts_in_the_slices_of_the_posts_that_carry_it() -> None:
    posts = examples([Post("a", channel=channel) for channel in ("tweet", "email", "tweet")])
    both = [answers([True] * 3), answers([False], rows=[2], name="urgency")]
    found = slice_figures(posts, both, ["channel"])["channel"]
    assert found["tweet"]["heads"].keys() == {"intent", "urgency"}
    assert found["tweet"]["heads"]["urgency"]["n"] == 1
    assert found["email"]["heads"].keys() == {"intent"}


def test_length_and_month_are_derived_and_stand_in_their_order() -> None:
    posts = examples(
        [
            Post("a" * 141, time="2026-03-31T23:30:00-05:00"),  # April in UTC, March for who wrote it
            Post("a" * 70, time="2026-01-02"),
            Post("a" * 5000, time="soon"),
            Post("a" * 71, time="2025-12-31T10:00:00Z"),
        ]
    )
    found = slice_figures(posts, [answers([True] * 4)], ["length", "month"])
    assert list(found["length"]) == ["up to 70", "71-140", "141-280", "over 1000"]
    assert list(found["month"]) == ["(none)", "2025-12", "2026-01", "2026-03"]


def test_any_column_of_the_file_and_the_group_are_slices() -> None:
    posts = examples([Post("a"), Post("b")], writer=["w1", "w2"])
    assert list(slice_figures(posts, [answers([True, True])], ["writer"])["writer"]) == ["w1", "w2"]
    grouped = [Example(Post("a"), {"intent": "a"}, group=name) for name in "xxy"]
    assert slice_figures(grouped, [answers([True] * 3)], ["group"])["group"]["x"]["n"] == 2


def test_what_is_rare_is_taken_together() -> None:
    names = [f"c{number}" for number in range(25)]
    posts = examples([Post("a", channel=name) for name in [*names, *names[:20]]])
    found = slice_figures(posts, [answers([True] * 45)], ["channel"])["channel"]
    assert list(found) == [*names[:20], "(other)"]
    assert found["(other)"]["n"] == 5
    assert sum(part["n"] for part in found.values()) == 45


def test_a_slice_is_too_small_where_its_accuracy_is_known_to_no_better_than_a_tenth() -> None:
    """93 of 93 is known to 0.04, 46 of 93 to 0.106 and 92 of 186 to 0.074."""
    posts = examples([Post("a", channel=name) for name in ["sure"] * 93 + ["half"] * 93 + ["more"] * 186])
    right = [True] * 93 + [row % 2 == 1 for row in range(93)] + [row % 2 == 1 for row in range(186)]
    found = slice_figures(posts, [answers(right)], ["channel"])
    assert {name: part["heads"]["intent"]["too_small"] for name, part in found["channel"].items()} == {
        "more": False,
        "sure": False,
        "half": True,
    }
    [line] = too_small(found)
    assert line.startswith("channel: 1 of 3 slices")
    assert line.endswith(": half")


def test_posts_of_one_group_make_a_slice_less_sure() -> None:
    right = [row % 4 < 3 for row in range(200) for _ in range(4)]
    alone = examples([Post("a", channel="tweet")] * 800)
    grouped = [Example(example.post, example.labels, group=str(row // 4)) for row, example in enumerate(alone)]
    [blind, honest] = [
        slice_figures(posts, [answers(right)], ["channel"])["channel"]["tweet"]["heads"]["intent"]["accuracy_ci95"]
        for posts in (alone, grouped)
    ]
    assert honest[1] - honest[0] > 1.8 * (blind[1] - blind[0])


def test_a_column_that_no_post_has_is_refused_with_those_that_there_are() -> None:
    posts = examples([Post("a", channel="tweet")], writer=["w1"])
    with pytest.raises(
        DataError, match=r"--slice chanel: no post .* length or one of the columns \['channel', 'writer'\]"
    ):
        slice_figures(posts, [answers([True])], ["chanel"])
    with pytest.raises(DataError, match="--slice chanel"):
        check_columns(posts, ["channel", "chanel"])
    check_columns(posts, ["channel", "writer", "length"])
    with pytest.raises(DataError, match="--slice month: no post has a value there"):
        slice_figures(posts, [answers([True])], ["month"])
