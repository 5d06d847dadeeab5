"""A training run as its user sees it: a bar with the time left, and a line an epoch."""

from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments


class ProgressBar(TrainerCallback):
    """Shows progress on stderr while it is entered as a context."""

    def __init__(self, *, shown: bool = True) -> None:
        """
        Args:
            shown: or nothing is, where another process speaks for this one.
        """
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("steps"),
            TimeElapsedColumn(),
            TextColumn("left:"),
            TimeRemainingColumn(),
            console=Console(stderr=True, quiet=not shown),
            disable=not shown,
        )
        self._task = self._progress.add_task("training", total=None)

    def __enter__(self) -> "ProgressBar":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def say(self, message: str) -> None:
        """A line above the bar."""
        self._progress.console.print(message, highlight=False, markup=False, soft_wrap=True)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._progress.update(self._task, total=state.max_steps, completed=state.global_step)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self._progress.update(self._task, completed=state.global_step)

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        prefix = "eval_macro_f1_"
        scores = ", ".join(
            f"{name.removeprefix(prefix)} {value:.3f}"
            for name, value in (metrics or {}).items()
            if name.startswith(prefix)
        )
        self.say(f"epoch {state.epoch or 0:.0f}: macro F1 on the dev part: {scores}")
