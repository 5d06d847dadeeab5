"""The progress bars of verbs that read many rows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from api.commands.shared import stderr
from data.checking.survey import Report
from data.errors import Interrupted


@contextmanager
def progress_bar(doing: str, what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar on stderr with an estimate of the time left; the block calls what it is given with what was done.

    Args:
        doing: such as `scoring`.
        what: is counted, such as `posts`.
        total: `None` where it is not known; estimates may be exceeded.
    """
    with _bars(what) as (bars, tasks):
        tasks[doing] = bars.add_task(doing, total=total)
        yield lambda done: bars.advance(tasks[doing], done)


@contextmanager
def steps_bar() -> Iterator[Report]:
    """A bar on stderr for each step of work over many posts; the block calls what it is given.

    Raises:
        Interrupted: by Ctrl-C; the block writes its files whole or not at all.
    """
    try:
        with _bars("posts") as (bars, tasks):

            def report(step: str, done: int, total: int | None) -> None:
                if step not in tasks:
                    tasks[step] = bars.add_task(step, total=total)
                bars.advance(tasks[step], done)

            yield report
    except KeyboardInterrupt:
        raise Interrupted("stopped; nothing was written") from None


@contextmanager
def _bars(what: str) -> Iterator[tuple[Progress, dict[str, TaskID]]]:
    """Bars by name; each is full when the block has ended well, since totals are estimates."""
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(what),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
        console=stderr,
    )
    tasks: dict[str, TaskID] = {}
    with bars:
        yield bars, tasks
        for task in tasks.values():
            bars.update(task, total=bars.tasks[task].completed)
