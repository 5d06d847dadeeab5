"""What the tests of training share."""

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from torch.nn.modules.module import register_module_forward_hook

from data.splitting.parts import Parts
from data.taxonomy import Taxonomy
from model.network import TriageNetwork
from tests.training.runs import Run, prepare
from training.recipe import Recipe


@pytest.fixture(scope="session")
def quick(recipe: Recipe) -> Recipe:
    """Two epochs of four steps."""
    return replace(recipe, epochs=2)


@pytest.fixture
def new_run(taxonomy: Taxonomy, parts: Parts, quick: Recipe, tmp_path: Path) -> Callable[..., Run]:
    """Make a run, each time in the same folder."""

    def make(recipe: Recipe = quick, parts: Parts = parts) -> Run:
        return prepare(recipe.encoder, taxonomy, parts, recipe, tmp_path / "checkpoints")

    return make


@pytest.fixture
def stopping_at() -> Callable[..., AbstractContextManager[None]]:
    """A context in which the process gets a signal during the given training step."""

    @contextmanager
    def stopping(step: int, number: signal.Signals = signal.SIGINT) -> Iterator[None]:
        seen = 0

        def stop(module: Any, given: Any, answer: Any) -> None:
            nonlocal seen
            if isinstance(module, TriageNetwork) and module.training:
                seen += 1
                if seen == step:
                    signal.raise_signal(number)

        handle = register_module_forward_hook(stop)
        try:
            yield
        finally:
            handle.remove()

    return stopping
