"""CSV as spreadsheets and helpdesks of all countries write it."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from data.errors import DataError
from data.tables.dialects import Dialect
from data.tables.reading import columns, read_rows
from data.tables.rows import BadRow, Row

Write = Callable[[str, bytes | str], Path]

SECRET = "my card was stolen"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("posts.csv", "text;intent\nhello;refund\n"),
        ("posts.csv", "text\tintent\nhello\trefund\n"),
        ("posts.csv", "text|intent\nhello|refund\n"),
        ("posts.csv", '"text";"intent"\n"hello";"refund"\n'),
        ("posts.csv", "text;intent\rhello;refund\r"),
        ("posts.csv", "sep=;\r\ntext;intent\r\nhello;refund\r\n"),
        ("posts.csv", '\ufeff"sep=#"\r\ntext#intent\r\nhello#refund\r\n'),
        ("posts.csv", "SEP=\t\ntext\tintent\nhello\trefund\n"),
        ("posts.tsv", "text\tintent\nhello\trefund\n".encode("utf-16").decode("latin-1")),
        ("posts.csv", "\n\r\ntext,intent\nhello,refund\n"),
    ],
    ids=["semicolon", "tab", "pipe", "quoted", "CR", "sep", "sep and mark", "sep of tab", "latin", "empty lines"],
)
def test_the_file_itself_tells_how_it_is_written(write: Write, name: str, content: str) -> None:
    path = write(name, content.encode("latin-1") if content.startswith(("ÿþ", "þÿ")) else content)
    [row] = read_rows(path)
    assert isinstance(row, Row)
    assert row.values == {"text": "hello", "intent": "refund"}
    assert columns(path) == ["text", "intent"]


def test_excels_unicode_text_is_read_by_its_mark(write: Write) -> None:
    content = '\ufeffsubject\tbody\r\nnaïve\t"two\r\nlines 🔥"\r\nlast\tcafé\r\n'
    path = write("posts.tsv", content.encode("utf-16-le"))
    assert list(read_rows(path)) == [
        Row(str(path), 2, {"subject": "naïve", "body": "two\r\nlines 🔥"}),
        Row(str(path), 4, {"subject": "last", "body": "café"}),
    ]


def test_windows_csv_with_semicolons_is_read_in_its_encoding(write: Write) -> None:
    path = write("posts.csv", "Betreff;Straße, Ort\r\nRückgabe – 5 €;Köln\r\n".encode("cp1252"))
    assert list(read_rows(path, Dialect(encoding="cp1252", delimiter=";"))) == [
        Row(str(path), 2, {"Betreff": "Rückgabe – 5 €", "Straße, Ort": "Köln"})
    ]
    with pytest.raises(DataError, match=r"posts.csv:1: the header is not UTF-8; .*--encoding cp1252"):
        list(read_rows(path))


def test_latin_1_cases_with_quoted_mails_are_read_in_their_encoding(write: Write) -> None:
    mail = 'Bonjour,\n\nil m\'a dit ""non"", déjà.\n-- \nZoé'
    content = f'"Case Number","Subject","Description"\n"00001001","Déjà vu","{mail}"\n"00001002","",""\n'
    path = write("cases.csv", content.encode("latin-1"))
    rows = list(read_rows(path, Dialect(encoding="latin-1")))
    assert rows == [
        Row(
            str(path),
            2,
            {"Case Number": "00001001", "Subject": "Déjà vu", "Description": mail.replace('""', '"')},
        ),
        Row(str(path), 7, {"Case Number": "00001002", "Subject": "", "Description": ""}),
    ]
    bad, good = read_rows(path)
    assert str(bad).startswith(f"{path}:2: not UTF-8; ")
    assert good == rows[1]


@pytest.mark.parametrize(
    ("encoding", "byte"), [("cp1252", b"\x81"), ("utf-16-le", b"\x00\xd8a\x00"), ("shift_jis", b"\xff")]
)
def test_a_row_that_is_not_of_the_named_encoding_is_bad_and_the_others_are_read(
    write: Write, encoding: str, byte: bytes
) -> None:
    head, tail = "text,intent\n".encode(encoding), ",refund\nlast,spam\n".encode(encoding)
    path = write("posts.csv", head + SECRET.encode(encoding) + byte + tail)
    bad, last = read_rows(path, Dialect(encoding=encoding))
    assert str(bad) == f"{path}:2: not {encoding}; name the file's own encoding"
    assert last == Row(str(path), 3, {"text": "last", "intent": "spam"})


def test_the_lines_below_excels_own_are_numbered_with_it(write: Write) -> None:
    path = write("posts.csv", "sep=;\ntext;intent\nhello;refund\nshort\n")
    good, bad = read_rows(path)
    assert (good.line, str(bad)) == (3, f"{path}:4: expected 2 cells as in the header, found 1")


def test_a_comma_in_a_quoted_header_does_not_delimit(write: Write) -> None:
    path = write("posts.csv", '"text, whole";"a ""b"", c"\nhello;refund\n')
    assert columns(path) == ["text, whole", 'a "b", c']


def test_a_stray_quote_loses_at_most_what_a_cell_may_hold_and_each_lost_line_is_told(tmp_path: Path) -> None:
    path = tmp_path / "posts.csv"
    line = "a" * 2**20 + ",refund\n"
    with path.open("w") as file:
        file.write('text,intent\nfirst,refund\n"stray,refund\n')
        file.writelines(line for _ in range(40))
    tracemalloc.start()
    try:
        # To which line a row belongs, and whether it is lost; of the rows themselves nothing is kept.
        seen = [(row.line, isinstance(row, BadRow)) for row in read_rows(path)]
        assert tracemalloc.get_traced_memory()[1] < 200e6
    finally:
        tracemalloc.stop()
    lost = [line for line, bad in seen if bad]
    assert [line for line, _ in seen] == list(range(2, 44))
    assert lost == list(range(3, 3 + len(lost)))
    assert 15 <= len(lost) <= 18


@pytest.mark.parametrize("name", ["posts.csv", "posts.jsonl"])
def test_a_file_without_line_ends_is_never_held_whole(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with path.open("wb") as file:
        file.write(b"text,intent\n" if name == "posts.csv" else b'{"text": "first"}\n')
        for _ in range(150):
            file.write(b"a" * 2**20)
        file.write(b"\n" + (b"last,spam\n" if name == "posts.csv" else b'{"text": "last"}\n'))
    tracemalloc.start()
    try:
        *rest, last = read_rows(path)
        assert tracemalloc.get_traced_memory()[1] < 200e6
    finally:
        tracemalloc.stop()
    assert isinstance(last, Row)
    assert last.values["text"] == "last"
    assert [type(row) for row in rest][-1] is BadRow
