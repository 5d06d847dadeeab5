import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from api import bulk
from api.bulk import Labeller, classify_file
from api.journal import open_journal
from data.errors import DataError
from model.bundle import Bundle
from model.registry import Registry

TEXTS = ["site is down again", "", "refund please, order late", "win cash now"]
INTENTS = ["outage", None, "refund", "spam"]


@pytest.fixture
def labeller(bundle: Bundle) -> Labeller:
    return Labeller(bundle, bundle.engine(), "text", 1_000)


def read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    if path.suffix == ".parquet":
        return list(pq.read_table(path).to_pylist())
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    return path


@pytest.mark.parametrize("source_kind", [".jsonl", ".csv", ".parquet"])
@pytest.mark.parametrize("target_kind", [".csv", ".parquet"])
def test_a_table_keeps_its_columns_and_gets_the_answers_as_columns(
    labeller: Labeller, tmp_path: Path, source_kind: str, target_kind: str
) -> None:
    rows = [{"ticket": f"000{index}", "text": text} for index, text in enumerate(TEXTS)]
    source = write(tmp_path / f"in{source_kind}", rows)
    target = tmp_path / f"out{target_kind}"

    report = classify_file(source, target, labeller, lambda _: None)

    found = read(target)
    assert [(row["ticket"], row["text"]) for row in found] == [(row["ticket"], row["text"]) for row in rows]
    assert [row["triage_intent"] or None for row in found] == INTENTS
    assert [row["triage_error"] or None for row in found] == [None, "text_empty", None, None]
    assert 0.3 < float(found[0]["triage_intent_confidence"]) <= 1
    assert {"triage_action", "triage_routed_to", "triage_reasons", "triage_department"} < set(found[0])
    assert (report.labelled, report.failed, report.bad) == (3, 1, 0)


def test_jsonl_gets_one_object_and_keeps_nested_values(labeller: Labeller, tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", [{"text": text, "meta": {"n": [1, None]}} for text in TEXTS])
    classify_file(source, tmp_path / "out.jsonl", labeller, lambda _: None)

    found = read(tmp_path / "out.jsonl")
    assert [row["meta"] for row in found] == [{"n": [1, None]}] * 4
    assert list(found[0]["triage"]) == ["status", "labels", "route", "input", "warnings"]
    assert found[1]["triage"]["error"]["code"] == "text_empty"


def test_types_of_parquet_columns_are_kept(labeller: Labeller, tmp_path: Path) -> None:
    source = write(tmp_path / "in.parquet", [{"text": "late", "n": 7, "list": [1, 2]}])
    classify_file(source, tmp_path / "out.parquet", labeller, lambda _: None)
    before, after = (pq.read_schema(tmp_path / name) for name in ("in.parquet", "out.parquet"))
    assert [after.field(name) for name in before.names] == [before.field(name) for name in before.names]
    assert after.field("triage_intent_confidence").type == pa.float64()


def test_bad_rows_are_counted_and_the_good_ones_answered(labeller: Labeller, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("text,n\nlate,1\nragged,2,3\nsite is down,4\n")
    report = classify_file(source, tmp_path / "out.csv", labeller, lambda _: None)

    assert [row["n"] for row in read(tmp_path / "out.csv")] == ["1", "4"]
    assert report.bad == 1
    assert report.describe_bad().strip() == f"{source}:3: expected 2 cells as in the header, found 3"


def test_a_column_that_would_be_overwritten_is_refused(labeller: Labeller, tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", [{"text": "late", "triage_intent": "mine"}])
    with pytest.raises(DataError, match=r"has the columns \['triage_intent'\] already"):
        classify_file(source, tmp_path / "out.csv", labeller, lambda _: None)
    assert not (tmp_path / "out.csv").exists()


def test_an_interrupted_file_is_gone_on_with(
    labeller: Labeller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "_CHUNK", 2)
    source = write(tmp_path / "in.csv", [{"text": f"{text} {index}"} for index in range(5) for text in TEXTS])
    target = tmp_path / "out.csv"
    seen: list[int] = []

    def stop_after_six(rows: int) -> None:
        seen.append(rows)
        if sum(seen) >= 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        classify_file(source, target, labeller, stop_after_six)
    journal = tmp_path / "out.csv.journal"
    assert not target.exists()
    assert "late" not in journal.read_text()  # no text of a post
    with journal.open("a") as file:
        file.write('{"status": "o')  # torn by a kill

    report = classify_file(source, target, labeller, lambda _: None)
    classify_file(source, tmp_path / "undisturbed.csv", labeller, lambda _: None)
    assert report.resumed == 6
    assert target.read_bytes() == (tmp_path / "undisturbed.csv").read_bytes()
    assert not journal.exists()


def test_a_journal_of_another_input_is_not_gone_on_with(
    labeller: Labeller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out.csv.journal").write_text('{"source": "elsewhere"}\n{"status": "ok"}\n')
    source = write(tmp_path / "in.csv", [{"text": "late"}])
    assert classify_file(source, tmp_path / "out.csv", labeller, lambda _: None).resumed == 0
    assert len(read(tmp_path / "out.csv")) == 1


def test_a_killed_process_loses_nothing(registry: Registry, labeller: Labeller, tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", [{"text": f"order {n} is late"} for n in range(20_000)])
    target, journal = tmp_path / "out.jsonl", tmp_path / "out.jsonl.journal"
    command = [sys.executable, "-m", "api.cli", "classify", str(source), "-o", str(target)]
    command += ["--models", str(registry.root)]

    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while process.poll() is None and not (journal.exists() and journal.stat().st_size > 100_000):
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not target.exists()

    finished = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "by the run that was interrupted" in finished.stderr
    assert len(read(target)) == 20_000
    assert not journal.exists()


def test_a_file_that_another_run_is_writing_is_refused(labeller: Labeller, tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", [{"text": "late"}])
    with open_journal(tmp_path / "out.csv", {}), pytest.raises(DataError, match="another run is writing it"):
        classify_file(source, tmp_path / "out.csv", labeller, lambda _: None)


@pytest.mark.parametrize("target_kind", [".jsonl", ".csv", ".parquet"])
def test_half_characters_and_line_breaks_come_through(labeller: Labeller, tmp_path: Path, target_kind: str) -> None:
    rows = [{"text": "late \ud83d\rorder\nplease", "n": "1"}, {"text": "late", "n": "2"}]
    source = write(tmp_path / "in.jsonl", rows)
    target = tmp_path / f"out{target_kind}"
    classify_file(source, target, labeller, lambda _: None)
    assert [row["n"] for row in read(target)] == ["1", "2"]
    assert read(target)[0]["text"].endswith("\rorder\nplease")


@pytest.mark.parametrize(("target", "column"), [("out.jsonl", "triage"), ("out.csv", "triage_intent")])
def test_a_key_of_a_later_row_is_not_overwritten_either(
    labeller: Labeller, tmp_path: Path, target: str, column: str
) -> None:
    source = write(tmp_path / "in.jsonl", [{"text": "late"}, {"text": "late", column: "mine"}])
    with pytest.raises(DataError, match=rf"in\.jsonl:2: has the columns \['{column}'\] already"):
        classify_file(source, tmp_path / target, labeller, lambda _: None)
