"""`triage data correct`: reviewed label errors corrected, but never in the test part."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from api.commands.progress import steps_bar
from api.commands.shared import JsonOption, note, print_json, stdout
from data.reviewing.correcting import Corrected, correct_parts
from data.reviewing.suspects import Review, by_label, read_review
from data.taxonomy import Taxonomy

_SHOWN = 10
_SHOWN_PAIRS = 30


def correct(
    parts: Annotated[Path, typer.Argument(help="folder that `triage data split` wrote")],
    review: Annotated[Path, typer.Option(help="suspects, with a verdict in each row that was reviewed")],
    output: Annotated[Path, typer.Option("--output", "-o", help="new folder for the corrected parts")],
    taxonomy: Annotated[
        Path | None, typer.Option(help="YAML file of the labels; by default those that the posts carry")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Apply a review of suspected label errors to train, dev and calibration. The test part is copied as it is.

    A verdict is `right`, `wrong` (with the correct label in `label`; empty: the suggested one) or empty: not reviewed.
    """
    heads = Taxonomy.read(taxonomy) if taxonomy else None
    reviewed = read_review(review)
    with steps_bar() as report:
        corrected = correct_parts(parts, reviewed, review, output, report, heads)
    if as_json:
        print_json(
            {
                "corrected": corrected.posts,
                "labels": by_label(corrected.labels),
                "right": reviewed.right,
                "not_reviewed": reviewed.unreviewed,
                "left_alone_in_test": corrected.in_test,
                "unmatched": corrected.unmatched,
            }
        )
    elif corrected.labels:
        stdout.print(_table(corrected))
    _tell(corrected, reviewed, output)


def _tell(corrected: Corrected, reviewed: Review, output: Path) -> None:
    if corrected.in_test:
        note(
            f"corrections of posts in the test part: {corrected.in_test}; left alone there, because a test whose "
            "labels were changed where a model had a suspicion flatters that model"
        )
    if corrected.unmatched:
        note(f"corrections that match no post (its text, head and given label): {len(corrected.unmatched)}")
        for where in corrected.unmatched[:_SHOWN]:
            note(f"  {where}")
        if len(corrected.unmatched) > _SHOWN:
            note(f"  … and {len(corrected.unmatched) - _SHOWN} more")
    posts = ", ".join(f"{part} {count}" for part, count in corrected.posts.items())
    note(
        f"corrected posts: {posts}; {reviewed.right} labels stand, {reviewed.unreviewed} were not reviewed; "
        f"wrote {output}"
    )


def _table(corrected: Corrected) -> Table:
    more = f"the {_SHOWN_PAIRS} most frequent of {len(corrected.labels)}; --json has all"
    table = Table(title="corrected", caption=more if len(corrected.labels) > _SHOWN_PAIRS else None)
    for column in ("head", "given", "correct"):
        table.add_column(column, overflow="fold")
    table.add_column("posts", justify="right")
    for (head, given, label), count in corrected.labels.most_common(_SHOWN_PAIRS):
        table.add_row(Text(head), Text(given), Text(label), str(count))
    return table
