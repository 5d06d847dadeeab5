"""History in any table becomes rows that training reads; what cannot be used is named and costs nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest

from data.errors import DataError
from data.examples import read_examples
from data.importing.mapping import ImportReport, Mapper, import_rows
from data.taxonomy import Taxonomy

SECRET = "my card is 4111"


def imported(source: Path, mapper: Mapper) -> tuple[ImportReport, list[dict[str, Any]]]:
    target = source.parent / "out.jsonl"
    report = import_rows([source], mapper, target)
    return report, [json.loads(line) for line in target.read_text().splitlines()]


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_columns_become_heads_and_the_others_are_kept(tmp_path: Path) -> None:
    source = written(tmp_path, "a.csv", "body,kind,ticket,region\nwhere is it,order,T-1,north\n")
    report, rows = imported(source, Mapper("body", {"intent": "kind"}, fields={"id": "ticket"}))
    assert rows == [{"text": "where is it", "intent": "order", "id": "T-1", "region": "north"}]
    assert (report.kept, report.dropped, dict(report.labels["intent"])) == (1, 0, {"order": 1})


def test_labels_are_renamed_made_none_and_made_unknown(tmp_path: Path) -> None:
    source = written(tmp_path, "a.tsv", "text\ta\tb\none\tx\t1\ntwo\tnone\t2\nthree\t?\t3\nfour\ty\t4\n")
    mapper = Mapper("text", {"owner": "a", "level": "b"}, {"owner": {"x": "sales", "none": "null", "?": ""}})
    _, rows = imported(source, mapper)
    assert [row.get("owner", "absent") for row in rows] == ["sales", None, "absent", "y"]


def test_json_with_nested_lists_is_read_as_clinc150_has_it(tmp_path: Path) -> None:
    content = {"train": [["pay my bill", "pay_bill"]], "oos_val": [["who won", "oos"], ["sing", "oos"]]}
    source = written(tmp_path, "full.json", json.dumps(content))
    report, rows = imported(source, Mapper("0", {"intent": "1"}, {"intent": {"oos": "null"}}))
    assert rows == [
        {"text": "pay my bill", "intent": "pay_bill", "part": "train"},
        {"text": "who won", "intent": None, "part": "oos_val"},
        {"text": "sing", "intent": None, "part": "oos_val"},
    ]
    assert report.labels["intent"] == {"pay_bill": 1, None: 2}


def test_numbers_are_labels_too(tmp_path: Path) -> None:
    source = written(tmp_path, "a.jsonl", '{"text": "so so", "stars": 3}\n{"text": "bad", "stars": 1}\n')
    assert [row["rating"] for row in imported(source, Mapper("text", {"rating": "stars"}))[1]] == ["3", "1"]


def test_a_column_that_bears_the_name_of_a_head_is_kept_beside_it(tmp_path: Path) -> None:
    source = written(tmp_path, "a.csv", "text,intent,kind\nhello,old,new\n")
    assert imported(source, Mapper("text", {"intent": "kind"}))[1] == [
        {"text": "hello", "intent": "new", "intent_": "old"}
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"kind": "x"}', "text: no such column"),
        (f'{{"text": "{SECRET}"}}', "kind: no such column"),
        ('{"text": "  ", "kind": "x"}', "text: the text is empty"),
        ('{"text": 7, "kind": "x"}', "text: expected a text, found int"),
        (f'{{"text": "{SECRET}", "kind": ["x"]}}', "kind: expected a label, found list"),
        (f'{{"text": "{SECRET}", "kind": ""}}', "kind: no label of any head"),
        ("{", "not JSON"),
    ],
)
def test_a_bad_row_is_named_and_the_good_ones_beside_it_are_kept(tmp_path: Path, line: str, said: str) -> None:
    source = written(tmp_path, "a.jsonl", f'{{"text": "one", "kind": "x"}}\n{line}\n{{"text": "two", "kind": "x"}}\n')
    report, rows = imported(source, Mapper("text", {"intent": "kind"}))
    assert [row["text"] for row in rows] == ["one", "two"]
    assert report.dropped == 1
    assert str(report.bad[0]).startswith(f"{source}:2: {said}")
    assert SECRET not in str(report.bad[0])


def test_nothing_is_written_where_no_row_can_be_used(tmp_path: Path) -> None:
    source = written(tmp_path, "a.csv", "text,kind\n,x\n")
    with pytest.raises(DataError, match=r"none of 1 rows can be used; the first: .*a\.csv:2: text: the text is empty"):
        import_rows([source], Mapper("text", {"intent": "kind"}), tmp_path / "out.jsonl")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("text", {}), "no head was named"),
        (("text", {"In tent": "kind"}), "cannot be names of heads"),
        (("text", {"text": "kind"}), "cannot be names of heads"),
        (("text", {"action": "kind"}), "cannot be names of heads"),
        (("text", {"intent": "text"}), "asked for twice"),
        (("text", {"intent": "kind"}, {"owner": {"a": "b"}}), "--rename names the heads"),
    ],
)
def test_a_mapping_that_contradicts_itself_is_refused(arguments: tuple[Any, ...], said: str) -> None:
    with pytest.raises(DataError, match=said):
        Mapper(*arguments)


def test_the_result_must_be_jsonl(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"end its name with \.jsonl"):
        import_rows([tmp_path / "a.csv"], Mapper("text", {"intent": "kind"}), tmp_path / "out.csv")


def test_what_was_imported_is_what_training_reads(tmp_path: Path) -> None:
    source = written(tmp_path, "a.csv", "q,kind,case\nwhere is it,order,7\nthanks,none,8\n")
    mapper = Mapper("q", {"intent": "kind"}, {"intent": {"none": "null"}}, {"group": "case"})
    import_rows([source], mapper, tmp_path / "out.jsonl")
    head = {"name": "intent", "optional": True, "labels": ["order", "refund"]}
    examples = read_examples([tmp_path / "out.jsonl"], Taxonomy.from_dict({"name": "t", "heads": [head]})).examples
    assert [(example.labels, example.group) for example in examples] == [
        ({"intent": "order"}, "7"),
        ({"intent": None}, "8"),
    ]


def test_a_column_of_texts_is_not_taken_for_labels(tmp_path: Path) -> None:
    lines = [f"{SECRET} {index},x" for index in range(600)]
    source = written(tmp_path, "a.csv", "\n".join(["body,kind", *lines]))
    with pytest.raises(DataError, match="intent has more than 500 different labels") as refusal:
        import_rows([source], Mapper("kind", {"intent": "body"}), tmp_path / "out.jsonl")
    assert SECRET not in str(refusal.value)
    assert not (tmp_path / "out.jsonl").exists()


def test_a_field_that_is_no_column_is_a_fault_and_zero_is_a_value(tmp_path: Path) -> None:
    source = written(tmp_path, "a.jsonl", '{"text": "a", "kind": "x", "case": 0}\n{"text": "b", "kind": "x"}\n')
    report, rows = imported(source, Mapper("text", {"intent": "kind"}, fields={"group": "case"}))
    assert rows == [{"text": "a", "intent": "x", "group": 0}]
    assert str(report.bad[0]).endswith(":2: case: no such column")


def test_a_number_that_is_none_is_an_unknown_label(tmp_path: Path) -> None:
    source = written(tmp_path, "a.jsonl", '{"text": "a", "kind": NaN, "other": "y"}\n')
    assert imported(source, Mapper("text", {"intent": "kind", "owner": "other"}))[1] == [{"text": "a", "owner": "y"}]
