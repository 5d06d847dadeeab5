"""Runs of `train` on the toy posts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import set_seed

from data.splitting.parts import Parts
from data.taxonomy import Taxonomy
from model.encoders import find_encoder
from model.network import TriageNetwork
from model.tokenizer import PostTokenizer
from training.encoding import NoisyDataset, to_dataset
from training.loop.run import train
from training.loop.sampling import Batches
from training.loop.trainer import Lesson, Loss
from training.objective import Objective
from training.recipe import Recipe


@dataclass
class Run:
    """One call of `train` on the toy posts, and how many steps it made."""

    network: TriageNetwork
    train_set: NoisyDataset
    dev_set: Dataset
    recipe: Recipe
    folder: Path
    steps: int = 0

    def __call__(
        self, *, resume: bool = False, objective: Loss | None = None, logs: Path | None = None
    ) -> dict[str, float]:
        def count(module: Any, given: Any, answer: Any) -> None:
            self.steps += module.training

        handle = self.network.register_forward_hook(count)
        try:
            return train(self.network, self._lesson(objective), self.recipe, self.folder, 0, resume, logs)
        finally:
            handle.remove()

    def _lesson(self, objective: Loss | None) -> Lesson:
        alike = {name: torch.ones(size) for name, size in self.network.config.heads}
        plain = Objective(alike, label_smoothing=self.recipe.label_smoothing)
        batches = Batches(self.train_set.lengths, self.recipe.batch_size, self.recipe.seed)
        return Lesson(self.train_set, batches, objective or plain, self.dev_set)


def prepare(encoder: str, taxonomy: Taxonomy, parts: Parts, recipe: Recipe, folder: Path) -> Run:
    """A run with the same fresh network each time."""
    files = find_encoder(encoder)
    tokenizer = PostTokenizer(files.tokenizer(), recipe.max_tokens)
    set_seed(7)
    network = TriageNetwork.from_encoder(files, taxonomy)
    train_set = NoisyDataset(parts.train, taxonomy, tokenizer, recipe.noise, recipe.seed)
    dev_set = to_dataset(parts.dev, taxonomy, tokenizer)
    return Run(network, train_set, dev_set, recipe, folder)
