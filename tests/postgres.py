"""A PostgreSQL server of a test's own, from the system's packages."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

REQUIRED = "TRIAGE_REQUIRE_POSTGRESQL"
"""Where this is set a missing server is a failure."""

_USER = "postgres"


class PostgreSQL:
    """A cluster in a folder, and its server.

    Attributes:
        url: of the database, for SQLAlchemy.
    """

    def __init__(self, folder: Path, binaries: Path) -> None:
        self._folder = folder
        self._binaries = binaries
        # PostgreSQL refuses to run as root.
        self._user = _USER if os.geteuid() == 0 else None
        self._port = _free_port()
        self.url = f"postgresql://{_USER}@127.0.0.1:{self._port}/postgres"
        self._run("initdb", "-D", "cluster", "-U", _USER, "-A", "trust", "-E", "UTF8", "--no-sync")

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        settings = f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        self._run("pg_ctl", "-D", "cluster", "-w", "-l", "log", "-o", settings, "start")

    def kill(self) -> None:
        """Let the server drop everything; what was committed is found again in its log of writes."""
        self._run("pg_ctl", "-D", "cluster", "-m", "immediate", "-w", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._binaries / program, *arguments], cwd=self._folder, user=self._user, check=True, capture_output=True
        )


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """A running server with an empty database; the test is skipped where PostgreSQL is not installed."""
    binaries = _binaries()
    if binaries is None:
        missing = "PostgreSQL's server is not installed (Debian: postgresql)"
        if os.environ.get(REQUIRED):
            pytest.fail(missing)
        pytest.skip(missing)
    # Not below pytest's folder, which is open to nobody else.
    with tempfile.TemporaryDirectory(prefix="triage-postgresql-") as name:
        if os.geteuid() == 0:
            shutil.chown(name, _USER, _USER)
        server = PostgreSQL(Path(name), binaries)
        server.start()
        try:
            yield server
        finally:
            server.kill()


def _binaries() -> Path | None:
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).parent
    # Debian keeps them off the path, a folder a version.
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
