"""A bar for work in several steps over many posts."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from api.commands.shared import stderr
from data.checking.survey import Report
from data.errors import Interrupted


@contextmanager
def steps_bar() -> Iterator[Report]:
    """A bar on stderr for each step, with an estimate of the time left; the block calls what it is given.

    Raises:
        Interrupted: by Ctrl-C; the block writes its files whole or not at all.
    """
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("posts"),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
        console=stderr,
    )
    tasks = {}

    def report(step: str, done: int, total: int | None) -> None:
        if step not in tasks:
            tasks[step] = bar.add_task(step, total=total)
        bar.advance(tasks[step], done)

    try:
        with bar:
            yield report
            for task in tasks.values():
                bar.update(task, total=bar.tasks[task].completed)
    except KeyboardInterrupt:
        raise Interrupted("stopped; nothing was written") from None
