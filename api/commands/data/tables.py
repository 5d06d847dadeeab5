"""Tables that several verbs of `triage data` print."""

from rich.table import Table
from rich.text import Text


def counts_table(head: str, counts: dict[str | None, int]) -> Table:
    table = Table(title=Text(head))
    table.add_column("label")
    table.add_column("posts", justify="right")
    table.add_column("share", justify="right")
    total = sum(counts.values())
    for label, count in counts.items():
        table.add_row(Text(label or "(none)"), str(count), f"{count / max(total, 1):.1%}")
    return table
