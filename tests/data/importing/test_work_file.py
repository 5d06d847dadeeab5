"""The work of an import survives its end, whenever that comes, and is never taken for that of another job."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from data.errors import DataError
from data.importing.preparing import Dropped, Prepared
from data.importing.work_file import LATER_MESSAGE, Place, WorkFile

JOB: dict[str, Any] = {"sources": ["a.csv"]}


def post(text: str, thread: str | None = None, time: float | None = None, **labels: str) -> Prepared:
    return Prepared(text, thread, time, {"labels": labels})


def opened(folder: Path, job: dict[str, Any] = JOB) -> WorkFile:
    return WorkFile(folder / "work", job)


def test_what_was_committed_is_there_again_and_the_rest_is_not(tmp_path: Path) -> None:
    work = opened(tmp_path)
    work.add(Place(0, "a.csv", 2), post("one", kind="x"))
    work.add(Place(1, "a.csv", 3), Dropped("empty", "text: empty", fault=True))
    work.commit(0, 2, {"text"})
    work.add(Place(2, "a.csv", 4), post("two", kind="x"))
    work.close()
    again = opened(tmp_path)
    assert (again.rows_read(0), again.rows_read(1)) == (2, 0)
    assert list(again.lines()) == ["one"]
    assert [tuple(left) for left in again.dropped()] == [("a.csv", 3, "empty", "text: empty")]
    assert (again.reasons(), again.faults(), again.met()) == ({"empty": 1}, 1, {"text"})
    assert list(again.facts()) == [({"labels": {"kind": "x"}}, 1)]


@pytest.mark.parametrize("rubbish", [b"", b"no database at all, but some bytes" * 100])
def test_a_file_that_was_cut_short_is_begun_anew(tmp_path: Path, rubbish: bytes) -> None:
    (tmp_path / "work").write_bytes(rubbish)
    work = opened(tmp_path)
    assert work.rows_read(0) == 0
    work.add(Place(0, "a.csv", 2), post("one"))
    work.commit(0, 1, set())
    assert list(work.lines()) == ["one"]


def test_another_job_begins_anew(tmp_path: Path) -> None:
    work = opened(tmp_path)
    work.add(Place(0, "a.csv", 2), post("one"))
    work.commit(0, 1, set())
    work.close()
    other = opened(tmp_path, {"sources": ["b.csv"]})
    assert other.rows_read(0) == 0
    assert not list(other.lines())


def test_a_threads_earliest_message_is_kept_whatever_the_order(tmp_path: Path) -> None:
    work = opened(tmp_path)
    for position, (text, thread, time) in enumerate(
        [
            ("late", "t", 5.0),
            ("early", "t", 3.0),
            ("latest", "t", 9.0),
            ("no time", "t", None),
            ("alone", None, 1.0),
            ("also alone", None, 1.0),
        ]
    ):
        work.add(Place(position, "a.csv" if position < 3 else "b.csv", position + 2), post(text, thread, time))
    assert list(work.lines()) == ["early", "alone", "also alone"]
    assert [(left.source, left.line) for left in work.dropped()] == [("a.csv", 2), ("a.csv", 4), ("b.csv", 5)]
    assert work.reasons() == {LATER_MESSAGE: 3}
    assert work.faults() == 0


def test_it_is_locked_while_it_is_open_and_leaves_nothing_when_removed(tmp_path: Path) -> None:
    work = opened(tmp_path)
    with pytest.raises(DataError, match="another import is writing there"):
        opened(tmp_path)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        sqlite3.connect(tmp_path / "work", timeout=0).execute("SELECT * FROM plan")
    work.remove()
    assert not list(tmp_path.iterdir())
