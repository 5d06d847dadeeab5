"""The one progress bar of verbs that read many rows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from api.commands.shared import stderr


@contextmanager
def progress_bar(doing: str, what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar on stderr with an estimate of the time left; the block calls what it is given with what was done.

    Args:
        doing: such as `scoring`.
        what: is counted, such as `posts`.
        total: `None` where it is not known; estimates may be exceeded.
    """
    bar = Progress(
        TextColumn(doing),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(what),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
        console=stderr,
    )
    with bar:
        task = bar.add_task("", total=total)
        yield lambda done: bar.advance(task, done)
        bar.update(task, total=bar.tasks[task].completed)
