"""Times: as exports write them, brought into ISO 8601, and back into numbers."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

_NUMBER = re.compile(r"([0-9]+)(?:\.([0-9]+))?")
# By their digits, which tell them apart from the year 2001 to 2286.
_SECONDS, _MILLISECONDS = 10, 13
_DATE, _DATE_AND_TIME = 8, (12, 14)
_DATE_YEARS = range(1970, 2101)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def iso_time(value: Any, time_format: str | None = None) -> str | None:
    """The time in ISO 8601 and UTC, or `None` where it is none; one without a zone is taken for UTC.

    Args:
        value: a text in ISO 8601 (also with a space for the T, and `UTC` behind it), a date of Python's, or a number:
            of 10 digits Unix time in seconds, of 13 in milliseconds, of 8, 12 or 14 a date, with hours and minutes,
            and seconds, written without signs.
        time_format: as `datetime.strptime` takes it; ISO 8601 and Unix time are then not tried.
    """
    try:
        if isinstance(value, bool):
            return None
        time = datetime.strptime(str(value).strip(), time_format) if time_format else _read(value)  # noqa: DTZ007  # below
        zoned = time if time.tzinfo else time.replace(tzinfo=UTC)
        return zoned.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return None


def iso_of(seconds: float) -> str:
    """The time of so many seconds since 1970, in ISO 8601 and UTC, to the second."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def read_time(text: str) -> int:
    """Microseconds since 1970, of a time as ISO 8601 writes it; one without a zone is taken for UTC.

    Raises:
        ValueError: it is written otherwise.
    """
    time = datetime.fromisoformat(text)
    return ((time if time.tzinfo else time.replace(tzinfo=UTC)) - _EPOCH) // timedelta(microseconds=1)


def _read(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    text = str(value).strip()
    number = _NUMBER.fullmatch(text)
    if number is None:
        return datetime.fromisoformat(text.removesuffix("UTC").removesuffix("GMT").strip())
    return _of_digits(number[1], number[2] or "")


def _of_digits(digits: str, fraction: str) -> datetime:
    if len(digits) in (_SECONDS, _MILLISECONDS):
        number = float(f"{digits}.{fraction}")
        return datetime.fromtimestamp(number if len(digits) == _SECONDS else number / 1000, UTC)
    if fraction.strip("0"):
        raise ValueError
    if len(digits) in _DATE_AND_TIME and int(digits[:4]) in _DATE_YEARS:
        return datetime.fromisoformat(f"{digits[:_DATE]}T{digits[_DATE:]}")
    if len(digits) == _DATE:
        return datetime.fromisoformat(digits)
    raise ValueError
