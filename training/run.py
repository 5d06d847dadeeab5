"""One training run: the weights of the best dev epoch, interruptible and resumable."""

import json
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from sklearn.metrics import f1_score
from torch.optim import AdamW, Optimizer
from transformers import (
    EvalPrediction,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer_callback import PrinterCallback, ProgressCallback
from transformers.trainer_pt_utils import LengthGroupedSampler

from data.errors import Interrupted
from model.network import TriageNetwork
from model.scores import UNLABELLED
from training.encoding import Collator, NoisyDataset
from training.progress import ProgressBar
from training.recipe import Recipe

DEV_SCORE = "macro_f1"
"""What picks the best epoch: macro F1 of the dev part, mean over heads."""


def train(
    network: TriageNetwork,
    train_set: NoisyDataset,
    dev_set: datasets.Dataset,
    recipe: Recipe,
    folder: Path,
    pad_id: int,
    resume: bool,
) -> dict[str, float]:
    """Train `network` in place; it ends with the weights of its best dev epoch.

    A checkpoint is written to `folder` after every epoch and on SIGINT or SIGTERM.

    Args:
        resume: go on from the last whole checkpoint in `folder`, if there is one; otherwise the folder is emptied.

    Returns:
        `best_epoch`, and `dev_macro_f1` at it.

    Raises:
        Interrupted: on SIGINT or SIGTERM, after the checkpoint is written.
    """
    folder = folder.resolve()  # the Trainer notes its best checkpoint by path, and may be resumed from elsewhere
    checkpoint = _last_whole_checkpoint(folder) if resume else None
    stop = _StopOnSignal()
    progress = ProgressBar()
    if checkpoint is None:
        shutil.rmtree(folder, ignore_errors=True)
        if resume:
            progress.say("no interrupted run of just this data, taxonomy and recipe: training from the start")
    trainer = _Trainer(
        model=network,
        args=_arguments(recipe, folder),
        train_dataset=train_set,
        eval_dataset=dev_set,
        data_collator=Collator(pad_id),
        compute_metrics=_dev_scores,
        callbacks=[progress, stop, _NoiseAnew(train_set)],
    )
    trainer.recipe, trainer.posts = recipe, train_set
    trainer.remove_callback(ProgressCallback)
    trainer.remove_callback(PrinterCallback)
    with stop.listening(), progress:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    # The trainer leaves `forward` wrapped in bfloat16 autocast, which an export would trace into the graph, and the
    # weights on the device that it trained on.
    trainer.accelerator.unwrap_model(network, keep_fp32_wrapper=False)
    network.cpu()
    if stop.requested and trainer.state.global_step < trainer.state.max_steps:
        raise Interrupted(
            f"stopped at step {trainer.state.global_step} of {trainer.state.max_steps}; all work up to there is kept: "
            "give the same command with --resume to go on"
        )
    steps_an_epoch = trainer.state.max_steps / recipe.epochs
    return {
        "best_epoch": float(round((trainer.state.best_global_step or 0) / steps_an_epoch)),
        "dev_macro_f1": float(trainer.state.best_metric or 0.0),
    }


class _Trainer(Trainer):
    """Hugging Face's trainer with its own learning rate for the fresh layers, grouping posts by their length of now."""

    recipe: Recipe
    posts: NoisyDataset

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthGroupedSampler:
        return LengthGroupedSampler(self.args.train_batch_size, lengths=self.posts.lengths)

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
                        "lr": self.recipe.head_lr if fresh else self.recipe.encoder_lr,
                        "weight_decay": self.recipe.weight_decay if decay else 0.0,
                    }
                    for (fresh, decay), parameters in groups.items()
                ],
                fused=True,
            )
        return self.optimizer


class _NoiseAnew(TrainerCallback):
    """Before each epoch: alter its posts."""

    def __init__(self, posts: NoisyDataset) -> None:
        self._posts = posts

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        self._posts.draw(int(state.epoch or 0))
        return control


class _StopOnSignal(TrainerCallback):
    """On SIGINT or SIGTERM: finish the step, write a checkpoint, end the run."""

    def __init__(self) -> None:
        self.requested = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield  # signals are the main thread's
            return
        before = {number: signal.signal(number, self._request) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _request(self, number: int, frame: object) -> None:
        self.requested = True

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        # The Trainer ends the epoch that was broken off as if it were whole, and would score it.
        if self.requested and not _ends_epoch(state):
            control.should_evaluate = control.should_save = False
        return control

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        if self.requested:
            control.should_save = not _ends_epoch(state)  # else the end of the epoch saves, after it was scored
            control.should_training_stop = True
        return control


def _ends_epoch(state: TrainerState) -> bool:
    return state.global_step % (state.max_steps // state.num_train_epochs) == 0


def _arguments(recipe: Recipe, folder: Path) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=recipe.batch_size,
        per_device_eval_batch_size=2 * recipe.batch_size,
        learning_rate=recipe.encoder_lr,
        warmup_steps=recipe.warmup,  # below 1 it is a share of all steps
        lr_scheduler_type="linear",
        max_grad_norm=recipe.max_grad_norm,
        seed=recipe.seed,
        data_seed=recipe.seed,
        bf16=_bf16_is_fast(),
        use_cpu=not torch.cuda.is_available(),
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=2,  # the best and the last
        load_best_model_at_end=True,
        metric_for_best_model=DEV_SCORE,
        greater_is_better=True,
        label_names=["labels"],
        logging_strategy="no",
        disable_tqdm=True,  # the progress bar is our own
        report_to=[],
        dataloader_pin_memory=False,
    )


def _bf16_is_fast() -> bool:
    """Whether this machine multiplies in bfloat16 faster than in float32."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def _dev_scores(prediction: EvalPrediction) -> dict[str, float]:
    logits: dict[str, np.ndarray[Any, Any]] = prediction.predictions  # type: ignore[assignment]  # a dictionary, as the network gives it
    scores = {}
    for (name, head_logits), targets in zip(logits.items(), np.asarray(prediction.label_ids).T, strict=True):
        known = targets != UNLABELLED
        if known.any():
            predicted = head_logits[known].argmax(axis=1)
            present = np.unique(targets[known])
            scores[f"macro_f1_{name}"] = float(
                f1_score(targets[known], predicted, labels=present, average="macro", zero_division=0.0)
            )
    return {DEV_SCORE: float(np.mean(list(scores.values()))) if scores else 0.0, **scores}


def _last_whole_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that a kill did not leave half written."""
    checkpoints = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    for checkpoint in reversed(checkpoints):
        try:
            json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
            with safe_open(checkpoint / "model.safetensors", framework="pt"):
                pass  # opening it reads its header against its size
        except (OSError, ValueError, SafetensorError):
            continue
        return checkpoint
    return None
