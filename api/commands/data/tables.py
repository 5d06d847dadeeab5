"""What several verbs of `triage data` print."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from api.commands.shared import heads_of, note
from data.checking.survey import Source
from data.errors import ConfigurationError
from data.examples import LabelledFile, describe_bad_rows
from data.tables.reading import STDIN
from data.taxonomy import Taxonomy


def counts_table(head: str, counts: dict[str | None, int]) -> Table:
    table = Table(title=Text(head))
    table.add_column("label")
    table.add_column("posts", justify="right")
    table.add_column("share", justify="right")
    total = sum(counts.values())
    for label, count in counts.items():
        table.add_row(Text(label or "(none)"), str(count), f"{count / max(total, 1):.1%}")
    return table


def labelled_files(files: Sequence[Path], taxonomy: Path | None) -> tuple[Taxonomy, dict[str, Source]]:
    """The heads of files of labelled posts, and the files by name, to be read several times.

    Raises:
        ConfigurationError: one is standard input.
    """
    if STDIN in files:
        raise ConfigurationError("standard input cannot be read twice; write the posts to a file and name that")
    heads = heads_of(files, taxonomy)
    return heads, {str(path): LabelledFile(path, heads) for path in files}


def note_bad_rows(sources: Iterable[Source]) -> None:
    """Name the rows that were left out of files that have been read."""
    for source in sources:
        if isinstance(source, LabelledFile) and source.bad_rows:
            note(f"{source.path}: left out {source.bad_rows} bad rows:")
            note(describe_bad_rows(source.bad, source.bad_rows))
