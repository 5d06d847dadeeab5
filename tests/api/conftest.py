"""A real server on a real socket, in a thread of the test process."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn
from numpy.typing import NDArray

from api.app import create_app
from api.settings import Settings
from model.bundle import Bundle
from model.engine import Engine
from model.scores import Scores
from model.tokenizer import Encoded

Run = Callable[[Sequence[Encoded]], NDArray[np.float32]]
Serving = Callable[..., AbstractContextManager[httpx.Client]]

_PATIENCE = 30.0


@contextmanager
def serving_app(bundle: Bundle, *, ready: bool = True, **settings: Any) -> Iterator[httpx.Client]:
    """Serve a bundle on a free port and give a client to it; `ready` waits until the model is loaded."""
    app = create_app(bundle, Settings(**settings))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=_PATIENCE) as client:
            if ready:
                until(lambda: client.get("/readyz").status_code == 200)
            yield client
    finally:
        server.should_exit = True
        thread.join(_PATIENCE)


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


@pytest.fixture
def serving(bundle: Bundle) -> Serving:
    """Serve the tiny bundle under settings of the test's own."""
    return lambda **settings: serving_app(bundle, **settings)


@pytest.fixture(scope="session")
def client(bundle: Bundle) -> Iterator[httpx.Client]:
    """The tiny bundle, served under small limits."""
    with serving_app(bundle, max_posts=20, max_queued_posts=40, max_body_bytes=20_000, max_characters=1_000) as found:
        yield found
