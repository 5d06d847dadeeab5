"""Times of every export end up in one form."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from data.times import iso_time, read_time


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-03-31T09:30:00Z", "2026-03-31T09:30:00Z"),
        ("2026-03-31T09:30:00.000+0000", "2026-03-31T09:30:00Z"),
        ("2026-03-31T09:30:00+02:00", "2026-03-31T07:30:00Z"),
        ("2026-03-31 09:30:00 UTC", "2026-03-31T09:30:00Z"),
        ("2026-03-31 09:30:00 -0700", "2026-03-31T16:30:00Z"),
        ("2026-03-31 09:30", "2026-03-31T09:30:00Z"),
        ("2026-03-31", "2026-03-31T00:00:00Z"),
        ("20260331", "2026-03-31T00:00:00Z"),
        (1774949400, "2026-03-31T09:30:00Z"),
        ("1774949400", "2026-03-31T09:30:00Z"),
        (1774949400.5, "2026-03-31T09:30:00.500000Z"),
        (1774949400000, "2026-03-31T09:30:00Z"),
        ("1774949400000.0", "2026-03-31T09:30:00Z"),
        ("20240701091527", "2024-07-01T09:15:27Z"),
        (20240701091527.0, "2024-07-01T09:15:27Z"),
        (202407010915, "2024-07-01T09:15:00Z"),
        (20260331.0, "2026-03-31T00:00:00Z"),
        ("20241301091527", None),
        ("202407012515", None),
        ("19690701091527", None),
        ("210107010915", None),
        ("20240701091527.5", None),
        ("123456789", None),
        ("17749494000", None),
        (1774949400000000, None),
        ("1.7749494e9", None),
        (0, None),
        (-1774949400, None),
        (datetime(2026, 3, 31, 9, 30, tzinfo=timezone(timedelta(hours=2))), "2026-03-31T07:30:00Z"),
        (datetime(2026, 3, 31, 9, 30), "2026-03-31T09:30:00Z"),  # noqa: DTZ001  # as a spreadsheet gives it
        (date(2026, 3, 31), "2026-03-31T00:00:00Z"),
        ("yesterday", None),
        ("31/03/2026", None),
        ("", None),
        (True, None),
        (float("inf"), None),
        (1e300, None),
        ("0001-01-01T00:00:00+14:00", None),
    ],
)
def test_a_time_is_read_or_refused(value: Any, expected: str | None) -> None:
    assert iso_time(value) == expected


def test_a_form_that_was_named_is_the_only_one() -> None:
    assert iso_time("31/03/2026 9:30 PM", "%d/%m/%Y %I:%M %p") == "2026-03-31T21:30:00Z"
    assert iso_time("03/31/2026 9:30 PM", "%d/%m/%Y %I:%M %p") is None
    assert iso_time("2026-03-31T09:30:00Z", "%d/%m/%Y") is None


def test_what_is_written_reads_back() -> None:
    written = iso_time(1774949400.25)
    assert written is not None
    assert datetime.fromisoformat(written) == datetime(2026, 3, 31, 9, 30, 0, 250000, UTC)
    assert iso_time(written) == written


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01", 0),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T00:00:01.000001Z", 1.000001),
        ("1969-12-31T23:59:59.999999", -0.000001),
        ("0001-01-01T00:00:00+14:00", -62135647200),
    ],
)
def test_a_time_is_read_in_utc(text: str, seconds: float) -> None:
    assert read_time(text) == round(seconds * 1_000_000)
