"""Near copies are told unless they are meant, and a pair that a split tore is told."""

import numpy as np

from data.checking.copies import equal_posts, nearly_equal_posts
from data.checking.survey import survey
from data.posts import Example, Post
from data.taxonomy import Taxonomy

LONG = "the parcel was left in the rain again and nobody rang the bell"


def test_posts_are_equal_whatever_their_case_white_space_and_entities(taxonomy: Taxonomy) -> None:
    texts = ["Fish &amp; chips", "other", "fish  & CHIPS", "other ", "third"]
    posts = [Example(Post(text), {"intent": "refund"}, origin=f"a:{line}") for line, text in enumerate(texts, 1)]
    faults = list(equal_posts(survey({"a": posts}, taxonomy), taxonomy))
    assert [(fault.kind, fault.where) for fault in faults] == [
        ("duplicate", ("a:1", "a:3")),
        ("duplicate", ("a:2", "a:4")),
    ]


def side(text: str, pair: str, line: int) -> Example:
    return Example(Post(text), {"intent": "refund"}, metadata={"pair": pair}, origin=f"a:{line}")


def test_sides_of_a_pair_in_two_parts_are_a_leak_and_in_one_part_meant(taxonomy: Taxonomy) -> None:
    one, other = side(LONG, "p1", 1), side(LONG.replace("rain", "snow"), "p1", 2)
    pairs = np.array([[0, 1]])
    assert list(nearly_equal_posts(survey({"a": [one, other]}, taxonomy), pairs, taxonomy)) == []
    [fault] = nearly_equal_posts(survey({"a": [one], "b": [other]}, taxonomy), pairs, taxonomy)
    assert (fault.kind, fault.where) == ("near_leak", ("a:1", "a:2"))
