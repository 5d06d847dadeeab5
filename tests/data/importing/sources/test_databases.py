"""Rows of queries, against real databases of SQLite."""

import sqlite3
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from data.errors import DataError
from data.importing.sources.databases import shown
from data.importing.sources.source import Source
from data.tables.rows import BadRow, Row

Database = Callable[..., str]


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """Makes a database by some statements; the answer is its URL."""

    def made(*statements: str) -> str:
        connection = sqlite3.connect(tmp_path / "help desk.db")
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        connection.close()
        return f"sqlite:///{tmp_path / 'help desk.db'}"

    return made


def test_the_rows_of_a_query_are_numbered_and_their_values_plain(database: Database) -> None:
    url = database(
        "CREATE TABLE ticket (id INTEGER, text TEXT, score REAL, team TEXT)",
        "INSERT INTO ticket VALUES (2, 'two', 2.5, NULL), (1, 'one: 100 % :)', 1, 'it')",
    )
    source = Source(url, "SELECT *, ':name %s' AS sign FROM ticket ORDER BY id")
    rows = list(source.rows())
    assert rows == [
        Row(url, 1, {"id": 1, "text": "one: 100 % :)", "score": 1.0, "team": "it", "sign": ":name %s"}),
        Row(url, 2, {"id": 2, "text": "two", "score": 2.5, "team": None, "sign": ":name %s"}),
    ]
    assert list(source.rows(1)) == rows[1:]
    assert source.size() is None


def test_a_large_answer_is_streamed(database: Database) -> None:
    url = database(
        "CREATE TABLE ticket AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 50000) "
        "SELECT id, hex(zeroblob(500)) AS text FROM n"  # 50 MB of text
    )
    tracemalloc.start()
    try:
        last = 0
        for row in Source(url, "SELECT id, text FROM ticket ORDER BY id").rows():
            assert isinstance(row, Row)
            assert row.values["id"] == row.line == last + 1
            last = row.line
        assert last == 50_000
        assert tracemalloc.get_traced_memory()[1] < 15e6
    finally:
        tracemalloc.stop()


def test_a_row_with_bytes_or_broken_text_is_bad_and_its_neighbours_are_read(database: Database) -> None:
    url = database(
        "CREATE TABLE ticket (id INTEGER, text TEXT)",
        "INSERT INTO ticket VALUES (1, 'a'), (2, x'00ff'), (3, CAST('my card' || x'ff' AS TEXT)), (4, 'café 🔥')",
    )
    first, raw, broken, last = Source(url, "SELECT text FROM ticket ORDER BY id").rows()
    assert (first, last) == (Row(url, 1, {"text": "a"}), Row(url, 4, {"text": "café 🔥"}))
    assert str(raw) == f"{url}:2: text: expected a text or a number, found bytes; cast it in the query"
    assert str(broken) == f"{url}:3: text: not UTF-8; mend it in the database, or leave it out in the query"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT * FROM none", "the database answers OperationalError: no such table: none; check the address and"),
        ("SELEC", 'the database answers OperationalError: near "SELEC": syntax error'),
        ("DELETE FROM ticket", "attempt to write a readonly database"),
        ("INSERT INTO ticket VALUES (1, 'b') RETURNING id", "attempt to write a readonly database"),
        ("PRAGMA user_version = 7", "readonly database|answers no rows"),
        ("SELECT 1; SELECT 2", "one statement at a time|cannot answer after row 0: Warning"),
        ("SELECT id, id FROM ticket", r"columns of equal name: \['id'\]; rename all but one"),
        ("", "answers no rows; a query begins with SELECT"),
    ],
)
def test_a_query_that_cannot_be_answered_is_refused_and_changes_nothing(
    database: Database, query: str, said: str
) -> None:
    url = database("CREATE TABLE ticket (id INTEGER, text TEXT)", "INSERT INTO ticket VALUES (1, 'a')")
    with pytest.raises(DataError, match=said):
        list(Source(url, query).rows())
    assert [row.values for row in Source(url, "SELECT * FROM ticket").rows() if isinstance(row, Row)] == [
        {"id": 1, "text": "a"}
    ]


def test_an_error_in_a_row_does_not_quote_it(database: Database) -> None:
    url = database(
        "CREATE TABLE ticket (text TEXT)",
        "INSERT INTO ticket VALUES ('{}'), ('my card was stolen')",
    )
    rows = Source(url, "SELECT json_extract(text, '$.a') AS a FROM ticket").rows()
    with pytest.raises(DataError, match="the database") as caught:
        list(rows)
    assert "card" not in str(caught.value)


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none.db: the database answers OperationalError: unable to open database"):
        list(Source(f"sqlite:///{tmp_path}/none.db", "SELECT 1").rows())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql+none://ann:hidden@db.example.com/desk", "no database 'postgresql.none' is known"),
        ("oracle+oracledb://ann:hidden@db.example.com/desk", "a driver that is not installed: pip install oracledb"),
        ("mysql://ann:hidden@db.example.com/desk", "a driver that is not installed: pip install mysqlclient"),
        ("mysql://ann:hidden@db.example.com:port/desk", "the database's address cannot be read; expected sqlite:///"),
        ("://ann:hidden@", "the database's address cannot be read; expected sqlite:///"),
        ("sqlite:///caf\udce9.db", "the database's address cannot be read; expected sqlite:///"),
        ("https://example.com/desk?key=hidden", "no database 'https' is known"),
    ],
)
def test_an_address_that_leads_nowhere_is_refused_without_its_password(url: str, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        list(Source(url, "SELECT 1").rows())
    assert "hidden" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_what_is_secret_in_an_address_is_not_shown() -> None:
    url = "postgresql://ann:hid%40den@db.example.com/desk?sslpassword=hidden&sslmode=require"
    assert "hid" not in shown(url)
    assert shown(url).startswith("postgresql://ann:***@db.example.com/desk?")
    assert "sslmode=require" in shown(url)


def test_bad_rows_name_the_database_without_its_password(database: Database) -> None:
    url = database("CREATE TABLE ticket (text TEXT)", "INSERT INTO ticket VALUES (x'ff')")
    [bad] = Source(f"{url}?timeout=3", "SELECT text FROM ticket").rows()
    assert isinstance(bad, BadRow)
    assert bad.source == f"{url}?timeout=3"
