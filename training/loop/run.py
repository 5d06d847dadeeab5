"""One training run: the weights of the best dev epoch, interruptible and resumable."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import f1_score
from transformers import EvalPrediction, TrainingArguments

from data.errors import Interrupted
from model.network import TriageNetwork
from model.scores import UNLABELLED
from training.encoding import Collator
from training.loop import processes
from training.loop.checkpoints import Checkpoints, newest_whole
from training.loop.logs import STEPS_BETWEEN, TensorBoardLogs
from training.loop.progress import ProgressBar
from training.loop.stopping import StopOnSignal, early_stopping, epochs_of
from training.loop.trainer import Lesson, TriageTrainer, has_idle_parameters
from training.recipe import Recipe

DEV_SCORE = "macro_f1"
"""What picks the best epoch: macro F1 of the dev part, mean over heads."""


def train(
    network: TriageNetwork,
    lesson: Lesson,
    recipe: Recipe,
    folder: Path,
    pad_id: int,
    resume: bool,
    logs: Path | None = None,
) -> dict[str, float]:
    """Train `network` in place; it ends with the weights of its best dev epoch, or of its last one without a dev part.

    A checkpoint is written to `folder` every two minutes, after every epoch, and on SIGINT or SIGTERM. Gone on with
    after a kill at any moment, the run ends with the weights that it would have had. Where several processes call this
    (`training.loop.processes`), each takes its share of every batch, and all end with the same weights.

    Args:
        resume: go on from the last whole checkpoint in `folder`, if there is one; otherwise the folder is emptied.
        logs: a folder for the figures of just this run, in TensorBoard's format.

    Returns:
        `best_epoch`, `epochs` (how many were made: patience may have ended the run), and `dev_macro_f1` at the best,
        which is 0 without a dev part.

    Raises:
        Interrupted: on SIGINT or SIGTERM, after the checkpoint is written; in the main process, the others just end.
    """
    folder = folder.resolve()  # the Trainer notes its best checkpoint by path, and may be resumed from elsewhere
    stop = StopOnSignal()
    progress = ProgressBar(shown=processes.is_main())
    checkpoint = processes.decided_by_main(lambda: _where_to_begin(folder, resume, progress))
    if logs:
        progress.say(f"loss and dev scores by step: tensorboard --logdir {logs}")
    judged = lesson.dev is not None
    epochs = epochs_of(recipe, checkpoint) if judged else recipe.epochs  # without a dev part patience never ends
    trainer = TriageTrainer(
        recipe=recipe,
        lesson=lesson,
        model=network,
        args=_arguments(network, recipe, folder, epochs, judged=judged),
        data_collator=Collator(pad_id),
        compute_metrics=_dev_scores,
        callbacks=[
            progress,
            stop,
            Checkpoints(folder),
            *(early_stopping(recipe) if judged else []),
            *([TensorBoardLogs(logs)] if logs else []),
        ],
    )
    trainer.args.logging_steps = min(STEPS_BETWEEN, len(lesson.batches))
    with stop.listening(), progress:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        if not stop.stopped and trainer.state.global_step < len(trainer.batches) * recipe.epochs:
            progress.say(f"ended: no better score on the dev part for {recipe.patience} epochs")
    # The trainer leaves `forward` wrapped in bfloat16 autocast, which an export would trace into the graph, and the
    # weights on the device that it trained on.
    trainer.accelerator.unwrap_model(network, keep_fp32_wrapper=False)
    network.cpu()
    if stop.stopped:
        processes.only_main_goes_on()
        raise Interrupted(
            f"stopped at step {trainer.state.global_step} of {trainer.state.max_steps}; all work up to there is kept: "
            "give the same command with --resume to go on"
        )
    made = trainer.state.global_step
    return {
        "best_epoch": float((trainer.state.best_global_step or made) // len(lesson.batches)),
        "epochs": float(made // len(lesson.batches)),
        "dev_macro_f1": float(trainer.state.best_metric or 0.0),
    }


def dev_scores(logits: Mapping[str, NDArray[Any]], targets: NDArray[Any]) -> dict[str, float]:
    """`DEV_SCORE`, and macro F1 over the labels that occur, by head.

    Args:
        logits: by head, `(n_posts, n_labels)`.
        targets: `(n_posts, n_heads)`, the index of each gold label or `UNLABELLED`.
    """
    scores = {}
    for (name, head_logits), column in zip(logits.items(), targets.T, strict=True):
        known = column != UNLABELLED
        if known.any():
            predicted = head_logits[known].argmax(axis=1)
            present = np.unique(column[known])
            scores[f"macro_f1_{name}"] = float(
                f1_score(column[known], predicted, labels=present, average="macro", zero_division=0.0)
            )
    return {DEV_SCORE: float(np.mean(list(scores.values()))) if scores else 0.0, **scores}


def _where_to_begin(folder: Path, resume: bool, progress: ProgressBar) -> Path | None:
    checkpoint = newest_whole(folder) if resume else None
    if checkpoint is None:
        shutil.rmtree(folder, ignore_errors=True)
        if resume:
            progress.say("no interrupted run of just this data, taxonomy and recipe: training from the start")
    return checkpoint


def _arguments(network: TriageNetwork, recipe: Recipe, folder: Path, epochs: int, *, judged: bool) -> TrainingArguments:
    several, gpu = processes.process_count() > 1, torch.cuda.is_available()
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=epochs,
        per_device_train_batch_size=recipe.batch_size,
        per_device_eval_batch_size=2 * recipe.batch_size,
        learning_rate=recipe.encoder_lr,
        warmup_steps=recipe.warmup,  # below 1 it is a share of all steps
        lr_scheduler_type="linear",
        max_grad_norm=recipe.max_grad_norm,
        seed=recipe.seed,
        data_seed=recipe.seed,
        bf16=_bf16_is_fast(),
        use_cpu=not gpu,
        ddp_backend="gloo" if several and not gpu else None,
        ddp_find_unused_parameters=several and has_idle_parameters(network),
        eval_strategy="epoch" if judged else "no",
        save_strategy="epoch",
        load_best_model_at_end=judged,
        metric_for_best_model=DEV_SCORE,
        greater_is_better=True,
        restore_callback_states_from_checkpoint=True,  # how often the dev score has not grown
        label_names=["labels"],
        logging_strategy="steps",
        disable_tqdm=True,  # the progress bar is our own
        report_to=[],
        dataloader_pin_memory=False,
    )
    if arguments.n_gpu > 1:
        arguments._n_gpu = 1  # one process, one device; several take several processes
    return arguments


def _bf16_is_fast() -> bool:
    """Whether this machine multiplies in bfloat16 faster than in float32."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def _dev_scores(prediction: EvalPrediction) -> dict[str, float]:
    logits: dict[str, np.ndarray[Any, Any]] = prediction.predictions  # type: ignore[assignment]  # a dictionary, as the network gives it
    return dev_scores(logits, np.asarray(prediction.label_ids))
