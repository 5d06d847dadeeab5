"""What ends a run before its last epoch: a signal, or a dev score that grows no more."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transformers import EarlyStoppingCallback, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from training.loop import processes
from training.loop.checkpoints import ends_epoch, state_of
from training.recipe import Recipe


class StopOnSignal(TrainerCallback):
    """On SIGINT or SIGTERM in any process: finish the step, write a checkpoint, end the run.

    Attributes:
        stopped: whether this has ended the run.
    """

    def __init__(self) -> None:
        self.stopped = False
        self._requested = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals over."""
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
        self._requested = True

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if processes.any_of(self._requested) and state.global_step < state.max_steps:
            self.stopped = True
            control.should_training_stop = True
            if not ends_epoch(state):  # else the end of the epoch saves, after it was scored
                control.should_save = True

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        # The Trainer ends the epoch that was broken off as if it were whole, and would score it.
        if self.stopped and not ends_epoch(state):
            control.should_evaluate = control.should_save = False


def early_stopping(recipe: Recipe) -> list[TrainerCallback]:
    """What ends the run when the recipe's patience does, if it has any."""
    return [EarlyStoppingCallback(recipe.patience)] if recipe.patience else []


def epochs_of(recipe: Recipe, checkpoint: Path | None) -> int:
    """Of the whole run: the recipe's, or those after which its patience had ended at the checkpoint."""
    state = state_of(checkpoint) if checkpoint else None
    if state is None or not recipe.patience:
        return recipe.epochs
    kept: Any = state.stateful_callbacks
    counted = kept[EarlyStoppingCallback.__name__]["attributes"]["early_stopping_patience_counter"]
    return round(state.epoch or 0) if counted >= recipe.patience else recipe.epochs
