"""Runs of `train` on the toy posts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import set_seed

from data.splitting.parts import Parts
from data.taxonomy import Taxonomy
from model.encoders import find_encoder
from model.network import TriageNetwork
from model.tokenizer import PostTokenizer
from training.encoding import NoisyDataset, to_dataset
from training.recipe import Recipe
from training.run import train


@dataclass
class Run:
    """One call of `train` on the toy posts, and how many steps it made."""

    network: TriageNetwork
    train_set: NoisyDataset
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


def prepare(encoder: str, taxonomy: Taxonomy, parts: Parts, recipe: Recipe, folder: Path) -> Run:
    """A run with the same fresh network each time."""
    files = find_encoder(encoder)
    tokenizer = PostTokenizer(files.tokenizer(), recipe.max_tokens)
    set_seed(7)
    network = TriageNetwork.from_encoder(files, taxonomy, label_smoothing=recipe.label_smoothing)
    train_set = NoisyDataset(parts.train, taxonomy, tokenizer, recipe.noise, recipe.seed)
    dev_set = to_dataset(parts.dev, taxonomy, tokenizer)
    return Run(network, train_set, dev_set, recipe, folder)
