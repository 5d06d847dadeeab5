"""Hugging Face's trainer with our batches, our loss, and a learning rate of its own for the fresh layers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import datasets
import torch
from torch import Tensor
from torch.optim import AdamW, Optimizer
from torch.utils.data import DataLoader
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from model.network import TriageNetwork, TriageOutput
from training.encoding import NoisyDataset
from training.loop import processes
from training.loop.sampling import Batches
from training.recipe import Recipe

Loss = Callable[[TriageOutput, Tensor], Tensor]
"""Of the outputs and the labels `(n_posts, n_heads)` of a batch: a scalar."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a run teaches, and how.

    Attributes:
        dev: picks the best epoch; `None`: the last one is kept.
    """

    posts: NoisyDataset
    batches: Batches
    objective: Loss
    dev: datasets.Dataset | None


class TriageTrainer(Trainer):
    """Minimises a loss of whole batches, also where several processes work on each."""

    def __init__(self, *, recipe: Recipe, lesson: Lesson, **options: Any) -> None:
        """
        Args:
            options: as the Trainer's own.
        """
        self._recipe = recipe
        self._posts = lesson.posts
        self._objective = lesson.objective
        self.batches = lesson.batches
        super().__init__(train_dataset=lesson.posts, eval_dataset=lesson.dev, **options)
        self.add_callback(_EpochAnew(lesson.posts, self.batches, recipe.seed))
        self.remove_callback(ProgressCallback)
        self.remove_callback(PrinterCallback)

    def get_train_dataloader(self) -> DataLoader[dict[str, Any]]:
        # Not prepared by accelerate, which would divide among the processes what is divided already.
        return DataLoader(self._posts, batch_sampler=self.batches, collate_fn=self.data_collator)

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        output = model(**{name: values for name, values in inputs.items() if name != "labels"})
        if model.training and processes.process_count() > 1:
            loss = self._loss_of_all(output, inputs["labels"])
        else:
            loss = self._objective(output, inputs["labels"])
        return (loss, output) if return_outputs else loss

    def training_step(
        self, model: Any, inputs: dict[str, Any], num_items_in_batch: Tensor | int | None = None
    ) -> Tensor:
        loss = super().training_step(model, inputs, num_items_in_batch)
        if processes.process_count() > 1:
            # One process leaves a head that the loss does not reach as it is. Several have given it gradients of zero,
            # by which the optimizer would shrink it, and move it on as it was moving.
            network: Any = self.model
            for parameter in network.heads.parameters():
                if parameter.grad is not None and not parameter.grad.any():
                    parameter.grad = None
        return loss

    def create_optimizer(self, model: Any = None) -> Optimizer:
        if self.optimizer is None:
            network: Any = self.model
            decayed = set(self.get_decay_parameter_names(network))
            groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
            for name, parameter in network.named_parameters():
                groups.setdefault((name.startswith("heads."), name in decayed), []).append(parameter)
            self.optimizer = AdamW(
                [
                    {
                        "params": parameters,
                        "lr": self._recipe.head_lr if fresh else self._recipe.encoder_lr,
                        "weight_decay": self._recipe.weight_decay if decay else 0.0,
                        "layers": "heads" if fresh else "encoder",  # so that the logs can name them
                    }
                    for (fresh, decay), parameters in groups.items()
                ],
                fused=True,
            )
        return self.optimizer

    def _loss_of_all(self, output: TriageOutput, labels: Tensor) -> Tensor:
        """The loss of the whole batch, and the gradients of this process's share of it.

        A mean of the processes' own losses would be another: their posts have not as many known labels.
        """
        logits: Mapping[str, Tensor] = output.logits or {}
        embedding: Any = output.embedding
        posts = self.batches.posts_in(self.state.global_step)  # after them come those that fill up
        whole = TriageOutput(
            logits={name: processes.rows_of_all(rows)[:posts] for name, rows in logits.items()},
            embedding=processes.rows_of_all(embedding)[:posts],
        )
        labels = processes.rows_of_all(labels)[:posts]
        loss: Tensor = self._objective(whole, labels)
        # The processes' gradients are added up, but torch takes their mean.
        loss = loss + (processes.process_count() - 1) * (loss - loss.detach())
        # Each process must have a gradient for all that it computed, or the others wait for it for ever.
        reached: Tensor = sum((rows.sum() for rows in logits.values()), embedding.sum())
        return loss + 0.0 * reached


def has_idle_parameters(network: TriageNetwork) -> bool:
    """Whether the encoder has parameters that no answer depends on, which several processes must know of."""
    ids = torch.zeros((1, 2), dtype=torch.int64)
    training = network.training
    network.train(False)
    output = network(ids, torch.ones_like(ids))
    torch.autograd.backward([rows.sum() for rows in output.logits.values()])
    idle = any(parameter.grad is None for parameter in network.parameters())
    network.zero_grad()
    network.train(training)
    return idle


class _EpochAnew(TrainerCallback):
    """Before each epoch: draw its order, and alter its posts."""

    def __init__(self, posts: NoisyDataset, batches: Batches, seed: int) -> None:
        self._posts = posts
        self._batches = batches
        self._seed = seed

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if not processes.is_main():
            torch.manual_seed(self._seed + processes.rank())  # or all would drop the same elements of other posts

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        epoch = int(state.epoch or 0)
        self._batches.set_epoch(epoch)
        self._posts.draw(epoch)
