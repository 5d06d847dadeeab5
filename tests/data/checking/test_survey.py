"""A survey knows of each post what checks and splits need, from lists and from files alike."""

import json
from pathlib import Path

import numpy as np
import pytest

from data.checking.survey import NO_LABEL, NO_TIME, ODD_TIME, UNKNOWN, groups_of, key_of, near_pairs, survey
from data.errors import DataError
from data.examples import LabelledFile, posts_of
from data.posts import Example, Post
from data.starter_corpus import read_starter
from data.taxonomy import DEFAULT_TAXONOMY, Taxonomy
from tests.data.checking.in_memory import near_duplicates

LONG = "the parcel was left in the rain again and nobody rang the bell"


def test_a_row_becomes_hashes_codes_and_numbers(taxonomy: Taxonomy) -> None:
    one = Example(
        Post("Hello  you", thread="t", author="a", time="1970-01-01T00:00:01.5Z"),
        {"intent": "spam", "department": None},
        group="g",
        metadata={"pair": "p"},
    )
    other = Example(Post("hello YOU", time="yesterday"), {"urgency": "low"})
    found = survey({"x": [one], "y": [other, Example(Post("third"), {"intent": "refund"})]}, taxonomy)
    assert found.part.tolist() == [0, 1, 1]
    assert found.line.tolist() == [1, 1, 2]
    assert found.text[0] == found.text[1] != found.text[2]
    assert found.group.tolist() == [key_of("g"), 0, 0]
    assert (found.thread[0], found.author[0], found.pair[0]) == (key_of("t"), key_of("a"), key_of("p"))
    assert found.time.tolist() == [1_500_000, ODD_TIME, NO_TIME]
    assert found.words.tolist() == [2, 2, 1]
    assert found.labels.tolist() == [[2, UNKNOWN, NO_LABEL], [UNKNOWN, 0, UNKNOWN], [0, UNKNOWN, UNKNOWN]]
    assert found.firsts().tolist() == [True, False, True]


def test_an_author_is_one_in_either_case_and_a_thread_is_not(taxonomy: Taxonomy) -> None:
    posts = [
        Example(Post("x", author=name, thread=name), {"intent": "spam"})
        for name in ("Jo@Example.com", "jo@example.com")
    ]
    found = survey({"a": posts}, taxonomy)
    assert found.author[0] == found.author[1]
    assert found.thread[0] != found.thread[1]


def test_a_post_of_a_file_is_named_and_found_again_by_its_line(tmp_path: Path, taxonomy: Taxonomy) -> None:
    path = tmp_path / "posts.jsonl"
    rows = [{"text": f"post {number}", "intent": "spam" if number % 7 else "nonsense"} for number in range(1, 60)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    file = LabelledFile(path, taxonomy, max_bad_share=0.2)
    found = survey({"list": [Example(Post("first"), {"intent": "spam"})], "file": file}, taxonomy)
    assert len(found) == 1 + 51
    assert (found.where(0), found.where(7)) == ("row 1", "file:8")  # line 7 is bad
    wanted = np.zeros(len(found), np.bool_)
    wanted[[0, 7, 51]] = True
    fetched = [(post, example.post.text) for post, example in found.examples(wanted)]
    assert fetched == [(0, "first"), (7, "post 8"), (51, "post 59")]


def test_near_pairs_are_those_of_the_posts_in_memory() -> None:
    corpus = read_starter()[:3000]
    found = survey({"a": corpus[:1000], "b": corpus[1000:]}, Taxonomy.read(DEFAULT_TAXONOMY))
    expected = [list(pair) for pair in near_duplicates(posts_of(corpus))]
    assert near_pairs(found).tolist() == expected
    assert len(expected) > 10


def test_of_equal_posts_only_the_first_has_near_copies(taxonomy: Taxonomy) -> None:
    texts = [LONG, LONG.upper(), LONG.replace("rain", "snow"), "unlike"]
    found = survey({"a": [Example(Post(text), {"intent": "spam"}) for text in texts]}, taxonomy)
    assert near_pairs(found).tolist() == [[0, 2]]


def test_what_was_done_adds_up_to_about_all(taxonomy: Taxonomy) -> None:
    posts = [Example(Post(f"{LONG} {number}"), {"intent": "spam"}) for number in range(1500)]
    told: dict[str, tuple[int, int | None]] = {}

    def report(step: str, done: int, total: int | None) -> None:
        told[step] = (told.get(step, (0, None))[0] + done, total)

    near_pairs(survey({"a": posts}, taxonomy, report), report)
    assert told["reading"] == (1500, 1500)
    assert told["comparing near copies"] == (1500, 1500)


def test_groups_stand_in_the_order_of_their_first() -> None:
    keys = np.array([7, 3, 9, 3, 7, 7], np.uint64)
    assert [group.tolist() for group in groups_of(keys)] == [[0, 4, 5], [1, 3]]
    assert list(groups_of(np.array([], np.uint64))) == []


def test_a_file_that_changes_between_two_readings_is_refused(tmp_path: Path, taxonomy: Taxonomy) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_text('{"text": "a", "intent": "spam"}\n')
    found = survey({"a": LabelledFile(path, taxonomy)}, taxonomy)
    path.write_text('{"text": "a", "intent": "spam"}\n{"text": "b", "intent": "spam"}\n')
    with pytest.raises(DataError, match=r"posts.jsonl: was changed while it was read"):
        list(found.examples(np.ones(1, np.bool_)))
