"""A run's figures for TensorBoard: loss, learning rates, dev scores, by step."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from training.loop import processes

STEPS_BETWEEN = 10
"""The loss is logged as the mean of so many steps, or of an epoch where that has fewer."""


class TensorBoardLogs(TrainerCallback):
    """Writes numbers and the names of heads; no text of a post comes near them."""

    def __init__(self, folder: Path) -> None:
        """
        Args:
            folder: of this run alone; when it is resumed, what was logged after its checkpoint is hidden.
        """
        self._folder = folder
        self._writer: SummaryWriter | None = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if processes.is_main():
            self._writer = SummaryWriter(str(self._folder), purge_step=state.global_step + 1)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        optimizer: Any = None,
        **kwargs: Any,
    ) -> None:
        if self._writer is None:
            return
        figures = _figures(logs or {})
        if "train/loss" in figures:
            figures |= {f"learning_rate/{group['layers']}": group["lr"] for group in optimizer.param_groups}
        for name, value in figures.items():
            self._writer.add_scalar(name, value, state.global_step)
        self._writer.flush()

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self._writer is not None:
            self._writer.close()


def _figures(logs: Mapping[str, float]) -> dict[str, float]:
    """Those that tell how the run goes, under the names that TensorBoard groups them by."""
    figures = {}
    for name, value in logs.items():
        if name in {"loss", "grad_norm"}:
            figures[f"train/{name}"] = value
        elif name == "eval_loss":
            figures["dev/loss"] = value
        elif name.startswith("eval_macro_f1"):
            head = name.removeprefix("eval_macro_f1").removeprefix("_")
            figures[f"dev/macro_f1/{head or 'mean'}"] = value
    return figures
