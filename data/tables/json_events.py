"""A JSON file as a stream of events, in bounded memory, whatever stands in it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TextIO

import ijson

from data.tables.dialects import LONGEST_LINE, TORN, Dialect, Opener, has_bad_bytes, text_of, without_bad_bytes

BAD_BYTE = "\uffff"
"""Stands in strings for bytes that are not of the file's encoding: no character, and no text has it."""

_CHUNK = 2**16
# ijson's reader in C answers an integer of more digits than Python converts (4,300) with a crash: it must not see one.
_ENDLESS_NUMBER = re.compile(rb"[0-9]{4300}")
_LONGEST_NUMBER = 4300
# That many digits in a row are digits at four places in a row that lie this far apart, which is quicker to see.
_APART, _DIGITS_APART = 1000, re.compile(rb"[0-9]{4}")


class BrokenJson(Exception):  # noqa: N818  # what is made of it depends on how many rows were read before
    """The file cannot be read on; says why, without its text, which ijson would quote."""


@dataclass(slots=True)
class Feed:
    """What is being read.

    Attributes:
        events: as `ijson.basic_parse` gives them. Reading on raises `BrokenJson`.
        bad_bytes: whether there were bytes so far that are not of the file's encoding.
        row_length: bytes of the row that is being read; to be set to 0 at the end of each.
    """

    events: Iterator[tuple[str, Any]]
    bad_bytes: bool = False
    row_length: int = 0

    def row_ends(self) -> None:
        self.row_length = 0


@contextmanager
def json_events(open_file: Opener, dialect: Dialect, several: bool = False) -> Iterator[Feed]:
    """Open a file and read its events.

    Args:
        several: whether the file may hold one value after another.
    """
    with text_of(open_file, dialect, newline="") as text:
        feed = Feed(iter(()))
        file = _Utf8(text, feed)
        feed.events = _events(ijson.basic_parse(file, buf_size=_CHUNK, multiple_values=several), feed, dialect)
        yield feed


def _events(events: Iterator[tuple[str, Any]], feed: Feed, dialect: Dialect) -> Iterator[tuple[str, Any]]:
    try:
        yield from events
    except TORN as error:
        raise BrokenJson("the archive is damaged or cut short") from error
    except (ijson.JSONError, ValueError, ArithmeticError) as error:
        raise BrokenJson(_reason(str(error), feed, dialect)) from None


def _reason(message: str, feed: Feed, dialect: Dialect) -> str:
    if feed.bad_bytes:
        return dialect.fault
    if "premature EOF" in message:
        return "it is cut short"
    return "something follows the end of the JSON" if "trailing garbage" in message else "it is not JSON"


class _Utf8:
    """A file as ijson takes it: UTF-8 bytes, without what ijson cannot bear."""

    def __init__(self, text: TextIO, feed: Feed) -> None:
        self._text = text
        self._feed = feed
        self._end = b""
        self._endless = False

    def read(self, size: int) -> bytes:
        if self._endless:
            raise BrokenJson(f"a number of {_LONGEST_NUMBER:,} digits or more")
        if self._feed.row_length > LONGEST_LINE:
            raise BrokenJson(f"a row of more than {LONGEST_LINE:,} bytes")
        # ijson takes what it is given. The longer a text is, the longer the pieces: it begins anew with each of them.
        length = self._feed.row_length
        text = self._text.read(max(size, min(length, LONGEST_LINE - length)))
        if has_bad_bytes(text):
            self._feed.bad_bytes = True
            text = without_bad_bytes(text, BAD_BYTE)
        chunk = text.encode()
        self._feed.row_length += len(chunk)
        seen = self._end + chunk
        endless = _ENDLESS_NUMBER.search(seen) if _DIGITS_APART.search(seen[::_APART]) else None
        if endless:
            self._endless = True
            return chunk[: max(0, endless.start() - len(self._end))] or self.read(size)
        self._end = seen[-_LONGEST_NUMBER:]
        return chunk
