import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from data.errors import ConfigurationError, MissingExtraError, StoreError
from data.feedback.tables import READS, check, connect, connect_to_read, models, url_of


def test_a_path_is_a_file_of_sqlite() -> None:
    assert url_of("/data/feedback.db").render_as_string() == "sqlite:////data/feedback.db"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_postgresql_is_reached_by_the_driver_that_comes_with_the_project(scheme: str) -> None:
    assert url_of(f"{scheme}://ana@host/triage").drivername == "postgresql+psycopg"


@pytest.mark.parametrize(
    "location",
    ["mysql://ana@host/triage", "://", "http://host", "sqlite://", "sqlite:///:memory:", "sqlite:///a?mode=memory"],
)
def test_other_places_are_refused(location: str) -> None:
    with pytest.raises(ConfigurationError, match="expected"):
        url_of(location)


def test_a_driver_that_is_not_installed_is_told_before_anything_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match=r"needs psycopg.*\[postgresql\]"):
        check("postgresql://ana@nowhere.invalid/triage")


def test_no_message_holds_the_password() -> None:
    for wrong in (
        "postgresql://ana:secret@127.0.0.1:1/triage",
        "postgresql://127.0.0.1:1/triage?user=ana&password=secret",
        "postgresql://ana:secret@:x/triage",
    ):
        with pytest.raises((ConfigurationError, StoreError)) as caught:
            connect(wrong)
        assert "secret" not in str(caught.value)


def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    engine = connect(str(tmp_path / "feedback.db"))
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM feedback")
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    engine.dispose()


ANOTHER_PROCESS = """
import sqlite3
import subprocess
import sys
from contextlib import closing
from data.feedback.tables import connect
connect(sys.argv[1]).dispose()
"""


def test_what_is_stored_stays_where_a_process_has_opened_the_file_twice(tmp_path: Path) -> None:
    location = str(tmp_path / "feedback.db")
    first, second = connect(location), connect(location)
    with second.begin() as connection:
        connection.execute(models.insert().values(key="1", about={}))
    subprocess.run([sys.executable, "-c", ANOTHER_PROCESS, location], cwd=Path(__file__).parents[3], check=True)
    with second.begin() as connection:
        connection.execute(models.insert().values(key="2", about={}))
    with closing(sqlite3.connect(location)) as third:
        assert third.execute("SELECT count(*) FROM models").fetchone() == (2,)
    first.dispose()
    second.dispose()


def test_who_reads_does_not_wait_for_who_writes(tmp_path: Path) -> None:
    location = str(tmp_path / "feedback.db")
    connect(location).dispose()
    with closing(sqlite3.connect(location, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("PRAGMA busy_timeout = 0")
        reading = connect_to_read(location)
        with reading.execution_options(**{READS: True}).connect() as connection:
            assert connection.execute(models.select()).all() == []
        reading.dispose()


def test_tables_of_another_version_are_told(tmp_path: Path) -> None:
    location = str(tmp_path / "feedback.db")
    connect(location).dispose()
    with closing(sqlite3.connect(location)) as database:
        database.execute("ALTER TABLE posts RENAME COLUMN kind TO sort")
    with pytest.raises(StoreError, match="table posts is of another version"):
        connect(location)


def test_what_is_committed_is_on_the_disk(tmp_path_factory: pytest.TempPathFactory) -> None:
    engine = connect(str(tmp_path_factory.mktemp("store") / "feedback.db"))
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    engine.dispose()
