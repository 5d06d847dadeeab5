"""`triage data`: labelled history in, looked over, split."""

import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from api.commands.shared import (
    JsonOption,
    ModelsOption,
    extra,
    heads_of,
    note,
    print_json,
    quiet_libraries,
    read_labelled,
    registry,
    stdout,
)
from data.errors import ConfigurationError, DataError, Interrupted
from data.examples import GROUP_FIELDS, MAX_BAD_SHARE, describe_bad_rows, to_row
from data.files import whole_file
from data.importing import ImportReport, Mapper, import_rows
from data.posts import Example
from data.splitting import split_at_random, split_by_group, split_by_time
from data.starter_corpus import known_giveaways, read_readings, read_starter, split_starter
from data.table_writing import table_writer
from data.taxonomy import DEFAULT_TAXONOMY, NO_LABEL, Taxonomy

if TYPE_CHECKING:
    from data.checking import Findings
    from training.audit import Suspect
    from training.learning_curve import Point

app = typer.Typer(help="Import, check and split labelled posts.", no_args_is_help=True)

_SHOWN = 10
_SHOWN_LABELS = 50
_PARTS = ("train", "dev", "calibration", "test")

TaxonomyOption = Annotated[Path | None, typer.Option(help="YAML file; by default found in the data")]


@app.command("import")
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
            stdout.print(_counts(head, dict(counts.most_common(_SHOWN_LABELS))))
        if report.dropped:
            note(f"left out {report.dropped} rows of {total}:")
            note(describe_bad_rows(report.bad, report.dropped))
    note(f"wrote {report.kept} posts to {output}")
    if report.dropped > MAX_BAD_SHARE * total:
        note(f"more than {MAX_BAD_SHARE:.0%} of the rows were left out; mend them, or check the names of the columns")
        raise typer.Exit(1)


@app.command("split")
def split(
    files: Annotated[list[Path], typer.Argument(help="labelled posts (JSONL, JSON, CSV, TSV, Parquet)")],
    output: Annotated[Path, typer.Option("--output", "-o", help="folder for the four parts")],
    by: Annotated[str, typer.Option(help="group, time or random")] = "group",
    shares: Annotated[
        str, typer.Option(metavar="A,B,C,D", help="of train, dev, calibration and test")
    ] = "0.7,0.1,0.1,0.1",
    seed: Annotated[int, typer.Option(help="another one deals otherwise")] = 13,
    taxonomy: TaxonomyOption = None,
) -> None:
    """Split labelled posts into train, dev, calibration and test, each a JSONL file."""
    wanted = _shares(shares)
    if by not in ("group", "time", "random"):
        raise ConfigurationError(f"--by is {by!r}; expected group, time or random")
    heads = heads_of(files, taxonomy)
    examples = read_labelled(files, heads)
    if by == "time":
        parts = split_by_time(examples, wanted)
    else:
        parts = (split_by_group if by == "group" else split_at_random)(examples, wanted, seed)
    ungrouped = sum(example.group is None for example in examples)
    if by == "group" and ungrouped:
        note(
            f"{ungrouped} of {len(examples)} posts name no group ({' or '.join(GROUP_FIELDS)}): each is dealt by itself"
        )
    empty = [name for name, part in parts.items() if not part]
    if empty:
        raise DataError(f"nothing fell into {empty}; give more data, or other --shares; nothing was written")
    output.mkdir(parents=True, exist_ok=True)
    for name, part in parts.items():
        with whole_file(output / f"{name}.jsonl") as temporary, table_writer(temporary, "jsonl", {}) as writer:
            for example in part:
                writer.write(to_row(example))
    left_out = len(examples) - sum(map(len, parts.values()))
    said = f"; {left_out} posts left out that stand in an earlier part" if left_out else ""
    note(f"wrote {', '.join(f'{name} {len(part)}' for name, part in parts.items())} to {output}{said}")


@app.command("check")
def check(
    files: Annotated[
        list[Path] | None, typer.Argument(help="labelled posts, a part of a split each; none: the starter corpus")
    ] = None,
    taxonomy: TaxonomyOption = None,
    audit: Annotated[bool, typer.Option(help="look for label errors too; takes an encoder")] = True,
    suspects: Annotated[Path | None, typer.Option(help="JSONL file for the suspected label errors")] = None,
    as_json: JsonOption = False,
) -> None:
    """Count labels; find copies, conflicts, leaks between files, words that give a label away, suspect labels.

    Exit status 1 if there is anything to mend. Suspect labels are only listed: read them before you change one.
    """
    with extra("train"):
        from data.checking import check as look_over
        from evaluation.agreement import agreement
    if suspects and not audit:
        raise ConfigurationError("--suspects needs the audit; leave --no-audit out")
    if files:
        heads = heads_of(files, taxonomy)
        parts = {str(path): read_labelled([path], heads) for path in files}
        findings, kappas = look_over(parts, heads), None
    elif taxonomy:
        raise ConfigurationError("--taxonomy goes with files of labelled posts; none was given")
    else:
        heads, corpus = Taxonomy.read(DEFAULT_TAXONOMY), read_starter()
        split_parts = split_starter(corpus)
        parts = {name: getattr(split_parts, name) for name in _PARTS}
        findings = look_over(parts, heads, known_giveaways())
        kappas = agreement(read_readings(corpus), heads)
    examples = [example for part in parts.values() for example in part]
    doubtful: list[Suspect] = []
    passed_over: dict[str, list[str]] = {}
    if audit:
        with extra("train"):
            from training.audit import audit as judge
        quiet_libraries()
        judged = judge(examples, heads)
        doubtful, passed_over = judged.suspects, judged.passed_over
    if suspects:
        _write_suspects(suspects, doubtful, examples)
    if as_json:
        print_json(
            {
                **asdict(findings),
                "suspects": [{"where": examples[suspect.index].origin, **asdict(suspect)} for suspect in doubtful],
                "not_audited": passed_over,
                "agreement": kappas,
            }
        )
    else:
        _show(findings, doubtful, examples)
        for head, labels in passed_over.items():
            note(f"{head}: too few groups of posts to look for label errors among {labels}")
        if kappas:
            shown = ", ".join(f"{head} {kappa:.3f}" for head, kappa in kappas.items())
            stdout.print(f"writer and blind second reader, Cohen's kappa (quadratic if ordinal): {shown}")
    if findings.faults:
        raise typer.Exit(1)


@app.command("curve")
def curve(
    files: Annotated[list[Path] | None, typer.Argument(help="labelled posts; none: the starter corpus")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="SVG file to draw")] = Path("learning_curve.svg"),
    sizes: Annotated[str, typer.Option(help="posts that teach; all of them come last")] = "1000,2500,5000",
    preset: Annotated[str, typer.Option(help="quick or full")] = "quick",
    taxonomy: TaxonomyOption = None,
    as_json: JsonOption = False,
    models: ModelsOption = None,
) -> None:
    """Draw a learning curve: would more posts help? Trains once a size; interrupted, it goes on where it was."""
    with extra("train"):
        from api.commands.jobs import job_of, recipe_of
        from model.registry import Registry
        from training.learning_curve import curve_folder, draw, learning_curve
    quiet_libraries()
    try:
        wanted = [int(size) for size in sizes.split(",")]
    except ValueError:
        raise ConfigurationError(f"--sizes is {sizes!r}; expected numbers with commas between them") from None
    recipe = replace(recipe_of(preset), most_posts=None)
    job = job_of(files or [], recipe, taxonomy=taxonomy, dev=None, name="curve")
    work = Registry(curve_folder(job, registry(models).root))
    try:
        points = learning_curve(job, wanted, work)
    except Interrupted as error:
        raise Interrupted("stopped; what is done is kept: give the same command to go on") from error
    draw(points, output)
    shutil.rmtree(work.root)
    if as_json:
        print_json([asdict(point) for point in points])
    else:
        stdout.print(_curve_table(points))
    note(f"wrote {output}")


def _curve_table(points: "list[Point]") -> Table:
    table = Table(title="macro F1 on the test part (quadratic kappa)")
    table.add_column("posts", justify="right")
    for head in points[-1].heads:
        table.add_column(Text(head), justify="right")
    for point in points:
        cells = [
            f"{head['macro_f1']:.3f}" + (f" ({head['qwk']:.3f})" if "qwk" in head else "")
            for head in point.heads.values()
        ]
        table.add_row(f"{point.posts:,}", *cells)
    return table


def _show(findings: "Findings", doubtful: "list[Suspect]", examples: list[Example]) -> None:
    stdout.print(", ".join(f"{name}: {count} posts" for name, count in findings.posts.items()))
    stdout.print("words: " + ", ".join(f"{share:.0%} quantile {words:.0f}" for share, words in findings.words.items()))
    for head, counts in findings.labels.items():
        stdout.print(_counts(head, counts))
    for kind in sorted({fault.kind for fault in findings.faults}):
        faults = [fault for fault in findings.faults if fault.kind == kind]
        stdout.print(f"{kind}: {len(faults)}", style="red")
        _list([f"{' and '.join(fault.where)}{': ' if fault.where else ''}{fault.message}" for fault in faults])
    if doubtful:
        stdout.print(f"suspected label errors: {len(doubtful)} in {len(examples)} posts; the most suspect:")
        _list(
            [
                f"{examples[suspect.index].origin}: {suspect.head}: {suspect.given} ({suspect.probability:.3f}), "
                f"others like it are {suspect.suggested}"
                for suspect in doubtful
            ]
        )
    if not findings.faults:
        stdout.print("nothing to mend")


def _list(lines: list[str]) -> None:
    more = [f"… and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    for line in (*lines[:_SHOWN], *more):
        stdout.print(Text(f"  {line}"), soft_wrap=True)


def _counts(head: str, counts: dict[str | None, int]) -> Table:
    table = Table(title=Text(head))
    table.add_column("label")
    table.add_column("posts", justify="right")
    table.add_column("share", justify="right")
    total = sum(counts.values())
    for label, count in counts.items():
        table.add_row(Text(label or "(none)"), str(count), f"{count / max(total, 1):.1%}")
    return table


def _write_suspects(path: Path, doubtful: "list[Suspect]", examples: list[Example]) -> None:
    with whole_file(path) as temporary, table_writer(temporary, "jsonl", {}) as writer:
        for suspect in doubtful:
            example = examples[suspect.index]
            plain = {key: value for key, value in asdict(suspect).items() if key != "index"}
            writer.write({"where": example.origin, **plain, "text": example.post.text})
    note(f"wrote {len(doubtful)} suspected label errors to {path}, with their texts")


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


def _shares(text: str) -> dict[str, float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != len(_PARTS) or min(numbers) < 0 or abs(sum(numbers) - 1) > 1e-6:
        raise ConfigurationError(
            f"--shares is {text!r}; expected four numbers that sum to 1, such as 0.7,0.1,0.1,0.1; a part "
            "of 0 is not made"
        )
    return {part: share for part, share in zip(_PARTS, numbers, strict=True) if share}
