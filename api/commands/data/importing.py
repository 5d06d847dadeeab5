"""`triage data import` and `mapping`: labelled history brought into the form that training reads."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands.data.tables import counts_table
from api.commands.progress import progress_bar
from api.commands.shared import JsonOption, extra, note, print_json, stdout
from api.settings import load_settings
from data.errors import ConfigurationError
from data.examples import MAX_BAD_SHARE, describe_bad_rows
from data.taxonomy import NO_LABEL

if TYPE_CHECKING:
    from data.importing.cleaning.cleaner import Cleaner
    from data.importing.engine import ImportJob
    from data.importing.mapping import ColumnMapping
    from data.importing.masking.masker import Kind
    from data.importing.report import ImportReport
    from data.importing.sources.source import Source

_SHOWN_LABELS = 50
_SMALL = 20_000
"""Rows that one process has done before others have started."""


def import_(  # its parameters are its flags
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE…",
            help="CSV, TSV, JSON, JSONL, Parquet, Excel (also .gz, .zip); a database URL; or feedback: for corrections",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="JSONL file to write")],
    mapping: Annotated[
        str | None,
        typer.Option("--from", metavar="PRODUCT|FILE", help="a ready mapping, or a YAML file; other flags change it"),
    ] = None,
    text: Annotated[
        list[str] | None, typer.Option(help="column of the post; several are joined, the subject first")
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(metavar="HEAD=COLUMN", help="a head, and the column of its label; empty: not this head"),
    ] = None,
    rename: Annotated[
        list[str] | None,
        typer.Option(metavar="HEAD.FROM=TO", help="a label by another name; TO `null`: none applies, empty: unknown"),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN=VALUE", help="keep rows with one of these values")
    ] = None,
    drop: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN=VALUE", help="leave rows with such a value out")
    ] = None,
    keep: Annotated[list[str] | None, typer.Option(help="a further column to keep; by default all of them")] = None,
    id_: Annotated[str | None, typer.Option("--id", help="column of the post's id")] = None,
    time: Annotated[
        str | None, typer.Option(help="column of its time (ISO 8601, Unix time, or as --time-format says)")
    ] = None,
    group: Annotated[str | None, typer.Option(help="column of what a split must not tear apart")] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=COLUMN", help="thread, author, channel, language, and those above"),
    ] = None,
    first_of_thread: Annotated[
        bool | None, typer.Option("--first-of-thread/--all-messages", help="keep a thread's earliest row only")
    ] = None,
    time_format: Annotated[str | None, typer.Option(help="such as '%d/%m/%Y %H:%M'")] = None,
    rows: Annotated[
        str | None, typer.Option(help="path to the list of rows in a JSON file, such as data.payload")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="such as cp1252, where the file is not UTF-8")] = None,
    delimiter: Annotated[str | None, typer.Option(help="of a CSV file whose header does not show it")] = None,
    query: Annotated[str | None, typer.Option(help="what to ask the database")] = None,
    sheet: Annotated[str | None, typer.Option(help="of an Excel file; by default the first")] = None,
    clean: Annotated[bool, typer.Option("--clean/--no-clean", help="cut HTML, quoted replies and signatures")] = True,
    mask: Annotated[
        str | None,
        typer.Option(metavar="KIND,…", help="personal data to mask; by default everything but handles; empty: nothing"),
    ] = None,
    region: Annotated[
        str | None, typer.Option(metavar="US,DE,…", help="where telephone numbers without +.. may be from")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="processes; by default one a processor")] = None,
    as_json: JsonOption = False,
) -> None:
    """Bring labelled posts into the form that training reads, without markup, quotes and personal data.

    Stopped or killed, the same command goes on from where it was. A report lies beside the output.
    """
    with extra("import"):
        from data.importing.engine import ImportJob, import_posts
        from data.importing.masking.masker import DEFAULT_REGIONS
        from data.importing.sources.source import FEEDBACK
        from data.importing.workers import available_workers
    fields = dict(_pairs(field or [], "--field", "FIELD=COLUMN"))
    fields |= {name: column for name, column in (("id", id_), ("time", time), ("group", group)) if column is not None}
    settings: dict[str, Any] = {
        "labels": dict(_pairs(label or [], "--label", "HEAD=COLUMN")),
        "fields": fields,
        "rename": _renamed(rename or []),
        "only": _values(only or [], "--only"),
        "drop": _values(drop or [], "--drop"),
    }
    given = {
        "text": text, "keep": keep, "first_of_thread": first_of_thread,
        "time_format": time_format, "rows": rows, "encoding": encoding, "delimiter": delimiter,
    }  # fmt: skip
    settings |= {name: value for name, value in given.items() if value is not None}
    files = [_store_of(file) if file == FEEDBACK else file for file in files]
    columns = (_mapping(mapping) if mapping else _feedback_mapping(files)).updated(**settings)
    sources = _sources(files, columns, query, sheet)
    regions = tuple(region.upper().split(",")) if region else DEFAULT_REGIONS
    job = ImportJob(sources, columns, output, _cleaner(clean), _kinds(mask), regions)
    if job.work_file.exists():
        note(f"work of a run that was stopped lies in {job.work_file}; if it was this same job, it goes on from there")
    sizes = [source.size() for source in sources]
    total = None if None in sizes else sum(size for size in sizes if size)
    processes = workers or (1 if total is not None and total < _SMALL else available_workers())
    with progress_bar("importing", "rows", total) as advance:
        report = import_posts(job, processes, advance)
    _tell(job, report, as_json)


def mapping(
    name: Annotated[str | None, typer.Argument(help="of the ready mapping; none: a list of them")] = None,
) -> None:
    """Print a ready mapping, to be adapted: `triage data mapping zendesk > my.yaml`, then `import --from my.yaml`."""
    with extra("import"):
        from data.importing.mapping import ready_mapping, ready_mappings
    if name is None:
        for ready in ready_mappings():
            typer.echo(ready)
        return
    ready_mapping(name)
    typer.echo(ready_mappings()[name].read_text(encoding="utf-8"), nl=False)


def _store_of(prefix: str) -> str:
    """The store that the settings name."""
    location = load_settings().feedback_location
    if location is None:
        raise ConfigurationError("the setting feedback is off; name the store: feedback:FILE or feedback:URL")
    return prefix + location


def _feedback_mapping(files: list[str]) -> "ColumnMapping":
    """That of stores of feedback among the files; without one, that of nothing yet."""
    from data.importing.mapping import ColumnMapping
    from data.importing.sources.feedback import PROVENANCE, judged_heads
    from data.importing.sources.source import FEEDBACK

    stores = [file.removeprefix(FEEDBACK) for file in files if file.startswith(FEEDBACK)]
    if not stores:
        return ColumnMapping()
    heads = dict.fromkeys(head for store in stores for head in judged_heads(store))
    return ColumnMapping(
        labels={head: head for head in heads},
        rename={head: {NO_LABEL: NO_LABEL} for head in heads},
        fields={"time": "time"},
        as_is=(PROVENANCE,),
    )


def _mapping(name: str) -> "ColumnMapping":
    """The ready mapping of that name, or that of a file."""
    from data.importing.mapping import ColumnMapping, ready_mapping

    return ColumnMapping.read(Path(name)) if name.endswith((".yaml", ".yml")) else ready_mapping(name)


def _sources(files: list[str], columns: "ColumnMapping", query: str | None, sheet: str | None) -> "tuple[Source, ...]":
    from data.importing.sources.source import Source
    from data.tables.dialects import Dialect

    dialect = Dialect(columns.encoding, columns.delimiter, columns.rows)
    return tuple(Source(file, query=query, sheet=sheet, dialect=dialect) for file in files)


def _cleaner(clean: bool) -> "Cleaner":
    from data.importing.cleaning.cleaner import Cleaner

    return Cleaner(html=clean, quotes=clean, signatures=clean)


def _kinds(mask: str | None) -> "frozenset[Kind]":
    from data.importing.masking.masker import DEFAULT_KINDS, Kind

    if mask is None:
        return DEFAULT_KINDS
    names = {name.strip() for name in mask.split(",") if name.strip()}
    unknown = sorted(names - set(Kind))
    if unknown:
        raise ConfigurationError(f"--mask names {unknown}; expected some of {sorted(Kind)}, with commas between them")
    return frozenset(map(Kind, names))


def _tell(job: "ImportJob", report: "ImportReport", as_json: bool) -> None:
    total = report.kept + report.dropped
    if as_json:
        print_json(report.to_dict())
    else:
        for head, counts in report.labels.items():
            stdout.print(counts_table(head, dict(counts.most_common(_SHOWN_LABELS))))
        _tell_counts("masked", {kind: count for kind, count in report.masked.items() if kind != "posts"}, "")
        _tell_counts("cut off", report.removed, " posts")
        _tell_counts("could not be read, and left out", report.unread, " posts")
        if report.dropped:
            note(f"left out {report.dropped} rows of {total}:")
            for reason, rows in report.reasons.most_common():
                note(f"  {rows} x {reason}")
            note("the first of them:")
            note(describe_bad_rows(report.first, report.dropped))
    for column in report.not_found:
        note(f"no row has {column!r}, which was asked for")
    for row in report.lost:
        note(f"lost: {row}")
    note(f"wrote {report.kept} posts to {job.target}, and what became of every row to {job.report_file}")
    if report.faults > MAX_BAD_SHARE * total:
        note(f"more than {MAX_BAD_SHARE:.0%} of the rows are bad; mend them, or check the names of the columns")
        raise typer.Exit(1)
    if report.lost or not set(job.mapping.labels.values()).isdisjoint(report.not_found):
        raise typer.Exit(1)


def _tell_counts(what: str, counts: Mapping[str, int], unit: str) -> None:
    if counts:
        note(f"{what}: {', '.join(f'{name} {count}{unit}' for name, count in sorted(counts.items()))}")


def _renamed(arguments: list[str]) -> dict[str, dict[str, str]]:
    renamed: dict[str, dict[str, str]] = {}
    for source, target in _pairs(arguments, "--rename", "HEAD.FROM=TO"):
        head, dot, old = source.partition(".")
        if not dot:
            raise ConfigurationError(f"--rename '{source}={target}': expected HEAD.FROM=TO")
        renamed.setdefault(head, {})[old] = target
    return renamed


def _values(arguments: list[str], flag: str) -> dict[str, tuple[str, ...]]:
    values: dict[str, tuple[str, ...]] = {}
    for argument in arguments:
        column, equals, value = argument.rpartition("=")  # an expression may hold further ones
        if not column or not equals:
            raise ConfigurationError(f"{flag} {argument!r}: expected COLUMN=VALUE")
        values[column] = (*values.get(column, ()), value)
    return values


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
