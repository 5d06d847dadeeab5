"""Labelled posts, each checked against the taxonomy."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.errors import DataError
from data.examples import (
    SHOWN_BAD_ROWS,
    LabelledFile,
    describe_bad_rows,
    iter_examples,
    posts_of,
    read_examples,
    to_row,
)
from data.posts import Example, Post
from data.tables.rows import BadRow
from data.taxonomy import Taxonomy

Write = Callable[[str, bytes | str], Path]

SECRET = "my card was stolen"
GOOD = '{"text": "refund please", "intent": "refund"}\n'
BAD = f'{{"text": "{SECRET}", "intent": "refnd"}}\n'


def lines(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_a_row_becomes_a_post_its_labels_its_group_and_the_rest(write: Write, taxonomy: Taxonomy) -> None:
    row = {
        "text": "refund please",
        "id": 7,
        "channel": "email",
        "language": "",
        "intent": "refund",
        "urgency": "high",
        "department": None,
        "thread": "t1",
        "scenario": "s1",
        "writer": "w1",
        "score": 0.5,
        "empty": None,
    }
    assert read_examples([write("posts.jsonl", lines(row))], taxonomy).examples == [
        Example(
            Post("refund please", id="7", channel="email", thread="t1"),
            {"intent": "refund", "urgency": "high", "department": None},
            group="s1",
            metadata={"scenario": "s1", "writer": "w1", "score": "0.5"},
        )
    ]


@pytest.mark.parametrize(
    ("row", "group"),
    [
        ({"group": "g", "scenario": "s", "thread": "t"}, "g"),
        ({"group": "", "scenario": "s", "thread": "t"}, "s"),
        ({"scenario": None, "thread": "t"}, "t"),
        ({"thread": 0}, "0"),
        ({}, None),
    ],
)
def test_the_first_group_that_a_row_names_counts(
    write: Write, taxonomy: Taxonomy, row: dict[str, Any], group: str | None
) -> None:
    path = write("posts.jsonl", lines({"text": "a", "intent": "spam", **row}))
    assert [example.group for example in read_examples([path], taxonomy).examples] == [group]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "posts.jsonl",
            lines(
                {"text": "a", "intent": "spam", "urgency": None, "department": None},
                {"text": "b", "intent": "spam", "urgency": "", "department": ""},
                {"text": "c", "intent": "spam"},
                {"text": "d", "department": None},
            ),
        ),
        (
            "posts.csv",
            "text,intent,urgency,department\na,spam,null,null\nb,spam,,\nc,spam,,\nd,,,null\n",
        ),
    ],
)
def test_null_says_nobody_and_an_empty_or_absent_cell_says_unknown(
    write: Write, taxonomy: Taxonomy, name: str, content: str
) -> None:
    assert [example.labels for example in read_examples([write(name, content)], taxonomy).examples] == [
        {"intent": "spam", "department": None},  # urgency is not optional: null says nothing there
        {"intent": "spam"},
        {"intent": "spam"},
        {"department": None},
    ]


def test_names_are_read_without_white_space_around_them(write: Write, taxonomy: Taxonomy) -> None:
    row = {"text": " a ", "intent": "spam", "thread": "t1 ", "author": " u1", "time": " 2026-01-01", "note": " n "}
    [example] = read_examples([write("posts.jsonl", lines(row))], taxonomy).examples
    assert example == Example(
        Post(" a ", thread="t1", author="u1", time="2026-01-01"),
        {"intent": "spam"},
        group="t1",
        metadata={"note": " n "},
    )


@pytest.mark.parametrize("word", ["null", "NULL", r"\N", " Null "])
def test_null_as_databases_export_it_is_no_name(write: Write, taxonomy: Taxonomy, word: str) -> None:
    header = "text,intent,group,scenario,thread,author,time,pair,note\n"
    path = write("posts.csv", header + ",".join(["a", "spam", *[word] * 6, "null"]) + "\n")
    [example] = read_examples([path], taxonomy).examples
    assert example == Example(Post("a"), {"intent": "spam"}, metadata={"note": "null"})


def test_an_empty_number_of_a_parquet_file_is_no_name(tmp_path: Path, taxonomy: Taxonomy) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["a"], "intent": ["spam"], "thread": [float("nan")]}), path)
    assert [example.group for example in read_examples([path], taxonomy).examples] == [None]


def test_parquet_and_csv_files_are_read_together_in_their_order(
    write: Write, tmp_path: Path, taxonomy: Taxonomy
) -> None:
    table = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["one", "two"], "intent": ["spam", "refund"]}), table)
    found = read_examples([table, write("b.csv", "text,intent\nthree,outage\n")], taxonomy).examples
    assert posts_of(found) == ["one", "two", "three"]
    assert [example.labels["intent"] for example in found] == ["spam", "refund", "outage"]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"intent": "refund"}, "text: expected a text, found no such column"),
        ({"text": None, "intent": "refund"}, "text: expected a text, found NoneType"),
        ({"text": ["a"], "intent": "refund"}, "text: expected a text, found list"),
        ({"text": " \u200b\n", "intent": "refund"}, "text: the text is empty"),
        ({"text": SECRET, "intent": "refnd"}, "intent: 'refnd' is not a label of this head"),
        ({"text": SECRET, "intent": "Refund"}, "intent: 'Refund' is not a label of this head"),
        ({"text": SECRET, "intent": 5}, "intent: 5 is not a label of this head"),
        ({"text": SECRET, "intent": {"a": []}}, "intent: a dict is not a label of this head"),
        ({"text": "a", "intent": SECRET}, "intent: a text of 18 characters is not a label of this head"),
        ({"text": "a", "intent": "jo@example.com"}, "intent: a text of 14 characters is not a label of this head"),
        ({"text": SECRET}, "no label of any head ['intent', 'urgency', 'department']"),
        ({"text": SECRET, "intent": "", "urgency": None}, "no label of any head ['intent', 'urgency', 'department']"),
    ],
)
def test_a_bad_row_is_told_in_its_place_without_its_text(
    write: Write, taxonomy: Taxonomy, row: dict[str, Any], expected: str
) -> None:
    path = write("posts.jsonl", GOOD + lines(row) + GOOD)
    first, bad, last = iter_examples(path, taxonomy)
    assert isinstance(first, Example)
    assert isinstance(last, Example)
    assert str(bad) == f"{path}:2: {expected}"


def test_of_a_long_value_only_the_length_is_shown(write: Write, taxonomy: Taxonomy) -> None:
    path = write("posts.jsonl", lines({"text": "a", "intent": "x" * 1000}))
    [bad] = iter_examples(path, taxonomy)
    assert str(bad) == f"{path}:1: intent: a text of 1000 characters is not a label of this head"


def test_bad_rows_up_to_the_limit_are_left_out_and_told(write: Write, taxonomy: Taxonomy) -> None:
    path = write("posts.jsonl", GOOD * 19 + BAD)
    reading = read_examples([path], taxonomy, max_bad_share=0.05)
    assert len(reading.examples) == 19
    assert list(map(str, reading.bad)) == [f"{path}:20: intent: 'refnd' is not a label of this head"]


def test_more_bad_rows_than_the_limit_are_refused_with_their_places(write: Write, taxonomy: Taxonomy) -> None:
    paths = [write("a.jsonl", GOOD * 18), write("b.jsonl", BAD)]
    with pytest.raises(DataError) as caught:
        read_examples(paths, taxonomy, max_bad_share=0.05)
    assert str(caught.value) == (
        f"{paths[0]}, {paths[1]}: 1 of 19 rows are bad; at most 5% may be bad\n"
        f"  {paths[1]}:1: intent: 'refnd' is not a label of this head"
    )


def test_not_one_bad_row_passes_a_limit_of_zero(write: Write, taxonomy: Taxonomy) -> None:
    path = write("posts.jsonl", GOOD * 99)
    assert len(read_examples([path], taxonomy, max_bad_share=0).examples) == 99
    with pytest.raises(DataError, match="1 of 100 rows are bad"):
        read_examples([path, write("bad.jsonl", BAD)], taxonomy, max_bad_share=0)


@pytest.mark.parametrize(("content", "counted"), [(BAD, "1 of 1"), ("", "0 of 0")])
def test_at_least_one_row_must_be_good(write: Write, taxonomy: Taxonomy, content: str, counted: str) -> None:
    path = write("posts.jsonl", content)
    with pytest.raises(DataError, match=f"{counted} rows are bad; expected at least one good row"):
        read_examples([path], taxonomy, max_bad_share=1)


def test_rows_that_an_open_quote_swallows_are_not_lost_in_silence(write: Write, taxonomy: Taxonomy) -> None:
    path = write("posts.csv", "text,intent\n" + "hello,refund\n" * 50 + '"hello,refund\n' + "hello,refund\n" * 949)
    with pytest.raises(DataError, match=r"posts.csv:52: "):
        read_examples([path], taxonomy)


def test_ten_bad_rows_are_shown_and_the_others_counted() -> None:
    bad = [BadRow("posts.csv", line, "not UTF-8") for line in range(2, 15)]
    assert describe_bad_rows(bad).splitlines() == [
        *(f"  posts.csv:{line}: not UTF-8" for line in range(2, 12)),
        "  … and 3 more",
    ]
    assert describe_bad_rows(bad[:10]).splitlines() == [f"  posts.csv:{line}: not UTF-8" for line in range(2, 12)]


def test_bad_rows_of_which_only_the_first_are_kept_are_counted_in_full() -> None:
    assert describe_bad_rows([BadRow("posts.csv", 2, "not UTF-8")], total=7).splitlines() == [
        "  posts.csv:2: not UTF-8",
        "  … and 6 more",
    ]


def test_a_row_written_reads_back_as_the_same_example(tmp_path: Path, taxonomy: Taxonomy) -> None:
    post = Post("late", id="7", channel="chat", time="2026-01-01")
    examples = [
        Example(post, {"intent": "refund", "department": None}, group="s1", metadata={"scenario": "s1", "writer": "w"}),
        Example(Post("again"), {"urgency": "low"}),
    ]
    path = tmp_path / "posts.jsonl"
    path.write_text("".join(json.dumps(to_row(example)) + "\n" for example in examples))
    found = read_examples([path], taxonomy).examples
    assert [(example.post, example.labels, example.group) for example in found] == [
        (example.post, example.labels, example.group) for example in examples
    ]
    assert found[0].metadata["writer"] == "w"
    assert [example.origin for example in found] == [f"{path}:1", f"{path}:2"]


def test_a_file_gives_its_posts_as_often_as_they_are_asked_for(write: Write, taxonomy: Taxonomy) -> None:
    file = LabelledFile(write("posts.jsonl", GOOD * 30 + BAD + GOOD), taxonomy)
    assert list(file) == list(file) == read_examples([file.path], taxonomy).examples
    assert (file.bad_rows, [row.line for row in file.bad]) == (1, [31])
    assert [example.origin for example in file.at({2, 31, 32})] == [f"{file.path}:2", f"{file.path}:32"]


def test_a_file_of_too_many_bad_rows_is_refused_with_the_first_of_them(write: Write, taxonomy: Taxonomy) -> None:
    file = LabelledFile(write("posts.jsonl", GOOD + BAD * 50), taxonomy)
    with pytest.raises(DataError, match="50 of 51 rows are bad; at most 5% may be bad") as refused:
        list(file)
    assert len(str(refused.value).splitlines()) == SHOWN_BAD_ROWS + 2
    assert "… and 40 more" in str(refused.value)
    assert SECRET not in str(refused.value)


def test_a_file_that_is_gone_is_refused(tmp_path: Path, taxonomy: Taxonomy) -> None:
    with pytest.raises(DataError, match=r"none.jsonl: cannot be read: No such file"):
        list(LabelledFile(tmp_path / "none.jsonl", taxonomy))
