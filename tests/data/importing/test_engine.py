"""History in any table becomes posts that training reads; what cannot be used is named and costs nothing else."""

import json
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from data.errors import DataError, Interrupted
from data.examples import read_examples
from data.importing.engine import ImportJob, import_posts
from data.importing.mapping import ColumnMapping
from data.importing.report import ImportReport
from data.importing.sources.source import Source
from data.importing.workers import CHUNK
from data.taxonomy import Taxonomy

SECRET = "my card is 4111 1111 1111 1111"


def job(source: Path, text: str, labels: dict[str, str], **settings: Any) -> ImportJob:
    mapping = ColumnMapping().updated(text=text, labels=labels, **settings)
    return ImportJob((Source(str(source)),), mapping, source.parent / "out.jsonl")


def imported(source: Path, text: str, labels: dict[str, str], **settings: Any) -> tuple[ImportReport, list[Any]]:
    report = import_posts(job(source, text, labels, **settings))
    return report, [json.loads(line) for line in (source.parent / "out.jsonl").read_text().splitlines()]


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_columns_become_heads_and_the_others_are_kept(tmp_path: Path) -> None:
    source = written(tmp_path, "a.csv", "body,kind,ticket,region\nwhere is it,order,T-1,north\n")
    report, rows = imported(source, "body", {"intent": "kind"}, fields={"id": "ticket"})
    assert rows == [{"text": "where is it", "intent": "order", "id": "T-1", "region": "north"}]
    assert (report.kept, report.dropped, dict(report.labels["intent"])) == (1, 0, {"order": 1})


def test_only_the_columns_that_are_named_are_kept_where_some_are(tmp_path: Path) -> None:
    source = written(tmp_path, "a.csv", "text,kind,region,agent\nwhere is it,order,north,Jane\n")
    assert imported(source, "text", {"intent": "kind"}, keep=["region"])[1] == [
        {"text": "where is it", "intent": "order", "region": "north"}
    ]


def test_labels_are_renamed_made_none_and_made_unknown(tmp_path: Path) -> None:
    source = written(
        tmp_path, "a.tsv", "text\ta\tb\none\tx\t1\ntwo\tnone\t2\nthree\t?\t3\nfour\ty\t4\nfive\t\t5\nsix\tnull\t6\n"
    )
    rename = {"owner": {"x": "sales", "none": "null", "?": ""}}
    _, rows = imported(source, "text", {"owner": "a", "level": "b"}, rename=rename)
    assert [row.get("owner", "absent") for row in rows] == ["sales", None, "absent", "y", "absent", "absent"]
    rename["owner"] |= {"null": "null"}
    assert imported(source, "text", {"owner": "a", "level": "b"}, rename=rename)[1][5]["owner"] is None


def test_an_empty_cell_is_an_unknown_label_whatever_the_format_calls_it(tmp_path: Path) -> None:
    lines = [
        {"text": "a", "kind": None, "other": "y"},
        {"text": "b", "kind": float("nan"), "other": "y"},
        {"text": "c", "other": "y"},
    ]
    source = written(
        tmp_path, "a.jsonl", "".join(json.dumps(line) + "\n" for line in [*lines, {"text": "d", "kind": "k"}])
    )
    heads = {"intent": "kind", "owner": "other"}
    _, rows = imported(source, "text", heads)
    assert rows == [*({"text": text, "owner": "y"} for text in "abc"), {"text": "d", "intent": "k"}]
    _, rows = imported(source, "text", heads, rename={"intent": {"": "null"}})
    assert [row["intent"] for row in rows] == [None, None, None, "k"]


def test_json_with_nested_lists_is_read_as_clinc150_has_it(tmp_path: Path) -> None:
    content = {"train": [["pay my bill", "pay_bill"]], "oos_val": [["who won", "oos"], ["sing", "oos"]]}
    source = written(tmp_path, "full.json", json.dumps(content))
    report, rows = imported(source, "0", {"intent": "1"}, rename={"intent": {"oos": "null"}})
    assert rows == [
        {"text": "pay my bill", "intent": "pay_bill", "part": "train"},
        {"text": "who won", "intent": None, "part": "oos_val"},
        {"text": "sing", "intent": None, "part": "oos_val"},
    ]
    assert report.labels["intent"] == {"pay_bill": 1, None: 2}


def test_numbers_are_labels_too(tmp_path: Path) -> None:
    source = written(tmp_path, "a.jsonl", '{"text": "so so", "stars": 3}\n{"text": "bad", "stars": 1}\n')
    assert [row["rating"] for row in imported(source, "text", {"rating": "stars"})[1]] == ["3", "1"]


def test_a_column_that_bears_the_name_of_a_head_is_kept_beside_it(tmp_path: Path) -> None:
    source = written(tmp_path, "a.csv", "text,intent,kind\nhello,old,new\n")
    assert imported(source, "text", {"intent": "kind"})[1] == [{"text": "hello", "intent": "new", "intent_": "old"}]


@pytest.mark.parametrize(
    ("line", "said", "fault"),
    [
        ('{"kind": "x"}', "text: the text is empty", 1),
        (f'{{"text": "{SECRET}"}}', "no label of any head", 0),
        ('{"text": "  ", "kind": "x"}', "text: the text is empty", 1),
        ('{"text": 7, "kind": "x"}', "text: expected a text, found int", 1),
        (f'{{"text": "{SECRET}", "kind": ["x"]}}', "kind: expected a label, found list", 1),
        (f'{{"text": "{SECRET}", "kind": ""}}', "no label of any head", 0),
        (f'{{"text": "{SECRET}", "kind": "x", "status": "spam"}}', "not wanted by its status", 0),
        ("{", "not JSON", 1),
    ],
)
def test_a_bad_row_is_named_and_the_good_ones_beside_it_are_kept(
    tmp_path: Path, line: str, said: str, fault: int
) -> None:
    source = written(tmp_path, "a.jsonl", f'{{"text": "one", "kind": "x"}}\n{line}\n{{"text": "two", "kind": "x"}}\n')
    report, rows = imported(source, "text", {"intent": "kind"}, drop={"status": ("spam",)}, keep=())
    assert [row["text"] for row in rows] == ["one", "two"]
    assert (report.dropped, report.faults) == (1, fault)
    assert str(report.first[0]).startswith(f"{source}:2: {said}")
    [lines] = report.lines.values()
    assert lines == {str(source): "2"}
    assert SECRET not in (tmp_path / "out.report.json").read_text() + str(report.first[0])


def test_rows_are_chosen_by_their_columns(tmp_path: Path) -> None:
    cells = ["a,x,open", "b,x,closed", "c,x,", "d,x,solved"]
    source = written(tmp_path, "a.csv", "\n".join(["text,kind,status", *cells]) + "\n")
    report, rows = imported(source, "text", {"intent": "kind"}, only={"status": ("closed", "solved", "")})
    assert [row["text"] for row in rows] == ["b", "c", "d"]
    assert report.reasons == {"not wanted: status": 1}
    _, rows = imported(source, "text", {"intent": "kind"}, drop={"status": ("closed", "")})
    assert [row["text"] for row in rows] == ["a", "d"]


THREADS = """text,kind,case,created
agent asks back,x,1,2026-01-02T10:00:00Z
first of one,x,1,2026-01-02T09:00:00+00:00
alone,x,2,2026-01-05
last of one,x,1,2026-01-03
no case,x,,2026-01-01
no time,x,3,
nor here,x,3,
no case either,x,,2026-01-01
"""


def test_of_a_thread_the_earliest_message_is_kept(tmp_path: Path) -> None:
    source = written(tmp_path, "a.csv", THREADS)
    settings = {"fields": {"thread": "case", "time": "created"}, "first_of_thread": True}
    report, rows = imported(source, "text", {"intent": "kind"}, **settings)
    assert [row["text"] for row in rows] == ["first of one", "alone", "no case", "no time", "no case either"]
    assert report.lines == {"a later message of its thread": {str(source): "2, 5, 8"}}
    assert rows[0]["thread"] == "1"
    assert len(imported(source, "text", {"intent": "kind"}, fields={"thread": "case"})[1]) == 8


def test_subject_and_body_are_cleaned_joined_and_masked(tmp_path: Path) -> None:
    row = {
        "subject": "Re: Refund",
        "body": "<p>Where is my money? Write to jo@example.com</p><blockquote>On Monday you wrote</blockquote>",
        "kind": "x",
        "from": "Jo@Example.com ",
        "note": {"seen by": ["kim@example.com", 3]},
        "when": "2026-01-02 10:00",
    }
    source = written(
        tmp_path, "a.jsonl", json.dumps(row) + "\n" + json.dumps({**row, "when": "soon", "from": "jo@example.com"})
    )
    settings = {"fields": {"author": "from", "time": "when"}, "text": ["subject", "body"]}
    mapping = ColumnMapping().updated(labels={"intent": "kind"}, **settings)
    report = import_posts(ImportJob((Source(str(source)),), mapping, tmp_path / "out.jsonl"))
    first, second = (json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines())
    assert first["text"] == "Refund\nWhere is my money? Write to [email]"
    assert first["note"] == {"seen by": ["[email]", 3]}
    assert first["time"] == "2026-01-02T10:00:00Z"
    assert "time" not in second
    assert first["author"] == second["author"]
    assert "example.com" not in (tmp_path / "out.jsonl").read_text()
    assert (report.masked["email"], report.masked["posts"]) == (2, 2)
    assert (report.removed["html"], report.removed["quote"], report.unread["time"]) == (2, 2, 1)


def test_nothing_that_is_kept_holds_personal_data(tmp_path: Path) -> None:
    row = {
        "text": "hello",
        "topic": "x",
        "phone": 4915112345678,
        "amount": 12.5,
        "tags": ["vip", "joe@example.com"],
        "seen": {"jane@example.com": {"+49 151 12345678": 4111111111111111}, "kim@example.com": 1},
        "open": True,
        "req": {"id": 987654321, "name": "Jo"},
        "thread": "+49 151 12345678",
        "group": 77,
        "channel": "whatsapp",
    }
    source = written(tmp_path, "a.jsonl", json.dumps(row) + "\n")
    _, [kept] = imported(source, "text", {"intent": "topic"}, fields={"author": "req.id"})
    assert kept.pop("author").startswith("person-")
    assert kept.pop("thread").startswith("person-")
    assert kept == {
        "text": "hello",
        "intent": "x",
        "group": 77,
        "channel": "whatsapp",
        "phone": "[number]",
        "amount": 12.5,
        "tags": ["vip", "[email]"],
        "seen": {"[email]": {"[number]": "[number]"}, "[email]_": 1},
        "open": True,
    }
    _, [kept] = imported(source, "text", {"intent": "topic"}, fields={"author": "req.id"}, keep=["req.name", "amount"])
    assert set(kept) == {"text", "intent", "author", "req.name", "amount"}


def test_a_label_that_holds_personal_data_is_a_fault_and_numbers_of_teams_are_none(tmp_path: Path) -> None:
    labels = ["joe@example.com", "Call me +44 20 7946 0958, Joe", "360001111102", "billing"]
    source = written(tmp_path, "a.jsonl", "".join(json.dumps({"text": f"t {x[:3]}", "team": x}) + "\n" for x in labels))
    report, rows = imported(source, "text", {"owner": "team"})
    assert [row["owner"] for row in rows] == ["360001111102", "billing"]
    assert report.lines == {"team: the label holds personal data": {str(source): "1-2"}}
    assert report.faults == 2
    assert "020 7946" not in (tmp_path / "out.report.json").read_text()


def test_columns_with_the_names_of_fields_are_fields(tmp_path: Path) -> None:
    source = written(
        tmp_path,
        "a.csv",
        "id,thread,time,author,scenario,text,topic\n4711001,4711002,1774949400,jo@example.com,1234567,hi,x\n"
        "4711003,NULL,never,NULL,,ho,x\n",
    )
    report, [first, second] = imported(source, "text", {"intent": "topic"})
    assert first.pop("author").startswith("person-")
    assert first == {
        "text": "hi",
        "intent": "x",
        "id": "4711001",
        "thread": "4711002",
        "time": "2026-03-31T09:30:00Z",
        "scenario": "1234567",
    }
    assert second == {"text": "ho", "intent": "x", "id": "4711003"}
    assert report.unread == {"time": 1}


def test_an_answer_does_not_take_the_place_of_a_first_message_that_was_left_out(tmp_path: Path) -> None:
    lines = ["wrote first,,1,2026-01-01", "we answer,x,1,2026-01-02", ",x,2,2026-01-01", "our answer,x,2,2026-01-03"]
    for order in (lines, lines[::-1]):
        source = written(
            tmp_path, "a.csv", "\n".join(["text,kind,case,created", *order, "alone,x,3,2026-01-01"]) + "\n"
        )
        fields = {"thread": "case", "time": "created"}
        report, rows = imported(source, "text", {"intent": "kind"}, fields=fields, first_of_thread=True)
        assert [row["text"] for row in rows] == ["alone"]
        assert report.dropped == 4


def test_whole_numbers_are_named_alike_whatever_wrote_them(tmp_path: Path) -> None:
    source = written(tmp_path, "a.jsonl", '{"text": "a", "p": 1.0, "case": 7.0}\n{"text": "b", "p": 1, "case": 7}\n')
    rename, fields = {"level": {"1": "low"}}, {"thread": "case"}
    _, rows = imported(source, "text", {"level": "p"}, rename=rename, fields=fields, first_of_thread=True)
    assert rows == [{"text": "a", "level": "low", "thread": "7"}]


def test_half_a_character_ends_nothing(tmp_path: Path) -> None:
    source = written(
        tmp_path, "a.jsonl", '{"text": "a \\ud83d", "kind": "x\\ud83d", "case": "\\ud83d", "note": "\\ud83d"}\n'
    )
    report, [row] = imported(source, "text", {"intent": "kind"}, fields={"thread": "case"}, first_of_thread=True)
    assert (row["intent"], row["thread"], report.kept) == ("x?", "?", 1)


def test_a_file_is_not_read_twice_nor_written_over(tmp_path: Path) -> None:
    source = written(tmp_path, "a.jsonl", '{"text": "a", "kind": "x"}\n')
    again = Source(str(tmp_path / "." / "a.jsonl"))
    mapping = ColumnMapping().updated(labels={"intent": "kind"})
    with pytest.raises(DataError, match="named twice"):
        ImportJob((Source(str(source)), again), mapping, tmp_path / "out.jsonl")
    with pytest.raises(DataError, match="is read from; name another output"):
        ImportJob((again,), mapping, source)


def test_what_somebody_wrote_is_not_taken_for_the_name_of_a_column(tmp_path: Path) -> None:
    source = written(
        tmp_path, "a.csv", "Hello my card was charged twice and I am angry,joe@example.com,refund\n1,2,3\n"
    )
    with pytest.raises(DataError) as refusal:
        imported(source, "text", {"intent": "topic"})
    assert "its columns: refund." in str(refusal.value)
    assert "angry" not in str(refusal.value)


@pytest.mark.parametrize(
    ("settings", "mend"),
    [
        ({"drop": {"stt": ("spam",)}}, "--drop COLUMN=VALUE"),
        ({"only": {"stt": ("open",)}}, "--only COLUMN=VALUE"),
        ({"fields": {"thread": "csae"}, "first_of_thread": True}, "--field thread=COLUMN"),
    ],
)
def test_a_misspelt_column_that_chooses_rows_is_refused(tmp_path: Path, settings: dict[str, Any], mend: str) -> None:
    source = written(tmp_path, "a.csv", "text,kind,status,case\nhello,x,open,1\n")
    with pytest.raises(DataError, match=rf"no row has '(stt|csae)'.*Name another: {mend}$"):
        imported(source, "text", {"intent": "kind"}, **settings)


def test_a_head_that_no_ticket_has_is_told_and_the_rest_is_kept(tmp_path: Path) -> None:
    lines = [{"text": f"post {index}", "kind": "x", "group": None} for index in range(CHUNK + 3)]
    source = written(tmp_path, "a.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    report, rows = imported(source, "text", {"intent": "kind", "owner": "group.name"}, fields={"language": "lang"})
    assert len(rows) == CHUNK + 3
    assert report.not_found == ["group.name", "lang"]


def test_the_report_beside_the_result_says_what_became_of_every_row(tmp_path: Path) -> None:
    source = written(tmp_path, "a.csv", "text,kind\nhello,x\n,x\nhi,y\nhere,\n,y\n")
    report, _ = imported(source, "text", {"intent": "kind"}, fields={"language": "lang"})
    plain = json.loads((tmp_path / "out.report.json").read_text())
    assert {key: plain[key] for key in report.to_dict()} == report.to_dict()
    assert plain["reasons"] == {
        "text: the text is empty": {"rows": 2, "lines": {str(source): "3, 6"}},
        "no label of any head": {"rows": 1, "lines": {str(source): "5"}},
    }
    assert plain["kept"] + plain["dropped"] == 5
    assert plain["not_found"] == ["lang"]
    assert plain["mapping"]["labels"] == {"intent": "kind"}


def test_nothing_is_written_where_no_row_can_be_used(tmp_path: Path) -> None:
    source = written(tmp_path, "a.csv", "text,kind\n,x\n")
    with pytest.raises(DataError, match=r"none of 1 rows can be used; the first: .*a\.csv:2: text: the text is empty"):
        imported(source, "text", {"intent": "kind"})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv"]


@pytest.mark.parametrize(
    ("text", "labels", "said"),
    [
        ("body", {"intent": "kind"}, "no row has 'body'; its columns: text, kind. Name another: --text COLUMN"),
        (
            "text",
            {"intent": "topic"},
            "no row has 'topic'; its columns: text, kind. Name another: --label intent=COLUMN",
        ),
    ],
)
def test_a_column_that_is_not_there_is_told_with_those_that_are(
    tmp_path: Path, text: str, labels: dict[str, str], said: str
) -> None:
    for name, content in (("a.csv", "text,kind\nhello,x\n"), ("b.jsonl", '{"text": "hello", "kind": "x"}\n')):
        source = written(tmp_path, name, content)
        with pytest.raises(DataError) as refusal:
            imported(source, text, labels)
        assert said.partition(";")[0] in str(refusal.value)
        assert said.rpartition(". ")[2] in str(refusal.value)
        if source.suffix == ".csv":
            assert said in str(refusal.value)
        assert not (tmp_path / "out.jsonl").exists()
        assert not job(source, text, labels).work_file.exists()


def test_a_head_that_only_late_rows_have_is_found_in_json(tmp_path: Path) -> None:
    lines = [{"text": f"post {index}", "kind": "x"} for index in range(CHUNK + 5)] + [
        {"text": "z", "kind": "x", "team": "t"}
    ]
    source = written(tmp_path, "a.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    assert imported(source, "text", {"intent": "kind", "owner": "team"})[0].labels["owner"] == {"t": 1}


def test_the_result_must_be_jsonl_and_have_a_head(tmp_path: Path) -> None:
    source = (Source(str(tmp_path / "a.csv")),)
    with pytest.raises(DataError, match=r"end its name with \.jsonl"):
        ImportJob(source, ColumnMapping(labels={"intent": "kind"}), tmp_path / "out.csv")
    with pytest.raises(DataError, match="no head was named"):
        ImportJob(source, ColumnMapping(), tmp_path / "out.jsonl")


def test_what_was_imported_is_what_training_reads(tmp_path: Path) -> None:
    source = written(tmp_path, "a.csv", "q,kind,case\nwhere is it,order,7\nthanks,none,8\n")
    imported(source, "q", {"intent": "kind"}, rename={"intent": {"none": "null"}}, fields={"group": "case"})
    head = {"name": "intent", "optional": True, "labels": ["order", "refund"]}
    examples = read_examples([tmp_path / "out.jsonl"], Taxonomy.from_dict({"name": "t", "heads": [head]})).examples
    assert [(example.labels, example.group) for example in examples] == [
        ({"intent": "order"}, "7"),
        ({"intent": None}, "8"),
    ]


def test_a_column_of_texts_is_not_taken_for_labels(tmp_path: Path) -> None:
    lines = [f"where is my parcel {index},x" for index in range(600)]
    source = written(tmp_path, "a.csv", "\n".join(["body,kind", *lines]))
    with pytest.raises(DataError, match="intent has more than 500 different labels") as refusal:
        imported(source, "kind", {"intent": "body"})
    assert "parcel" not in str(refusal.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv"]


def many_rows(folder: Path, rows: int = 7 * CHUNK + 123) -> tuple[Path, Path]:
    """Two files of messages in threads, every ninth bad."""
    dealer = random.Random(5)  # noqa: S311  # made-up rows, no secret
    paths = (folder / "one.csv", folder / "two.jsonl")
    lines = [
        (
            f"post {index} call 020 7946 0{index % 1000:03d}",
            dealer.choice("abc"),
            dealer.randrange(rows // 2),
            dealer.random(),
        )
        for index in range(rows)
    ]
    with paths[0].open("w") as file:
        file.write("text,kind,case,when\n")
        for index, (text, kind, case, when) in enumerate(lines[: rows // 2]):
            file.write(f"{'' if index % 9 == 0 else text},{kind},{case},{1.7e9 + when * 1e6}\n")
    with paths[1].open("w") as file:
        for index, (text, kind, case, when) in enumerate(lines[rows // 2 :]):
            row = {"text": text, "kind": kind, "case": case, "when": 1.7e9 + when * 1e6}
            file.write("{\n" if index % 9 == 0 else json.dumps(row) + "\n")
    return paths


def many(folder: Path) -> ImportJob:
    sources = tuple(Source(str(folder / name)) for name in ("one.csv", "two.jsonl"))
    mapping = ColumnMapping().updated(
        labels={"intent": "kind"}, fields={"thread": "case", "time": "when"}, first_of_thread=True
    )
    return ImportJob(sources, mapping, folder / "out.jsonl")


def results(folder: Path) -> tuple[bytes, bytes]:
    return (folder / "out.jsonl").read_bytes(), (folder / "out.report.json").read_bytes()


def test_several_processes_give_the_same_bytes_as_one(tmp_path: Path) -> None:
    many_rows(tmp_path)
    report = import_posts(many(tmp_path))
    assert report.kept + report.dropped == 7 * CHUNK + 123
    assert report.faults > 700
    assert report.reasons["a later message of its thread"] > 2000
    alone = results(tmp_path)
    import_posts(many(tmp_path), workers=2)
    assert results(tmp_path) == alone


KILLED = """
import os, pathlib, random, signal, sys
from tests.data.importing.test_engine import many
from data.importing.engine import import_posts

if __name__ == "__main__":
    left = int(sys.argv[2])

    def advance(rows):
        global left
        left -= rows
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    import_posts(many(pathlib.Path(sys.argv[1])), int(sys.argv[3]), advance)
"""


def test_killed_at_any_moment_it_goes_on_and_gives_the_same_bytes(tmp_path: Path) -> None:
    many_rows(tmp_path)
    import_posts(many(tmp_path))
    undisturbed = results(tmp_path)
    for path in (tmp_path / "out.jsonl", tmp_path / "out.report.json"):
        path.unlink()
    script = written(tmp_path, "killed.py", KILLED)
    for left, workers in ((1500, 1), (4000, 2), (5100, 1)):  # rows that are done when the kill comes
        done = subprocess.run(
            [sys.executable, script, tmp_path, str(left), str(workers)],
            cwd=Path(__file__).parents[3],
            env={"PYTHONPATH": "."},
            check=False,
            timeout=240,
            capture_output=True,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
        assert many(tmp_path).work_file.exists()
        assert not (tmp_path / "out.jsonl").exists()
    told: list[int] = []
    import_posts(many(tmp_path), advance=told.append)
    assert told[0] >= 3 * CHUNK  # of the first file nothing was left to do
    assert results(tmp_path) == undisturbed
    assert not list(tmp_path.glob(".*"))


LATE = KILLED.replace(
    "    import_posts(",
    "    import data.importing.engine\n"
    "    data.importing.engine.write_whole = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
    "    import_posts(",
)


def test_killed_between_the_result_and_its_report_it_writes_both_again(tmp_path: Path) -> None:
    many_rows(tmp_path)
    import_posts(many(tmp_path))
    undisturbed = results(tmp_path)
    script = written(tmp_path, "killed.py", LATE)
    done = subprocess.run(
        [sys.executable, script, tmp_path, "1000000", "1"],
        cwd=Path(__file__).parents[3], env={"PYTHONPATH": "."}, check=False, timeout=240, capture_output=True,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert many(tmp_path).work_file.exists()
    told: list[int] = []
    import_posts(many(tmp_path), advance=told.append)
    assert sum(told) == 7 * CHUNK + 123
    assert results(tmp_path) == undisturbed


def test_a_column_of_texts_is_seen_after_a_stop_as_well(tmp_path: Path) -> None:
    lines = [f"hello {index},label {index // 3}" for index in range(2 * CHUNK)]
    source = written(tmp_path, "a.csv", "\n".join(["text,kind", *lines]))
    stopped = job(source, "text", {"intent": "kind"})

    def stop(rows: int) -> None:
        if rows:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        import_posts(stopped, advance=stop)
    with pytest.raises(DataError, match="more than 500 different labels"):
        import_posts(stopped)


def test_ctrl_c_keeps_the_work_and_another_job_does_not_take_it(tmp_path: Path) -> None:
    many_rows(tmp_path)

    def stop(rows: int) -> None:
        if rows:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="give the same command to go on"):
        import_posts(many(tmp_path), advance=stop)
    assert many(tmp_path).work_file.exists()
    other = ImportJob(many(tmp_path).sources, ColumnMapping().updated(labels={"owner": "kind"}), tmp_path / "out.jsonl")
    told: list[int] = []
    report = import_posts(other, advance=told.append)
    assert told[0] == 0
    assert report.labels["owner"]
    assert sum(told) == 7 * CHUNK + 123


def test_two_imports_do_not_write_to_one_file(tmp_path: Path) -> None:
    many_rows(tmp_path)
    refused: list[str] = []

    def at_once(rows: int) -> None:
        if rows and not refused:
            with pytest.raises(DataError, match="another import is writing there") as refusal:
                import_posts(many(tmp_path))
            refused.append(str(refusal.value))

    assert import_posts(many(tmp_path), advance=at_once).kept
    assert refused
