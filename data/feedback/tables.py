"""The tables of the store, and the database that they lie in."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import (
    JSON,
    BigInteger,
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
    TypeDecorator,
    event,
    exc,
    inspect,
)

from data.errors import ConfigurationError, DataError, MissingExtraError, StoreError

_DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
_WAIT_SECONDS = 10
_PATIENCE = {
    "connect_timeout": _WAIT_SECONDS,
    "tcp_user_timeout": _WAIT_SECONDS * 1000,
    "keepalives_idle": _WAIT_SECONDS,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
"""With a server that vanished; settings of libpq, which an address can have others of."""

READS = "triage_reads"
"""Execution option of connections that write nothing, and so hold nobody up."""

metadata = MetaData()


class _Words(TypeDecorator[str]):
    """What people wrote. The character 0, which PostgreSQL has in no text, is left out."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:  # SQLAlchemy's call
        return value if value is None else value.replace("\0", "")


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
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", String(128), nullable=False, unique=True),
    Column("content", String(64), nullable=False),  # a hash that tells the same feedback from another of that id
    Column("answer", Text, nullable=False),
    Column("model", String(16), nullable=False),
    Column("text_hash", String(32), nullable=False),
    Column("answered", BigInteger, nullable=False),
    Column("action", String(16), nullable=False),
    Column("said", JSON, nullable=False),
    Column("labels", JSON, nullable=False),
    Column("wrong", JSON, nullable=False),
    Column("reviewer", _Words),
    Column("client", _Words),
    Column("judged", Double, nullable=False),
    Column("saw_answer", Boolean),
    Column("text", _Words),
    Index("feedback_of_a_post", "text_hash", "judged"),
    Index("feedback_of_an_answer", "answer"),
)

posts = Table(
    "posts",
    metadata,
    Column("answer", String(512), primary_key=True),
    Column("text", _Words, nullable=False),
    Column("text_hash", String(32), nullable=False),
    Column("model", String(16), nullable=False),
    Column("result", Text, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("usefulness", Double),  # null: nobody is asked, or somebody has judged it
    Column("kind", Text, nullable=False),  # the label of the first head, over which the list is spread
    Column("labels", JSON, nullable=False),
    Column("claimed_by", _Words),
    Column("claimed_until", Double, nullable=False, server_default="0"),
    Index("posts_by_text", "text_hash"),
    Index("posts_by_time", "time"),
    Index("posts_by_reviewer", "claimed_by"),
)

OPEN = posts.c.usefulness.is_not(None)
"""Posts of which a person is asked."""

# The best of each kind are read from it without looking at the others.
Index(
    "open_posts_of_a_kind", posts.c.kind, posts.c.usefulness.desc(), posts.c.answer, posts.c.model,
    sqlite_where=OPEN, postgresql_where=OPEN,
)  # fmt: skip
Index("open_posts_by_text", posts.c.text_hash, sqlite_where=OPEN, postgresql_where=OPEN)


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
    if url.get_backend_name() == "sqlite" and (not url.database or ":memory:" in url.database or url.query):
        raise ConfigurationError("expected sqlite:///FILE, without options: what is stored in memory ends too soon")
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
        StoreError: it cannot be reached or written, or its tables are those of another version.
    """
    url = url_of(location)
    engine = _engine(url)
    try:
        if url.get_backend_name() == "sqlite":
            _make_private(Path(str(url.database)))
            event.listen(engine, "connect", _write_ahead)
        with engine.begin() as connection:
            _make_tables(connection)
    except BaseException as error:
        engine.dispose()  # nothing else of this process is to have the file open
        if isinstance(error, exc.SQLAlchemyError | OSError):
            raise unreachable(error, engine.url) from error
        raise
    return engine


def connect_to_read(location: str) -> Engine:
    """A database that is there; nothing is made or changed in it.

    Raises:
        ConfigurationError, MissingExtraError: as `check`.
        DataError: there is no feedback.
        StoreError: it cannot be reached.
    """
    url = url_of(location)
    engine = _engine(url)
    try:
        there = url.get_backend_name() != "sqlite" or Path(str(url.database)).is_file()
        if there:
            with engine.execution_options(**{READS: True}).connect() as connection:
                there = inspect(connection).has_table(feedback.name)
    except exc.SQLAlchemyError as error:
        engine.dispose()
        raise unreachable(error, engine.url) from error
    if not there:
        engine.dispose()
        raise DataError(f"{shown(url)}: there is no feedback; name the file or URL that the service has as `feedback`")
    return engine


def shown(url: sqlalchemy.URL) -> str:
    """An address for people, without what can hold a password."""
    return url.set(username=None, password=None, query={}).render_as_string()


def unreachable(error: Exception, url: sqlalchemy.URL) -> StoreError:
    """What is said of a database that fails: never its own words, which can quote a row."""
    driver = error.orig if isinstance(error, exc.DBAPIError) else error
    return StoreError(f"{shown(url)}: the store fails: {type(driver).__name__}")


def _engine(url: sqlalchemy.URL) -> Engine:
    sqlite = url.get_backend_name() == "sqlite"
    patience = {"timeout": _WAIT_SECONDS} if sqlite else _PATIENCE
    try:
        engine = sqlalchemy.create_engine(
            url, pool_pre_ping=not sqlite, connect_args={key: patience[key] for key in patience.keys() - url.query}
        )
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
    found = inspect(connection)
    for table in metadata.tables.values():
        if {column["name"] for column in found.get_columns(table.name)} != set(table.columns.keys()):
            raise StoreError(
                f"{shown(connection.engine.url)}: its table {table.name} is of another version; name another place "
                "with the setting feedback"
            )


def _make_private(file: Path) -> None:
    """Posts and names are not for everybody on the machine; what lies beside the file takes its rights from it.

    One that is there is not opened: closing it would take the locks away that SQLite has on it in this process.
    """
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _careful(connection: Any, _: Any) -> None:
    """What is committed stays, whatever ends the process or the machine."""
    connection.isolation_level = None  # transactions begin where `_begin` says so
    connection.execute("PRAGMA synchronous=FULL")


def _write_ahead(connection: Any, _: Any) -> None:
    """Readers do not wait for who writes."""
    connection.execute("PRAGMA journal_mode=WAL")


def _begin(connection: Connection) -> None:
    # Who reads first and then writes would be refused where another wrote in between.
    connection.exec_driver_sql("BEGIN" if connection.get_execution_options().get(READS) else "BEGIN IMMEDIATE")
