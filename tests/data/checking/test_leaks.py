"""What stands on both sides of a split is told: a group as a fault, an author or a time as a caution."""

from data.checking.leaks import author_overlaps, group_leaks, missing, time_overlaps
from data.checking.survey import Survey, survey
from data.posts import Example, Post
from data.taxonomy import Taxonomy


def posts(name: str, *rows: tuple[str | None, str | None, str | None, str | None]) -> list[Example]:
    """Of (group, thread, author, day)."""
    return [
        Example(
            Post(f"{name} {line}", thread=thread, author=author, time=day and f"2026-01-{day}"),
            {"intent": "spam"},
            group=group,
            origin=f"{name}:{line}",
        )
        for line, (group, thread, author, day) in enumerate(rows, start=1)
    ]


def surveyed(taxonomy: Taxonomy, **parts: list[Example]) -> Survey:
    return survey({f"folder/{name}.jsonl": part for name, part in parts.items()}, taxonomy)


def test_a_group_or_a_thread_in_two_parts_is_a_fault_with_a_post_of_each(taxonomy: Taxonomy) -> None:
    found = surveyed(
        taxonomy,
        a=posts(
            "a", ("g", None, None, None), ("g", None, None, None), ("h", "t", None, None), (None, None, None, None)
        ),
        b=posts("b", ("g", None, None, None), ("i", "t", None, None), (None, None, None, None)),
    )
    assert [(fault.kind, fault.where, fault.message) for fault in group_leaks(found)] == [
        ("group_leak", ("a:1", "b:1"), "a group of 3 posts in folder/a.jsonl and folder/b.jsonl"),
        ("group_leak", ("a:3", "b:2"), "a thread of 2 posts in folder/a.jsonl and folder/b.jsonl"),
    ]


def test_a_thread_that_is_the_group_is_told_once(taxonomy: Taxonomy) -> None:
    one = posts("a", ("t", "t", None, None))
    assert len(list(group_leaks(surveyed(taxonomy, a=one, b=posts("b", ("t", "t", None, None)))))) == 1
    assert list(group_leaks(surveyed(taxonomy, a=one + one))) == []


def test_a_thread_is_compared_also_where_it_is_the_only_group_of_a_row(taxonomy: Taxonomy) -> None:
    a, b = posts("a", ("g", "t", None, None)), posts("b", ("t", "t", None, None))
    assert [fault.message for fault in group_leaks(surveyed(taxonomy, a=a, b=b))] == [
        "a thread of 2 posts in folder/a.jsonl and folder/b.jsonl"
    ]


def test_a_thread_within_a_torn_group_is_told_once_and_one_without_a_group_is_told(taxonomy: Taxonomy) -> None:
    a, b = posts("a", ("g", "t", None, None)), posts("b", ("g", "t", None, None))
    assert [fault.message[:7] for fault in group_leaks(surveyed(taxonomy, a=a, b=b))] == ["a group"]
    a, b = posts("a", (None, "t", None, None)), posts("b", (None, "t", None, None))
    assert [fault.message[:8] for fault in group_leaks(surveyed(taxonomy, a=a, b=b))] == ["a thread"]


def test_authors_of_two_parts_are_counted(taxonomy: Taxonomy) -> None:
    found = surveyed(
        taxonomy,
        a=posts("a", (None, None, "x", None), (None, None, "y", None), (None, None, None, None)),
        b=posts("b", (None, None, "x", None), (None, None, "x", None), (None, None, "z", None)),
        c=posts("c", (None, None, None, None)),
    )
    [caution] = author_overlaps(found)
    assert caution.message == "1 authors wrote in both folder/a.jsonl and folder/b.jsonl (2 posts of the latter)"


def test_a_part_with_posts_newer_than_a_later_part_is_told(taxonomy: Taxonomy) -> None:
    old = posts("old", (None, None, None, "01"), (None, None, None, "05"), (None, None, None, "09"), (None,) * 4)
    new = posts("new", (None, None, None, "05"), (None, None, None, "30"))
    # `test` comes first as the shell names them, and last in a split.
    [caution] = time_overlaps(surveyed(taxonomy, test=new, train=old))
    said = "1 of 3 posts in folder/train.jsonl are newer than the oldest in folder/test.jsonl"
    assert (caution.kind, caution.message) == ("time_overlap", said)
    [turned] = time_overlaps(surveyed(taxonomy, x=new, y=old))
    assert turned.message == "2 of 2 posts in folder/x.jsonl are newer than the oldest in folder/y.jsonl"
    assert list(time_overlaps(surveyed(taxonomy, a=old[:1], b=new))) == []


def test_posts_without_group_author_or_time_are_counted(taxonomy: Taxonomy) -> None:
    rows = posts("a", ("g", None, "x", "01"), (None, None, None, None), (None, None, "y", "xx"))
    assert missing(surveyed(taxonomy, a=rows)) == {"group": 2, "author": 1, "time": 1, "readable time": 1}
