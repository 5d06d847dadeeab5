"""What is written to a table reads back as it was."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data.errors import DataError
from data.tables.reading import read_rows
from data.tables.rows import Row
from data.tables.writing import output_format, parquet_types, table_writer

KINDS = ["csv", "tsv", "jsonl", "parquet"]
TEXT_COLUMNS = {"text": str, "note": str}
CELLS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('",\t\r\n\0\ufeff;'), max_size=8)


def written(path: Path, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, Any]) -> Path:
    """A file with these rows, of the kind that its ending says."""
    with table_writer(path, path.suffix[1:], columns) as writer:
        for row in rows:
            writer.write(row)
    return path


def values(path: Path) -> list[dict[str, Any]]:
    return [row.values for row in read_rows(path) if isinstance(row, Row)]


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=60)
@given(rows=st.lists(st.fixed_dictionaries({"text": CELLS, "note": CELLS}), max_size=3))
@example(rows=[{"text": "old\rMac", "note": ""}])
@example(rows=[{"text": "", "note": ""}])
def test_texts_come_back_as_they_were(kind: str, rows: list[dict[str, str]]) -> None:
    with TemporaryDirectory() as folder:
        assert values(written(Path(folder) / f"posts.{kind}", rows, TEXT_COLUMNS)) == rows


@pytest.mark.parametrize("kind", ["csv", "tsv"])
def test_an_empty_cell_in_a_single_column_is_a_row(tmp_path: Path, kind: str) -> None:
    cells = ["a", "", None, "b"]
    path = written(tmp_path / f"posts.{kind}", [{"text": cell} for cell in cells], {"text": str})
    assert values(path) == [{"text": "a"}, {"text": ""}, {"text": ""}, {"text": "b"}]


@pytest.mark.parametrize("kind", KINDS)
def test_half_a_character_costs_neither_its_row_nor_the_next(tmp_path: Path, kind: str) -> None:
    rows = [{"text": "half \ud83d", "note": "1"}, {"text": "whole", "note": "2"}]
    assert [row["note"] for row in values(written(tmp_path / f"posts.{kind}", rows, TEXT_COLUMNS))] == ["1", "2"]


def test_json_keeps_half_a_character_and_turns_what_it_cannot_hold_into_text(tmp_path: Path) -> None:
    rows = [{"text": "half \ud83d", "time": date(2024, 3, 12), "nested": {"a": [1, None]}}]
    path = written(tmp_path / "posts.jsonl", rows, {})
    assert values(path) == [{"text": "half \ud83d", "time": "2024-03-12", "nested": {"a": [1, None]}}]


def test_json_has_null_for_numbers_that_it_does_not_have(tmp_path: Path) -> None:
    nan, infinity = float("nan"), float("inf")
    rows = [
        {"score": nan, "nested": {"a": [1.5, -infinity, (nan, "NaN")]}, "text": "half \ud83d", "day": date(2024, 3, 1)}
    ]
    path = written(tmp_path / "posts.jsonl", rows, {})
    assert values(path) == [
        {"score": None, "nested": {"a": [1.5, None, [None, "NaN"]]}, "text": "half \ud83d", "day": "2024-03-01"}
    ]


def test_json_leaves_letters_readable(tmp_path: Path) -> None:
    assert written(tmp_path / "posts.jsonl", [{"text": "naïve 🔥"}], {}).read_text() == '{"text": "naïve 🔥"}\n'


@pytest.mark.parametrize(
    ("value", "cell"),
    [(5, "5"), (0.5, "0.5"), (True, "true"), (["a", 1], '["a", 1]'), ({"a": "é"}, '{"a": "é"}'), (None, "")],
)
def test_a_cell_holds_any_value_as_text(tmp_path: Path, value: object, cell: str) -> None:
    path = written(tmp_path / "posts.csv", [{"text": "a", "note": value}], TEXT_COLUMNS)
    assert values(path) == [{"text": "a", "note": cell}]


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet"])
def test_columns_stand_in_the_order_given_and_others_are_left_out(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path / f"posts.{kind}", [{"other": "x", "note": "b", "text": "a"}], TEXT_COLUMNS)
    assert [list(row.items()) for row in values(path)] == [[("text", "a"), ("note", "b")]]


def test_parquet_has_the_types_that_were_asked_for_and_keeps_what_is_missing(tmp_path: Path) -> None:
    columns = {"text": str, "score": float, "sure": bool, "count": pa.int64(), "seen": pa.timestamp("us")}
    row = {"text": {"a": 1}, "score": 0.25, "sure": True, "count": 3, "seen": None}
    path = written(tmp_path / "posts.parquet", [row, {}], columns)
    assert values(path) == [{**row, "text": '{"a": 1}'}, dict.fromkeys(columns)]
    assert parquet_types(path) == {
        "text": pa.string(),
        "score": pa.float64(),
        "sure": pa.bool_(),
        "count": pa.int64(),
        "seen": pa.timestamp("us"),
    }


def test_parquet_is_written_in_batches_and_is_whole_and_in_order(tmp_path: Path) -> None:
    rows = [{"text": f"post {index}"} for index in range(2500)]
    path = written(tmp_path / "posts.parquet", rows, {"text": str})
    assert values(path) == rows
    assert pq.ParquetFile(path).num_row_groups > 1


@pytest.mark.parametrize("kind", KINDS)
def test_no_rows_are_a_valid_file(tmp_path: Path, kind: str) -> None:
    assert values(written(tmp_path / f"posts.{kind}", [], TEXT_COLUMNS)) == []


def test_only_parquet_has_types(tmp_path: Path) -> None:
    assert parquet_types(written(tmp_path / "posts.csv", [], TEXT_COLUMNS)) == {}


def test_json_is_no_format_to_write(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"out\.json: JSON is only read; to write rows, end the name with \.jsonl"):
        output_format(tmp_path / "out.json")
    assert output_format(tmp_path / "out.csv") == "csv"
