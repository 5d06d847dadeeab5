"""A taxonomy is found in the columns that look like labels, and in no others."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.errors import DataError
from data.found_taxonomy import find_taxonomy
from data.taxonomy import Taxonomy

Write = Callable[[str, bytes | str], Path]

SECRET = "my card was stolen"


def lines(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_heads_are_the_columns_whose_values_repeat(write: Write) -> None:
    rows = [
        {
            "text": f"{SECRET} {index}",
            "id": "same",
            "channel": ["email", "chat"][index % 2],
            "group": ["g", "h"][index % 2],
            "pair": ["p", "q"][index % 2],
            "topic": ["refund", "outage", "refund"][index % 3],
            "owner": ["support", None, "it"][index % 3],
            "ticket": f"ticket {index}",
            "company": "acme",
            "stars": index % 5,
        }
        for index in range(12)
    ]
    taxonomy = find_taxonomy([write("posts.jsonl", lines(*rows))], "found")
    assert taxonomy == Taxonomy.from_dict(
        {
            "name": "found",
            "heads": [
                {"name": "topic", "labels": ["outage", "refund"]},
                {"name": "owner", "optional": True, "labels": ["it", "support"]},
            ],
        }
    )


def test_heads_are_found_over_all_files_and_their_bad_rows_are_passed_over(write: Write, tmp_path: Path) -> None:
    csv = write("a.csv", "text,topic\na,refund\nb,refund\nragged\nc,\nd,null\n")
    table = tmp_path / "b.parquet"
    pq.write_table(pa.table({"text": ["a", "b"], "topic": ["outage", "outage"]}), table)
    [head] = find_taxonomy([csv, table], "found")
    assert (head.name, head.labels, head.optional) == ("topic", ("outage", "refund"), True)


@pytest.mark.parametrize("labels", [2, 500])
def test_a_head_may_have_two_to_five_hundred_labels(write: Write, labels: int) -> None:
    rows = [{"text": "a", "topic": f"label {index % labels:03}"} for index in range(2 * labels)]
    [head] = find_taxonomy([write("posts.jsonl", lines(*rows))], "found")
    assert len(head.labels) == labels


@pytest.mark.parametrize(
    "topics",
    [["refund"] * 10, [f"label {index}" for index in range(501)] * 2, ["a", "b", "b"], [1, 2, 1, 2], [""] * 4],
    ids=["one label", "501 labels", "too few rows a label", "numbers", "empty"],
)
def test_data_without_labels_is_refused_with_the_columns_found_and_a_way_out(
    write: Write, topics: list[object]
) -> None:
    path = write("posts.jsonl", lines(*({"text": SECRET, "topic": topic} for topic in topics)))
    with pytest.raises(DataError, match="no column looks like labels") as caught:
        find_taxonomy([path], "found")
    assert str(path) in str(caught.value)
    assert "--taxonomy FILE" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_column_whose_name_cannot_be_a_head_is_named(write: Write) -> None:
    path = write("posts.csv", "text,Topic\na,refund\nb,refund\nc,outage\nd,outage\n")
    with pytest.raises(DataError, match=re.escape("columns found: ['Topic']. Rename the columns")):
        find_taxonomy([path], "found")


def test_a_column_of_texts_is_no_head_and_costs_little(write: Write) -> None:
    rows = [{"text": "a", "intent": "xy"[row % 2], "note": f"n{row % 700}"} for row in range(1500)]
    assert [head.name for head in find_taxonomy([write("posts.jsonl", lines(*rows))], "found")] == ["intent"]


def test_a_column_of_days_is_no_head_and_one_of_years_may_be(write: Callable[[str, bytes | str], Path]) -> None:
    lines = [f"post {n},2026-03-{1 + n % 3:02d},{2020 + n % 3},{'xy'[n % 2]}\n" for n in range(12)]
    heads = find_taxonomy([write("a.csv", "".join(["text,day,year,kind\n", *lines]))], "toy")
    assert [head.name for head in heads] == ["year", "kind"]
