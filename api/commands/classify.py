"""`triage classify`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from api.bulk import Labeller, Report, classify_file, classify_stream
from api.commands.progress import progress_bar
from api.commands.shared import BundleOption, ModelsOption, note, print_json, registry
from api.settings import load_settings
from data.errors import ConfigurationError, DataError, Interrupted
from data.examples import MAX_BAD_SHARE
from data.tables.reading import FORMATS, STDIN, count_rows, table_format
from data.tables.rows import Row
from data.tables.writing import output_format
from model.bundle import Bundle


def classify(
    source: Annotated[
        str, typer.Argument(metavar="[FILE|-|TEXT]", help="JSONL, CSV, TSV or Parquet file; - for JSONL; or one text")
    ] = "-",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="JSONL, CSV, TSV or Parquet file; by default JSONL on stdout")
    ] = None,
    text: Annotated[str, typer.Option(help="the column that holds the post")] = "text",
    model: BundleOption = None,
    threads: Annotated[int | None, typer.Option(min=1, help="worker threads; by default the CPUs it may use")] = None,
    models: ModelsOption = None,
) -> None:
    """Label posts: every row of a file, with its columns kept, or one text.

    With -o an interrupted run is gone on with by the same command, and the file appears when it is whole. The exit
    status is 1 when more than 5 % of the rows are bad; the others are labelled all the same.
    """
    settings = load_settings({"models": models, "model": model, "threads": threads})
    path = Path(source)
    # os.path, because a text can be too long for a path, which pathlib takes for an error.
    exists = os.path.exists(source)  # noqa: PTH110
    is_file = source == str(STDIN) or exists or (path.suffix.lower() in FORMATS and " " not in source)
    if is_file:
        if path != STDIN and not exists:
            raise DataError(f"{path}: no such file")
        table_format(path)
        if output is not None:
            if path == STDIN:
                raise ConfigurationError("-o needs a file to read from, to be able to resume; or write > FILE")
            if output.exists() and output.samefile(path):
                raise ConfigurationError(f"{output} is the input; name another file")
            output_format(output)
    bundle = Bundle.load(registry(settings.models).resolve(settings.model))
    engine = bundle.engine(settings.threads)
    labeller = Labeller(bundle, engine, text, settings.max_characters)
    try:
        if not is_file:
            print_json(labeller.label([Row("argument", 1, {text: source})])[0])
            return
        report = _with_progress(path, output, labeller)
    finally:
        engine.close()
    _tell(report, output)
    if report.bad > MAX_BAD_SHARE * (report.bad + report.labelled + report.failed):
        raise typer.Exit(1)


def _with_progress(path: Path, output: Path | None, labeller: Labeller) -> Report:
    with progress_bar("labelling", "rows", count_rows(path)) as advance:  # lines are counted, which are not quite rows
        try:
            if output is None:
                return classify_stream(path, labeller, advance)
            return classify_file(path, output, labeller, advance)
        except KeyboardInterrupt:
            kept = f"; the same command goes on from here ({output}.journal)" if output else ""
            raise Interrupted(f"stopped{kept}") from None


def _tell(report: Report, output: Path | None) -> None:
    parts = [f"{report.labelled} labelled"]
    if report.resumed:
        parts.append(f"of which {report.resumed} rows by the run that was interrupted")
    if report.failed:
        parts.append(f"{report.failed} without an answer (empty or too long; said in their rows)")
    if report.bad:
        parts.append(f"{report.bad} bad rows left out")
    note(", ".join(parts) + (f"; wrote {output}" if output else ""))
    if report.bad:
        note(report.describe_bad())
