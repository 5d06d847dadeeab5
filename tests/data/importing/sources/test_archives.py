"""Files as helpdesks send them: packed, several in one archive, and cut short."""

import gzip
import tracemalloc
import zipfile
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from data.errors import DataError
from data.importing.sources.source import Source
from data.tables.dialects import Dialect
from data.tables.rows import BadRow, Row

SECRET = "my card was stolen"
CSV = "text;intent\nhello;refund\nlast;spam\n"
VALUES = [{"text": "hello", "intent": "refund"}, {"text": "last", "intent": "spam"}]
_DRAW = np.random.default_rng(0)
MANY = "text,intent\n" + "".join(f"{SECRET} {_DRAW.random()},label {row}\n" for row in range(20_000))


def zipped(path: Path, files: Mapping[str, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> Source:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return Source(str(path))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("posts.csv.gz", CSV),
        ("posts.TSV.GZ", CSV.replace(";", "\t")),
        ("posts.jsonl.gz", '{"text": "hello", "intent": "refund"}\n{"text": "last", "intent": "spam"}\n'),
        ("posts.json.gz", '[{"text": "hello", "intent": "refund"}, {"text": "last", "intent": "spam"}]'),
        ("posts.json.gz", '{"text": "hello", "intent": "refund"}\n{"text": "last", "intent": "spam"}\n'),
    ],
)
def test_a_file_packed_with_gzip_is_read_as_it_is_unpacked(tmp_path: Path, name: str, content: str) -> None:
    source = Source(str(tmp_path / name))
    Path(source.location).write_bytes(gzip.compress(content.encode()))
    assert [row.values for row in source.rows() if isinstance(row, Row)] == VALUES
    assert [row.values for row in source.rows(1) if isinstance(row, Row)] == VALUES[1:]
    assert source.size() == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:-6],
        lambda whole: whole[:-8] + bytes(8),
    ],
    ids=["cut", "cut at its end", "checksum"],
)
def test_a_torn_gzip_file_gives_the_rows_before_and_says_where(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    source = Source(str(tmp_path / "posts.csv.gz"))
    Path(source.location).write_bytes(damage(gzip.compress(MANY.encode())))
    rows = list(source.rows())
    good = [row for row in rows if isinstance(row, Row)]
    assert len(good) > 5_000
    assert all(row.values == {"text": row.values["text"], "intent": f"label {row.line - 2}"} for row in good)
    torn = rows[-1]
    assert isinstance(torn, BadRow)
    assert torn.message == "the archive is damaged or cut short here, and what follows is lost"
    assert torn.line == rows[-2].line + 1
    assert torn.rest_lost
    assert SECRET not in " ".join(str(row) for row in rows if isinstance(row, BadRow))
    assert list(source.rows(len(rows) - 2)) == rows[-2:]
    assert list(source.rows(len(rows))) == []


def test_torn_json_gives_the_rows_before_and_says_so_once(tmp_path: Path) -> None:
    source = Source(str(tmp_path / "posts.json.gz"))
    whole = "[" + ", ".join(f'{{"text": "{_DRAW.random()}"}}' for _ in range(20_000)) + "]"
    Path(source.location).write_bytes(gzip.compress(whole.encode())[:-100_000])
    *good, torn = source.rows()
    assert len(good) > 5_000
    assert all(isinstance(row, Row) for row in good)
    assert isinstance(torn, BadRow)
    assert torn.rest_lost
    assert torn.message.endswith("what follows is lost: the archive is damaged or cut short")


@pytest.mark.parametrize("content", [b"", b"no gzip", gzip.compress(MANY.encode())[:8]], ids=["empty", "plain", "cut"])
def test_what_gzip_did_not_pack_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    source = Source(str(tmp_path / "posts.csv.gz"))
    Path(source.location).write_bytes(content)
    with pytest.raises(DataError, match=r"posts.csv.gz: (the archive is damaged or cut short; fetch it again|empty)"):
        list(source.rows())


def test_all_tables_of_a_zip_archive_are_read_under_their_names(tmp_path: Path) -> None:
    source = zipped(
        tmp_path / "export.zip",
        {
            "readme.md": "# Export",
            "tickets/part1.csv": CSV,
            "__MACOSX/tickets/._part1.csv": b"\x00\x05",
            "tickets/.hidden.csv": "x",
            "tickets/part2.json": '{"tickets": [{"text": "third"}], "next": null}',
        },
    )
    source = Source(source.location, dialect=Dialect(rows="tickets"))
    rows = list(source.rows())
    assert rows == [
        Row(f"{source.location}/tickets/part1.csv", 2, VALUES[0]),
        Row(f"{source.location}/tickets/part1.csv", 3, VALUES[1]),
        Row(f"{source.location}/tickets/part2.json", 1, {"text": "third"}),
    ]
    assert list(source.rows(2)) == rows[2:]


def test_a_member_that_cannot_be_read_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"a.csv": "", "b.xlsx": "PK", "c.csv": "x,x\n", "d.csv": CSV}
    source = zipped(tmp_path / "export.zip", files)
    rows = list(source.rows())
    assert [str(row) for row in rows if isinstance(row, BadRow)] == [
        f"{source.location}/a.csv:1: the whole file is left out: empty; expected a header line with the names of the "
        "columns",
        f"{source.location}/b.xlsx:1: the whole file is left out: not read from an archive; unpack it, and name it "
        "itself",
        f"{source.location}/c.csv:1: the whole file is left out: columns of equal name: ['x']; rename all but one",
    ]
    assert all(row.rest_lost for row in rows if isinstance(row, BadRow))
    assert [row.values for row in rows if isinstance(row, Row)] == VALUES


def test_the_only_member_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"export.zip/a.csv: empty"):
        list(zipped(tmp_path / "export.zip", {"a.csv": ""}).rows())
    with pytest.raises(DataError, match=r"export.zip/a.csv: packed with a password or in an uncommon way; unpack it"):
        list(zipped(tmp_path / "export.zip", {"a.csv": CSV}, zipfile.ZIP_BZIP2).rows())


def test_an_archive_without_tables_or_cut_short_is_refused(tmp_path: Path) -> None:
    source = zipped(tmp_path / "export.zip", {"readme.md": "x"})
    with pytest.raises(DataError, match=r"export.zip: holds no table; expected files that end with .csv"):
        list(source.rows())
    whole = Path(zipped(tmp_path / "export.zip", {"a.csv": MANY}).location)
    whole.write_bytes(whole.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"export.zip: no zip archive, or one that is cut short; fetch it again"):
        list(source.rows())


def test_a_damaged_member_gives_the_rows_before(tmp_path: Path) -> None:
    path = Path(zipped(tmp_path / "export.zip", {"a.csv": MANY}).location)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 500] = b"\xff" * 500
    path.write_bytes(content)
    rows = list(Source(str(path)).rows())
    assert len(rows) > 5_000
    assert str(rows[-1]).endswith("damaged or cut short here, and what follows is lost")


def test_an_archive_that_swells_is_never_held_whole(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.csv", "w") as file:
        file.write(b"text,intent\n")
        for _ in range(200):
            file.write((b"a" * 1021 + b",b\n") * 2**10)
    tracemalloc.start()
    try:
        assert sum(isinstance(row, Row) for row in islice(Source(str(path)).rows(), 50_000)) == 50_000
        assert Source(str(path)).size() == pytest.approx(200 * 2**10, rel=0.001)
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()
