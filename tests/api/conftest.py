"""A real server on a real socket, in a thread of the test process."""

import asyncio
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI
from numpy.typing import NDArray

from api.app import create_app
from api.server import listen, server_config
from api.service import Service
from api.settings import Settings
from model.bundle import Bundle
from model.engine import Engine
from model.registry import Registry
from model.scores import Scores
from tests.api.clients import Ask, ask_async, ask_sync
from tests.api.command_line import Triage, command_line

Run = Callable[[Sequence[list[int]]], NDArray[np.float32]]
Serving = Callable[..., AbstractContextManager["Client"]]

_PATIENCE = 30.0


@contextmanager
def serving_app(
    bundle: Bundle, *, ready: bool = True, registry: Registry | None = None, **settings: Any
) -> Iterator["Client"]:
    """Serve a bundle on a free port and give a client to it; `ready` waits until the model is loaded."""
    with tempfile.TemporaryDirectory() as shared, listen("127.0.0.1", 0) as listener:
        given = Settings(**{"feedback": f"{shared}/feedback.db", **settings})
        app = create_app(bundle, given, Path(shared), registry)
        server = uvicorn.Server(server_config(app, given))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            until(lambda: server.started)
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            with Client(app, server.servers[0].get_loop(), base_url=url, timeout=_PATIENCE) as client:
                if ready:
                    until(lambda: client.get("/readyz").status_code == 200)
                yield client
        finally:
            server.should_exit = True
            thread.join(_PATIENCE)


class Client(httpx.Client):
    """A client that also knows the application at the other end."""

    def __init__(self, app: FastAPI, loop: asyncio.AbstractEventLoop, **settings: Any) -> None:
        super().__init__(**settings)
        self.service: Service = app.state.service
        self.loop = loop

    def drain(self) -> None:
        """Let the service drain, as SIGTERM does."""
        self.loop.call_soon_threadsafe(self.service.drain)


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another thread does."""
    end = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.01)


def run_by(engine: Engine, run: Run) -> None:
    """Let another function do the engine's runs, from the end of its warm-up on."""
    warm_up = engine.score

    def score(texts: Sequence[str]) -> Scores:
        scores = warm_up(texts)
        engine._run = run  # type: ignore[method-assign, assignment]  # the one way in which a run can be late or fail
        return scores

    engine.score = score  # type: ignore[method-assign]  # what warms it up


@dataclass(frozen=True)
class GatedBundle(Bundle):
    """A bundle whose engine, once it is warm, scores nothing until `gate` is set."""

    gate: threading.Event = field(default_factory=threading.Event)
    scored: list[list[int]] = field(default_factory=list)

    def engine(self, *arguments: Any) -> Engine:
        engine = Bundle.engine(self, *arguments)
        run = engine._run

        def hold(windows: Sequence[list[int]]) -> NDArray[np.float32]:
            self.gate.wait(30)
            self.scored.extend(windows)
            return run(windows)

        run_by(engine, hold)
        return engine


@pytest.fixture
def serving(bundle: Bundle) -> Serving:
    """Serve the tiny bundle under settings of the test's own."""
    return lambda **settings: serving_app(bundle, **settings)


@pytest.fixture(scope="session")
def client(bundle: Bundle) -> Iterator[httpx.Client]:
    """The tiny bundle, served under small limits."""
    with serving_app(bundle, max_posts=20, max_queued_posts=40, max_body_bytes=20_000, max_characters=1_000) as found:
        yield found


@pytest.fixture(params=[ask_sync, ask_async], ids=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """The clients of `api.client`, one after the other."""
    found: Ask = request.param
    return found


@pytest.fixture
def models(registry: Registry, tmp_path: Path) -> Registry:
    """A copy of the trained registry that a test may change."""
    return Registry(Path(shutil.copytree(registry.root, tmp_path / "models")))


@pytest.fixture
def triage(
    models: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Triage:
    """The command line, in an empty folder that holds `models/`."""
    assert models.root.parent == tmp_path
    monkeypatch.chdir(tmp_path)
    return command_line(monkeypatch, capsys)
