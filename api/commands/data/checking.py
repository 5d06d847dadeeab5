"""`triage data check`: what is wrong with labelled data."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from api.commands.data.tables import counts_table
from api.commands.shared import (
    JsonOption,
    TaxonomyOption,
    extra,
    heads_of,
    note,
    print_json,
    quiet_libraries,
    read_labelled,
    stdout,
)
from data.errors import ConfigurationError
from data.files import whole_file
from data.posts import Example
from data.splitting import PARTS
from data.starter_corpus import known_giveaways, read_readings, read_starter, split_starter
from data.table_writing import table_writer
from data.taxonomy import DEFAULT_TAXONOMY, Taxonomy

if TYPE_CHECKING:
    from data.checking.check import Findings
    from training.audit import Suspect

_SHOWN = 10


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
        from data.checking.check import check as look_over
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
        parts = {name: getattr(split_parts, name) for name in PARTS}
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


def _show(findings: "Findings", doubtful: "list[Suspect]", examples: list[Example]) -> None:
    stdout.print(", ".join(f"{name}: {count} posts" for name, count in findings.posts.items()))
    stdout.print("words: " + ", ".join(f"{share:.0%} quantile {words:.0f}" for share, words in findings.words.items()))
    for head, counts in findings.labels.items():
        stdout.print(counts_table(head, counts))
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


def _write_suspects(path: Path, doubtful: "list[Suspect]", examples: list[Example]) -> None:
    with whole_file(path) as temporary, table_writer(temporary, "jsonl", {}) as writer:
        for suspect in doubtful:
            example = examples[suspect.index]
            plain = {key: value for key, value in asdict(suspect).items() if key != "index"}
            writer.write({"where": example.origin, **plain, "text": example.post.text})
    note(f"wrote {len(doubtful)} suspected label errors to {path}, with their texts")
