"""The service as a process of its own: how long until it answers, and how much memory it then holds."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from data.errors import BundleError

_PATIENCE = 60  # seconds


def first_answer(bundle: Path) -> tuple[float, float]:
    """Start `triage serve`, ask until it labels a post, and stop it.

    Returns:
        Seconds from the start to the first answer, and resident megabytes after it.

    Raises:
        BundleError: the service ended, or gave no answer within a minute.
    """
    port = _free_port()
    command = [sys.executable, "-m", "api.cli", "serve", "--model", str(bundle.resolve()), "--port", str(port)]
    quiet: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    start = time.perf_counter()
    with (
        tempfile.TemporaryDirectory() as folder,  # without a triage.toml
        subprocess.Popen(command, env=bare_environment(), cwd=folder, **quiet) as process,  # noqa: S603  # our own command
    ):
        try:
            while not _answers(port):
                if process.poll() is not None or time.perf_counter() - start > _PATIENCE:
                    raise BundleError(
                        f"{bundle}: the service ended, or was silent for {_PATIENCE} s; see `triage serve`"
                    )
                time.sleep(0.01)
            return time.perf_counter() - start, resident_mb(process.pid)
        finally:
            process.terminate()


def bare_environment() -> dict[str, str]:
    """For our own commands: no settings, and the modules from where this one is."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TRIAGE_")}
    return {**kept, "PYTHONPATH": str(Path(__file__).parents[1])}


def resident_mb(process: int | str = "self") -> float:
    """Memory of a process that is not swapped out."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    request = Request(  # http, on this machine
        f"http://127.0.0.1:{port}/classify", b'{"text": "hello"}', {"Content-Type": "application/json"}
    )
    try:
        with urlopen(request, timeout=5) as answer:  # noqa: S310  # as above
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False
