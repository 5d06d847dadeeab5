"""Rows of a query to a database."""

import datetime as dt
import re
import sqlite3
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy
from sqlalchemy import exc
from sqlalchemy.engine import URL, Connection, CursorResult
from sqlalchemy.pool import NullPool

from data.errors import DataError
from data.tables.csv_rows import check_distinct
from data.tables.dialects import has_bad_bytes
from data.tables.rows import BadRow, Row

_BATCH = 1000
_SHOWN_CHARACTERS = 300
_SECRET = re.compile("pass|pwd|secret|token|key", re.IGNORECASE)
# Where the package has another name than the module.
_PACKAGES = {"MySQLdb": "mysqlclient", "psycopg": "psycopg[binary]", "psycopg2": "psycopg2-binary"}
_MYSQL = ("mysql", "mariadb")


def query_rows(location: str, query: str) -> Iterator[Row | BadRow]:
    """Stream what a query answers. `line` is the number of the row, so the query should say in which order.

    Nothing is changed: the transaction is read-only in SQLite, PostgreSQL, MySQL and MariaDB, and never committed.
    Dates are ISO 8601 text, decimal numbers `int` or `float`, NULL is `None`; bytes make a bad row.

    Args:
        location: a SQLAlchemy URL.

    Raises:
        DataError: no such database, driver or table, or what else it answers; never with the password.
    """
    url = _parsed(location)
    name = shown(location)
    line = 0
    try:
        engine = sqlalchemy.create_engine(_read_only(url), poolclass=NullPool)
        with engine.connect() as connection:
            result = _asked(connection, query, name)
            columns = list(result.keys())
            check_distinct(name, columns)
            for batch in result.partitions(_BATCH):
                for values in batch:
                    line += 1
                    yield _row(name, line, columns, values)
    except ImportError as error:
        package = _PACKAGES.get(error.name or "", error.name)
        raise DataError(f"{name}: needs a driver that is not installed: pip install {package}") from None
    except exc.NoSuchModuleError:
        raise DataError(
            f"{name}: no database {url.drivername!r} is known; expected sqlite, postgresql, mysql, …"
        ) from None
    except (exc.SQLAlchemyError, sqlite3.Warning, TypeError, ValueError) as error:
        raise DataError(f"{name}: {_reason(error, url, line)}") from None


def shown(location: str) -> str:
    """The URL without what is secret in it.

    Raises:
        DataError: it is no URL of a database.
    """
    url = _parsed(location)
    open_ = {key: "***" if _SECRET.search(key) else value for key, value in url.query.items()}
    return url.set(query=open_).render_as_string(hide_password=True)


def database_file(location: str) -> Path | None:
    """The file of a SQLite database; `None` of another, and of one whose address is not a path.

    Raises:
        DataError: it is no URL of a database.
    """
    url = _parsed(location)
    return Path(url.database or "") if _is_file(url) else None


def _parsed(location: str) -> URL:
    try:
        location.encode()  # or an address that is not UTF-8 would fail at many places
        return sqlalchemy.make_url(location)
    except (exc.ArgumentError, ValueError):  # which may quote the password
        raise DataError(
            "the database's address cannot be read; expected sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"
        ) from None


def _read_only(url: URL) -> URL:
    """For SQLite the URL that only reads, and does not make a file that is not there."""
    if not _is_file(url):
        return url
    file = quote(str(Path(url.database or "").absolute()))
    return url.set(database=f"file:{file}").update_query_dict({"mode": "ro", "uri": "true"})


def _is_file(url: URL) -> bool:
    return url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:") and "uri" not in url.query


def _asked(connection: Connection, query: str, name: str) -> CursorResult[Any]:
    backend = connection.dialect.name
    if backend == "postgresql":
        connection = connection.execution_options(postgresql_readonly=True)
    elif backend in _MYSQL:
        connection.exec_driver_sql("SET SESSION TRANSACTION READ ONLY")
    elif backend == "sqlite":
        # Its own error for text that is not UTF-8 quotes the text.
        driver: Any = connection.connection.dbapi_connection
        driver.text_factory = _decoded
    # As the driver takes it: a colon or a percent sign in a text is no parameter.
    options = {"stream_results": True, "yield_per": _BATCH, "no_parameters": True}
    result = connection.exec_driver_sql(query, execution_options=options)
    if not result.returns_rows:
        raise DataError(f"{name}: the statement answers no rows; a query begins with SELECT")
    return result


def _row(name: str, line: int, columns: list[str], values: Sequence[Any]) -> Row | BadRow:
    row = Row(name, line, dict(zip(columns, map(_plain, values), strict=True)))
    for column, value in row.values.items():
        if isinstance(value, bytes):
            return row.bad("expected a text or a number, found bytes; cast it in the query", column)
        if isinstance(value, str) and has_bad_bytes(value):
            return row.bad("not UTF-8; mend it in the database, or leave it out in the query", column)
    return row


def _plain(value: Any) -> Any:
    """A value as JSON can hold it; bytes stay."""
    if value is None or isinstance(value, str | bool | int | float | list | dict | bytes):
        return value
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value.is_finite() and value == value.to_integral_value() else float(value)
    return str(value)


def _decoded(text: bytes) -> str:
    try:
        return str(text, "utf-8")
    except UnicodeDecodeError:
        return "\udcff"


def _reason(error: Exception, url: URL, line: int) -> str:
    driver = error.orig if isinstance(error, exc.DBAPIError) else error
    kind = type(driver).__name__
    # Of others, and of errors in a row, the message quotes values.
    if line or not isinstance(error, exc.OperationalError | exc.ProgrammingError | exc.InterfaceError):
        return f"the database cannot answer after row {line}: {kind}; try the query in the database's own client"
    message = str(driver).strip().partition("\n")[0][:_SHOWN_CHARACTERS]
    for secret in filter(None, (url.password, *(value for key, value in url.query.items() if _SECRET.search(key)))):
        message = message.replace(str(secret), "***")
    return f"the database answers {kind}: {message}; check the address and the query"
