"""How a file of text is written: its encoding, its delimiter, where its rows stand."""

import codecs
import gzip
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import BinaryIO, TextIO

from data.errors import DataError

Opener = Callable[[], AbstractContextManager[BinaryIO]]
"""Opens a file, or a member of an archive, from its beginning. It may be called again."""

TORN = (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile)
"""What reading a torn archive raises. Some of these are `OSError`: catch them first."""

LONGEST_LINE = 32 * 2**20
"""In characters. A longer line is taken for several, so that a file without line ends is never held whole."""

_BAD_BYTE = "\udcff"  # stands where bytes could not be decoded; no encoding has half a character
_HANDLER = "triage.bad-byte"
_ENCODINGS = "utf-8, utf-16, cp1252 (Windows, Western Europe), latin-1, cp1250, cp1251, shift_jis, gb18030"
_TABS = ("\\t", "tab")
# UTF-32 first: its mark begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file of text is written. What is `None` is seen from the file.

    Attributes:
        encoding: by itself UTF-8, or what the byte order mark says.
        delimiter: of CSV and TSV, one character or `tab`; by itself of CSV what the header has of comma, semicolon, tab
            and pipe, the first of them that it has.
        rows: the path to the list of rows in a JSON object (`tickets`, `data.payload`). A file that is a list itself,
            or has one object a line, has nothing to choose from, and is read as it is.

    Raises:
        DataError: an unknown encoding, or a delimiter that cannot be one.
    """

    encoding: str | None = None
    delimiter: str | None = None
    rows: str | None = None

    def __post_init__(self) -> None:
        if self.encoding is not None:
            try:
                io.TextIOWrapper(io.BytesIO(), self.encoding)
            except (LookupError, ValueError):
                raise DataError(f"no encoding {self.encoding!r} is known; some that are: {_ENCODINGS}") from None
        if self.delimiter in _TABS:
            object.__setattr__(self, "delimiter", "\t")
        if self.delimiter is not None and (len(self.delimiter) != 1 or self.delimiter in '"\r\n'):
            raise DataError(f"{self.delimiter!r} cannot delimit cells; expected one character, or tab")

    @property
    def fault(self) -> str:
        """What is said of a row whose bytes are not of this encoding."""
        if self.encoding is None:
            return "not UTF-8; save the file as UTF-8, or name its encoding on import: --encoding cp1252"
        return f"not {self.encoding}; name the file's own encoding"


PLAIN = Dialect()
"""All is seen from the file."""


@contextmanager
def text_of(open_file: Opener, dialect: Dialect, newline: str) -> Iterator[TextIO]:
    """The file as text, in which `has_bad_bytes` finds what could not be decoded.

    Args:
        newline: as `open` takes it; line ends are never changed.
    """
    encoding = _encoding(open_file, dialect)
    with open_file() as file:
        text = io.TextIOWrapper(file, encoding=encoding, errors=_HANDLER, newline=newline)
        try:
            yield text
        except UnicodeError as error:  # from the few encodings that cannot go on after a fault
            raise DataError(f"the text is {dialect.fault}") from error
        finally:
            text.detach()  # or it would close standard input


def lines_of(text: TextIO, longest: int = LONGEST_LINE) -> Iterator[str]:
    """The lines, with their ends; of a longer one, parts."""
    while line := text.readline(longest):
        yield line


def has_bad_bytes(text: str) -> bool:
    """Whether a part of the text was not of the file's encoding."""
    return not text.isascii() and _BAD_BYTE in text


def without_bad_bytes(text: str, replacement: str) -> str:
    """The text with a character in place of each stretch that was not of the file's encoding."""
    return text.replace(_BAD_BYTE, replacement)


def _encoding(open_file: Opener, dialect: Dialect) -> str:
    named = None if dialect.encoding is None else codecs.lookup(dialect.encoding).name
    if named not in (None, *_MARKS.values()):
        return "utf-8-sig" if named == "utf-8" else str(named)
    with open_file() as file:
        beginning = file.read(4)
    found = next((name for mark, name in _MARKS.items() if beginning.startswith(mark)), None)
    if named is None:
        return found or "utf-8-sig"
    return named if found == named else f"{named}-le"  # Python refuses it without its mark, Windows writes it so


def _mark(error: UnicodeError) -> tuple[str, int]:
    if isinstance(error, UnicodeDecodeError):
        return _BAD_BYTE, error.end
    raise error


codecs.register_error(_HANDLER, _mark)
