"""What a file may be told about how it is written."""

from collections.abc import Callable
from pathlib import Path

import pytest

from data.errors import DataError
from data.tables.dialects import Dialect
from data.tables.reading import columns, read_rows
from data.tables.rows import Row

Write = Callable[[str, bytes | str], Path]


def test_utf_16_that_is_named_needs_no_mark(write: Write) -> None:
    path = write("posts.csv", "text,intent\ncafé,refund\n".encode("utf-16-le"))
    expected = [Row(str(path), 2, {"text": "café", "intent": "refund"})]
    assert list(read_rows(path, Dialect(encoding="utf-16"))) == expected
    write("posts.csv", "text,intent\ncafé,refund\n".encode("utf-16"))
    assert list(read_rows(path, Dialect(encoding="utf-16"))) == expected


def test_an_encoding_that_cannot_go_on_after_a_fault_is_refused(write: Write) -> None:
    with pytest.raises(DataError, match="the text is not punycode; name the file's own encoding"):
        list(read_rows(write("posts.csv", b"text\n\xff-a\xff\n"), Dialect(encoding="punycode")))


@pytest.mark.parametrize("delimiter", ["\t", "tab", "\\t"])
def test_a_tab_can_be_named(write: Write, delimiter: str) -> None:
    path = write("posts.csv", "text, whole\tintent\nhello\trefund\n")
    assert columns(path, Dialect(delimiter=delimiter)) == ["text, whole", "intent"]


@pytest.mark.parametrize("delimiter", ["", ";;", '"', "\n"])
def test_what_cannot_delimit_is_refused(delimiter: str) -> None:
    with pytest.raises(DataError, match="cannot delimit cells; expected one character, or tab"):
        Dialect(delimiter=delimiter)


@pytest.mark.parametrize("encoding", ["utf8000", "base64", "", "a\0b"])
def test_an_unknown_encoding_is_refused_with_some_that_are_known(encoding: str) -> None:
    with pytest.raises(DataError, match=r"no encoding .* is known; some that are: utf-8, utf-16, cp1252"):
        Dialect(encoding=encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "utf-16-le", None])
def test_a_byte_order_mark_is_no_part_of_the_header(write: Write, encoding: str | None) -> None:
    path = write("posts.csv", "\ufefftext,intent\nhello,refund\n".encode(encoding or "utf-8"))
    assert columns(path, Dialect(encoding=encoding)) == ["text", "intent"]
    path = write("posts.jsonl", '\ufeff{"text": "hello"}\n'.encode(encoding or "utf-8"))
    assert list(read_rows(path, Dialect(encoding=encoding))) == [Row(str(path), 1, {"text": "hello"})]
