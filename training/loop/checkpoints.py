"""Checkpoints that a kill at any moment cannot tear: each is marked as whole by the last file that is written."""

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from data.files import write_whole
from training.loop import processes

SECONDS_BETWEEN = 120.0
"""The work that a kill may cost, beside that of writing."""

_MARK = "whole.json"  # the size of each other file
_KEPT = 2  # and the best one


class Checkpoints(TrainerCallback):
    """Within epochs too: has checkpoints written in time, marks them as whole, deletes old ones."""

    def __init__(self, folder: Path) -> None:
        """
        Args:
            folder: that the Trainer writes them to.
        """
        self._folder = folder
        self._written = time.monotonic()

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._written = time.monotonic()
        if state.best_global_step:
            # The Trainer notes a path, which another run may have known by another name.
            state.best_model_checkpoint = str(_checkpoint(self._folder, state.best_global_step))

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        due = processes.is_main() and time.monotonic() - self._written >= SECONDS_BETWEEN
        if processes.any_of(due) and not ends_epoch(state):  # the end of an epoch saves, after it was scored
            control.should_save = True

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        processes.wait_for_all()  # each has written a file of its own
        if processes.is_main():
            _mark(_checkpoint(self._folder, state.global_step))
            for old in _marked(self._folder)[:-_KEPT]:
                if _step(old) != state.best_global_step:
                    _delete(old)
        self._written = time.monotonic()


def ends_epoch(state: TrainerState) -> bool:
    """Whether the last step was the last of its epoch."""
    return state.global_step % (state.max_steps // state.num_train_epochs) == 0


def newest_whole(folder: Path) -> Path | None:
    """The last checkpoint that can be gone on from; all that is not whole, or later, is deleted."""
    marked = _marked(folder)
    while marked and not _is_complete(marked[-1]):
        _delete(marked.pop())
    if folder.is_dir():
        for leftover in set(folder.iterdir()) - set(marked):
            _delete(leftover)
    return marked[-1] if marked else None


def state_of(checkpoint: Path) -> TrainerState:
    """How far the run was."""
    state: TrainerState = TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME))
    return state


def _is_complete(checkpoint: Path) -> bool:
    """Whether its files are whole, and those of the best checkpoint so far."""
    if not _is_whole(checkpoint):
        return False
    best = state_of(checkpoint).best_global_step
    return not best or _is_whole(_checkpoint(checkpoint.parent, best))


def _is_whole(checkpoint: Path) -> bool:
    try:
        sizes = json.loads((checkpoint / _MARK).read_bytes())
        return all((checkpoint / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError):
        return False


def _mark(checkpoint: Path) -> None:
    files = [path for path in checkpoint.iterdir() if path.is_file()]
    for path in files:
        with path.open("rb") as file:
            os.fsync(file.fileno())  # or a power cut could leave the mark and take the rest
    write_whole(checkpoint / _MARK, json.dumps({path.name: path.stat().st_size for path in files}))


def _delete(path: Path) -> None:
    if path.is_dir():
        (path / _MARK).unlink(missing_ok=True)  # first, so that what a kill leaves of it is not taken for whole
        shutil.rmtree(path)
    else:
        path.unlink()


def _marked(folder: Path) -> list[Path]:
    """Those with a mark, oldest first."""
    return sorted((path.parent for path in folder.glob(f"{PREFIX_CHECKPOINT_DIR}-*/{_MARK}")), key=_step)


def _checkpoint(folder: Path, step: int) -> Path:
    return folder / f"{PREFIX_CHECKPOINT_DIR}-{step}"


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])
