"""Lines are told as ranges, counts in an order of their own."""

from pathlib import Path

import pytest

from data.importing.preparing import Dropped, Prepared
from data.importing.report import FIRST_ROWS, ImportReport, ranges
from data.importing.work_file import Place, WorkFile


@pytest.mark.parametrize(
    ("numbers", "told"),
    [([], ""), ([7], "7"), ([3, 1, 2], "1-3"), ([1, 3, 5], "1, 3, 5"), ([9, 2, 3, 8, 4, 8], "2-4, 8-9")],
)
def test_neighbours_are_joined(numbers: list[int], told: str) -> None:
    assert ranges(numbers) == told


def test_every_row_that_was_left_out_is_in_the_ranges_and_the_first_are_named(tmp_path: Path) -> None:
    work = WorkFile(tmp_path / "work", {})
    for position in range(FIRST_ROWS + 500):
        work.add(
            Place(position, "a.csv", position + 2), Dropped("not JSON", f"not JSON: column {position}", fault=True)
        )
    facts = {"labels": {"kind": "x"}, "masked": {"email": 2}, "removed": ["html"], "unread": ["time"]}
    for position in range(5000, 5003):
        work.add(Place(position, "b.csv", position), Prepared("{}", None, None, facts))
    report = ImportReport.of(work, ["kind", "other"])
    assert (report.kept, report.dropped, report.faults) == (3, FIRST_ROWS + 500, FIRST_ROWS + 500)
    assert report.lines == {"not JSON": {"a.csv": f"2-{FIRST_ROWS + 501}"}}
    assert len(report.first) == FIRST_ROWS
    assert str(report.first[7]) == "a.csv:9: not JSON: column 7"
    assert report.labels == {"kind": {"x": 3}, "other": {}}
    assert report.masked == {"email": 6, "posts": 3}
    assert (report.removed, report.unread) == ({"html": 3}, {"time": 3})
