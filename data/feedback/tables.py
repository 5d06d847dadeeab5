"""The tables of the store, and the database that they lie in."""

from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Double,
    Engine,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    event,
    exc,
)

from data.errors import ConfigurationError, MissingExtraError, StoreError

_DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
_WAIT_SECONDS = 10

READS = "triage_reads"
"""Execution option of connections that write nothing, and so hold nobody up."""

metadata = MetaData()

models = Table(
    "models",
    metadata,
    Column("key", String(16), primary_key=True),
    Column("about", JSON, nullable=False),
)

feedback = Table(
    "feedback",
    metadata,
    # In the order in which they came; `id` is the sender's.
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(128), nullable=False, unique=True),
    Column("content", String(64), nullable=False),  # a hash that tells the same feedback from another of that id
    Column("answer", Text, nullable=False),
    Column("model", String(16), nullable=False),
    Column("text_hash", String(32), nullable=False),
    Column("answered", Integer, nullable=False),
    Column("action", String(16), nullable=False),
    Column("said", JSON, nullable=False),
    Column("labels", JSON, nullable=False),
    Column("wrong", JSON, nullable=False),
    Column("reviewer", Text),
    Column("client", Text),
    Column("judged", Double, nullable=False),
    Column("saw_answer", Boolean),
    Column("text", Text),
    Index("feedback_of_a_post", "text_hash", "judged"),
)

posts = Table(
    "posts",
    metadata,
    Column("answer", String(512), primary_key=True),
    Column("text", Text, nullable=False),
    Column("model", String(16), nullable=False),
    Column("result", Text, nullable=False),
    Column("time", Integer, nullable=False),
    Column("usefulness", Double),  # null: nobody is asked, or somebody has judged it
    Column("kind", Text, nullable=False),  # the label of the first head, over which the list is spread
    Column("labels", JSON, nullable=False),
    Column("claimed_by", Text),
    Column("claimed_until", Double, nullable=False, server_default="0"),
    Index("posts_by_usefulness", "usefulness"),
    Index("posts_by_time", "time"),
)


def url_of(location: str) -> sqlalchemy.URL:
    """The database of a setting: a path is a file of SQLite, anything with `://` a URL of SQLAlchemy.

    Raises:
        ConfigurationError: neither can be read; the message never holds a password.
    """
    if "://" not in location:
        return sqlalchemy.URL.create("sqlite", database=str(Path(location).absolute()))
    try:
        url = sqlalchemy.make_url(location)
    except (exc.ArgumentError, ValueError):  # which may quote the password
        raise ConfigurationError(
            "the address of the store cannot be read; expected a path, sqlite:///FILE or "
            "postgresql://USER:PASSWORD@HOST/DATABASE"
        ) from None
    if url.get_backend_name() not in ("sqlite", "postgresql", "postgres"):
        raise ConfigurationError(f"a store in {url.get_backend_name()} is not known; expected sqlite or postgresql")
    return url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))


def check(location: str) -> None:
    """Look whether a store there could be opened, without opening it.

    Raises:
        ConfigurationError: as `url_of`.
        MissingExtraError: its driver is not installed.
    """
    _engine(url_of(location)).dispose()


def connect(location: str) -> Engine:
    """The database, its tables made where they are not there.

    Raises:
        ConfigurationError, MissingExtraError: as `check`.
        StoreError: it cannot be reached or written.
    """
    engine = _engine(url_of(location))
    try:
        with engine.begin() as connection:
            _make_tables(connection)
    except exc.SQLAlchemyError as error:
        raise unreachable(error, engine.url) from error
    return engine


def unreachable(error: exc.SQLAlchemyError, url: sqlalchemy.URL) -> StoreError:
    """What is said of a database that fails: never its own words, which can quote a row."""
    driver = error.orig if isinstance(error, exc.DBAPIError) else error
    return StoreError(f"{url.render_as_string(hide_password=True)}: the store fails: {type(driver).__name__}")


def _engine(url: sqlalchemy.URL) -> Engine:
    sqlite = url.get_backend_name() == "sqlite"
    waiting = "timeout" if sqlite else "connect_timeout"
    try:
        engine = sqlalchemy.create_engine(url, pool_pre_ping=not sqlite, connect_args={waiting: _WAIT_SECONDS})
    except ImportError as error:
        raise MissingExtraError(
            f"a store in PostgreSQL needs {error.name}; install it: pip install -e '.[postgresql]'"
        ) from error
    if sqlite:
        event.listen(engine, "connect", _careful)
        event.listen(engine, "begin", _begin)
    return engine


def _make_tables(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        # Of several processes that begin together one makes them, and the others wait for it.
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7241001)")
    metadata.create_all(connection)


def _careful(connection: Any, _: Any) -> None:
    """What is committed stays, whatever ends the process or the machine; readers do not wait for who writes."""
    connection.isolation_level = None  # transactions begin where `_begin` says so
    for setting in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {setting}")


def _begin(connection: Connection) -> None:
    # Who reads first and then writes would be refused where another wrote in between.
    connection.exec_driver_sql("BEGIN" if connection.get_execution_options().get(READS) else "BEGIN IMMEDIATE")
