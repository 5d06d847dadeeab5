"""Times: as exports write them, brought into ISO 8601, and back into numbers."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

# Unix time in seconds reaches this in the year 5138, in milliseconds it passed it in 1973.
_MILLISECONDS_FROM = 1e11
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def iso_time(value: Any, time_format: str | None = None) -> str | None:
    """The time in ISO 8601 and UTC, or `None` where it is none; one without a zone is taken for UTC.

    Args:
        value: a text in ISO 8601 (also with a space for the T, and `UTC` behind it), Unix time in seconds or
            milliseconds, or a date of Python's.
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
    try:
        seconds = float(text)
    except ValueError:
        return datetime.fromisoformat(text.removesuffix("UTC").removesuffix("GMT").strip())
    if seconds < 1e8:  # the year 1973, or 20260331
        return datetime.fromisoformat(text)
    return datetime.fromtimestamp(seconds / 1000 if seconds >= _MILLISECONDS_FROM else seconds, UTC)
