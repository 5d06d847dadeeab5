"""Several real processes behind one socket."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.keys import add_key
from model.registry import Registry
from tests.api.conftest import until

pytestmark = pytest.mark.slow

WORKERS = 2
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@contextmanager
def service(*arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`triage serve` as a process, and its URL; the log goes to the file that `log` names."""
    command = [sys.executable, "-m", "api.cli", "serve", "--port", "0", "--workers", str(WORKERS), *arguments]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            command,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TRIAGE_FEEDBACK": f"{folder}/feedback.db", **environment},
        ) as process,
    ):
        assert process.stderr is not None
        first = process.stderr.readline()
        found = re.search(r"on (http://\S+) ", first)
        try:
            assert found, first + process.stderr.read()
            yield process, found[1]
        finally:
            process.kill()


def counted(url: str, name: str, headers: Mapping[str, str] = NO_HEADERS, **labels: str) -> float:
    families = text_string_to_metric_families(httpx.get(f"{url}/metrics", headers=headers).text)
    samples = [sample for family in families for sample in family.samples if sample.name == name]
    return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())


def children(process: subprocess.Popen[str]) -> set[int]:
    """The workers: multiprocessing has a helper process of its own beside them."""
    tasks = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return {int(pid) for pid in tasks if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()}


def all_ready(url: str, headers: Mapping[str, str] = NO_HEADERS) -> bool:
    try:
        return counted(url, "triage_model", headers, version="1") == WORKERS
    except (httpx.TransportError, ValueError):
        return False


def ask(url: str, headers: Mapping[str, str] = NO_HEADERS) -> int:
    return httpx.post(f"{url}/classify", json={"text": "site is down"}, headers=headers).status_code


def test_their_metrics_add_up_and_one_that_dies_is_replaced(registry: Registry) -> None:
    with service("--models", str(registry.root)) as (process, url):
        until(lambda: all_ready(url))
        assert [ask(url) for _ in range(20)] == [200] * 20  # each on a connection of its own
        assert counted(url, "triage_posts_total", status="ok") == 20
        before = children(process)
        assert len(before) == WORKERS
        os.kill(min(before), signal.SIGKILL)
        until(lambda: len(children(process) - before) == 1)
        until(lambda: all_ready(url))  # what the dead one held is not counted any more
        assert ask(url) == 200
        assert counted(url, "triage_posts_total", status="ok") == 21  # and what it counted still is
        workers = children(process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


def test_they_end_when_nobody_is_left_to_look_after_them(registry: Registry) -> None:
    with service("--models", str(registry.root)) as (process, url):
        until(lambda: all_ready(url))
        workers = children(process)
        process.kill()
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))


def test_what_no_worker_can_serve_ends_them_all(registry: Registry, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text("{")
    with service("--models", str(registry.root), TRIAGE_KEYS_FILE=str(keys)) as (process, _):
        assert process.stderr is not None
        said = process.stderr.read()
        assert process.wait(30) == 2
    assert "expected a file of keys" in said


def test_what_one_worker_cannot_begin_with_does_not_end_the_others(registry: Registry, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    key = {"Authorization": f"Bearer {add_key(keys, 'shop')}"}
    with service("--models", str(registry.root), TRIAGE_KEYS_FILE=str(keys)) as (process, url):
        until(lambda: all_ready(url, key))
        whole = keys.read_text()
        keys.write_text("{")
        before = children(process)
        os.kill(min(before), signal.SIGKILL)
        assert process.stderr is not None
        said = ""
        while "ended with status 3; another takes its place" not in said:  # the one in its place, which says why
            line = process.stderr.readline()
            assert line, said
            said += line
        assert "expected a file of keys" in said
        assert ask(url, key) == 200
        keys.write_text(whole)
        until(lambda: all_ready(url, key))
        assert children(process) >= before - {min(before)}
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
