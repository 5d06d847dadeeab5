"""What a model has learned, or a policy was picked on, judges neither."""

import pytest

from data.errors import DataError
from data.normalise import fingerprint
from data.posts import Example, Post
from evaluation.held_out import check_disjoint, check_seen, seen_rows, set_aside
from model.bundle import Bundle


def posts(*texts: str, group: str | None = None) -> list[Example]:
    return [
        Example(Post(text), {"intent": "spam"}, group, origin=f"file:{line}")
        for line, text in enumerate(texts, start=1)
    ]


def test_rows_are_set_aside_whatever_their_case_links_and_spaces() -> None:
    learned = frozenset({fingerprint("My order is late, see http://a.example/1")})
    rows = posts("new", "my  ORDER is late, see https://b.example/2", "newer")
    fresh, seen = set_aside(rows, learned)
    assert [example.post.text for example in fresh] == ["new", "newer"]
    assert seen == 1
    assert seen_rows(rows, learned).tolist() == [False, True, False]


def test_nothing_is_set_aside_where_nothing_was_learned() -> None:
    rows = posts("a", "b")
    assert set_aside(rows, frozenset()) == (rows, 0)
    assert seen_rows([], frozenset()).shape == (0,)


def test_a_bundle_knows_what_taught_it(bundle: Bundle, examples: list[Example]) -> None:
    """In the fixture the first 39 posts taught the weights or picked the epoch."""
    seen = seen_rows(examples, bundle.training_rows())
    assert seen[:39].all()
    assert not seen[39:].any()


def test_a_twentieth_may_have_been_seen_and_no_more() -> None:
    check_seen(5, 100, "toy@1")
    check_seen(0, 0, "toy@1")
    with pytest.raises(DataError, match=r"6 of 100 rows \(6\.0%\) stand in the training data of toy@1") as refused:
        check_seen(6, 100, "toy@1")
    assert refused.value.exit_code == 2
    assert "triage data split" in str(refused.value)


def test_files_that_share_a_post_are_refused_by_row_and_without_its_text() -> None:
    with pytest.raises(DataError, match=r"a\.csv and b\.csv share 1 posts \(file:2\)") as refused:
        check_disjoint(posts("secret refund"), posts("other", "Secret  REFUND"), ("a.csv", "b.csv"))
    assert "secret" not in str(refused.value).lower()


def test_files_that_share_a_group_are_refused_and_told_some_of_them() -> None:
    first = [example for group in "abcde" for example in posts(f"one {group}", group=group)]
    second = [example for group in "fedcb" for example in posts(f"two {group}", group=group)]
    with pytest.raises(DataError, match=r"share 4 groups \(b, c, d and 1 more\)"):
        check_disjoint(first, second, ("a.csv", "b.csv"))


def test_posts_without_a_group_share_none() -> None:
    check_disjoint(posts("a"), posts("b"), ("a.csv", "b.csv"))
    check_disjoint(posts("a", group="g"), posts("b", group="h"), ("a.csv", "b.csv"))
