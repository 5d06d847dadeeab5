"""`triage data import`: labelled history brought into the form that training reads."""

from pathlib import Path
from typing import Annotated, Any

import typer

from api.commands.data.tables import counts_table
from api.commands.shared import JsonOption, note, print_json, stdout
from data.errors import ConfigurationError
from data.examples import MAX_BAD_SHARE, describe_bad_rows
from data.importing.mapping import ImportReport, Mapper, import_rows
from data.taxonomy import NO_LABEL

_SHOWN_LABELS = 50


def import_(
    files: Annotated[list[Path], typer.Argument(help="CSV, TSV, JSON, JSONL or Parquet")],
    output: Annotated[Path, typer.Option("--output", "-o", help="JSONL file to write")],
    label: Annotated[list[str], typer.Option(metavar="HEAD=COLUMN", help="a head, and the column of its label")],
    text: Annotated[str, typer.Option(help="column of the post")] = "text",
    rename: Annotated[
        list[str] | None,
        typer.Option(metavar="HEAD.FROM=TO", help="a label by another name; TO `null`: none applies, empty: unknown"),
    ] = None,
    id_: Annotated[str | None, typer.Option("--id", help="column of the post's id")] = None,
    time: Annotated[str | None, typer.Option(help="column of its time (ISO 8601)")] = None,
    group: Annotated[str | None, typer.Option(help="column of what a split must not tear apart")] = None,
    as_json: JsonOption = False,
) -> None:
    """Bring labelled posts into the form that training reads. The other columns are kept."""
    renamed: dict[str, dict[str, str]] = {}
    for source, target in _pairs(rename or [], "--rename", "HEAD.FROM=TO"):
        head, dot, old = source.partition(".")
        if not dot:
            raise ConfigurationError(f"--rename '{source}={target}': expected HEAD.FROM=TO")
        renamed.setdefault(head, {})[old] = target
    fields = {name: column for name, column in (("id", id_), ("time", time), ("group", group)) if column}
    mapper = Mapper(text, dict(_pairs(label, "--label", "HEAD=COLUMN")), renamed, fields)
    report = import_rows(files, mapper, output)
    total = report.kept + report.dropped
    if as_json:
        print_json(_import_json(report))
    else:
        for head, counts in report.labels.items():
            stdout.print(counts_table(head, dict(counts.most_common(_SHOWN_LABELS))))
        if report.dropped:
            note(f"left out {report.dropped} rows of {total}:")
            note(describe_bad_rows(report.bad, report.dropped))
    note(f"wrote {report.kept} posts to {output}")
    if report.dropped > MAX_BAD_SHARE * total:
        note(f"more than {MAX_BAD_SHARE:.0%} of the rows were left out; mend them, or check the names of the columns")
        raise typer.Exit(1)


def _import_json(report: ImportReport) -> dict[str, Any]:
    return {
        "kept": report.kept,
        "dropped": report.dropped,
        "labels": {
            head: {label or NO_LABEL: count for label, count in found.items()} for head, found in report.labels.items()
        },
        "bad": [str(row) for row in report.bad],
    }


def _pairs(arguments: list[str], flag: str, form: str) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for argument in arguments:
        left, equals, right = argument.partition("=")
        if not left or not equals:
            raise ConfigurationError(f"{flag} {argument!r}: expected {form}")
        if left in dict(pairs):
            raise ConfigurationError(
                f"{flag} names {left!r} twice; once is enough, or one of the two is meant otherwise"
            )
        pairs.append((left, right))
    return pairs
