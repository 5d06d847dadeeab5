"""What the tests of training share."""

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from torch.nn.modules.module import register_module_forward_hook
from transformers import set_seed

from data.splitting import Parts
from data.taxonomy import Taxonomy
from model.encoders import find_encoder
from model.network import TriageNetwork
from model.tokenizer import PostTokenizer
from training.encoding import to_dataset
from training.recipe import Recipe
from training.run import train


@pytest.fixture
def quick(recipe: Recipe) -> Recipe:
    """Three epochs of four steps."""
    return replace(recipe, epochs=3)


@dataclass
class Run:
    """One call of `train` on the toy posts, and how many steps it made."""

    network: TriageNetwork
    train_set: Dataset
    dev_set: Dataset
    recipe: Recipe
    folder: Path
    steps: int = 0

    def __call__(self, *, resume: bool = False) -> dict[str, float]:
        def count(module: Any, given: Any, answer: Any) -> None:
            self.steps += module.training

        handle = self.network.register_forward_hook(count)
        try:
            return train(self.network, self.train_set, self.dev_set, self.recipe, self.folder, 0, resume)
        finally:
            handle.remove()


@pytest.fixture
def new_run(tiny_encoder: Path, taxonomy: Taxonomy, parts: Parts, quick: Recipe, tmp_path: Path) -> Callable[..., Run]:
    """Make a run with the same fresh network each time, in the same folder."""

    def make(recipe: Recipe = quick, parts: Parts = parts) -> Run:
        encoder = find_encoder(str(tiny_encoder))
        tokenizer = PostTokenizer(encoder.tokenizer(), recipe.max_tokens)
        set_seed(7)
        network = TriageNetwork.from_encoder(encoder, taxonomy, label_smoothing=recipe.label_smoothing)
        sets = [to_dataset(examples, taxonomy, tokenizer) for examples in (parts.train, parts.dev)]
        return Run(network, *sets, recipe, tmp_path / "checkpoints")

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
