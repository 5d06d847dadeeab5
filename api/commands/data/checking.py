"""`triage data check`: what is wrong with labelled data."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from api.commands.data.steps import steps_bar
from api.commands.data.tables import counts_table, labelled_files, note_bad_rows
from api.commands.shared import (
    JsonOption,
    TaxonomyOption,
    extra,
    note,
    print_json,
    quiet_libraries,
    stdout,
)
from data.checking.check import Findings
from data.checking.check import check as look_over
from data.checking.faults import Fault
from data.checking.survey import Source
from data.errors import ConfigurationError
from data.files import whole_file
from data.posts import Example
from data.splitting import PARTS
from data.starter_corpus import known_giveaways, read_readings, read_starter, split_starter
from data.table_writing import table_writer
from data.taxonomy import DEFAULT_TAXONOMY, Taxonomy

if TYPE_CHECKING:
    from training.audit import Suspect

_SHOWN = 10


def check(
    files: Annotated[
        list[Path] | None, typer.Argument(help="labelled posts, a part of a split each; none: the starter corpus")
    ] = None,
    taxonomy: TaxonomyOption = None,
    audit: Annotated[bool, typer.Option(help="look for label errors too; takes an encoder")] = True,
    suspects: Annotated[Path | None, typer.Option(help="JSONL file for the suspected label errors")] = None,
    faults: Annotated[Path | None, typer.Option(help="JSONL file for all faults and cautions, without texts")] = None,
    as_json: JsonOption = False,
) -> None:
    """Count labels; find copies, conflicts, leaks between files, words that give a label away, suspect labels.

    Exit status 1 if there is anything to mend; cautions are only told. Suspect labels are only listed: read them before
    you change one.
    """
    if suspects and not audit:
        raise ConfigurationError("--suspects needs the audit; leave --no-audit out")
    if faults and faults.suffix.lower() != ".jsonl":
        raise ConfigurationError(f"--faults is {faults}; the file is JSONL: end its name with .jsonl")
    if files:
        heads, sources = labelled_files(files, taxonomy)
        findings, kappas = _look_over(sources, heads, {}, faults), None
        note_bad_rows(sources.values())
    elif taxonomy:
        raise ConfigurationError("--taxonomy goes with files of labelled posts; none was given")
    else:
        heads = Taxonomy.read(DEFAULT_TAXONOMY)
        findings, kappas = _look_over_starter(heads, faults)
    examples = findings.sample
    doubtful, passed_over = _audited(examples, heads) if audit else ([], {})
    if suspects:
        _write_suspects(suspects, doubtful, examples)
    if as_json:
        plain = asdict(replace(findings, sample=[]))
        del plain["sample"]
        print_json(
            {
                **plain,
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


def _look_over(
    parts: Mapping[str, Source], taxonomy: Taxonomy, known: Mapping[str, str], faults: Path | None
) -> Findings:
    with ExitStack() as opened:
        report = opened.enter_context(steps_bar())
        if not faults:
            return look_over(parts, taxonomy, known, report=report)
        temporary = opened.enter_context(whole_file(faults))
        writer = opened.enter_context(table_writer(temporary, "jsonl", {}))
        return look_over(parts, taxonomy, known, lambda fault: writer.write(asdict(fault)), report)


def _look_over_starter(taxonomy: Taxonomy, faults: Path | None) -> tuple[Findings, dict[str, float]]:
    with extra("train"):
        from evaluation.agreement import agreement
    corpus = read_starter()
    split_parts = split_starter(corpus)
    parts = {name: getattr(split_parts, name) for name in PARTS}
    return _look_over(parts, taxonomy, known_giveaways(), faults), agreement(read_readings(corpus), taxonomy)


def _audited(examples: list[Example], taxonomy: Taxonomy) -> "tuple[list[Suspect], dict[str, list[str]]]":
    with extra("train"):
        from training.audit import audit
    quiet_libraries()
    judged = audit(examples, taxonomy)
    return judged.suspects, judged.passed_over


def _show(findings: Findings, doubtful: "list[Suspect]", examples: list[Example]) -> None:
    total = sum(findings.posts.values())
    stdout.print(", ".join(f"{name}: {count} posts" for name, count in findings.posts.items()))
    stdout.print("words: " + ", ".join(f"{share:.0%} quantile {words:.0f}" for share, words in findings.words.items()))
    lacking = ", ".join(f"{count} no {what}" for what, count in findings.missing.items() if count)
    if lacking:
        stdout.print(f"of {total} posts have {lacking}")
    for head, counts in findings.labels.items():
        stdout.print(counts_table(head, counts))
    for kind, faults in _by_kind(findings.faults):
        stdout.print(f"{kind}: {findings.counts[kind]}", style="red")
        _list([_line(fault) for fault in faults], findings.counts[kind])
    for kind, cautions in _by_kind(findings.cautions):
        stdout.print(f"caution, {kind}: {len(cautions)}", style="yellow")
        _list([_line(caution) for caution in cautions], len(cautions))
    if findings.sampled < total:
        stdout.print(f"words that give a label away were looked for in a sample of {findings.sampled} posts")
    if doubtful:
        stdout.print(f"suspected label errors: {len(doubtful)} in {len(examples)} posts; the most suspect:")
        shown = [
            f"{examples[suspect.index].origin}: {suspect.head}: {suspect.given} ({suspect.probability:.3f}), "
            f"others like it are {suspect.suggested}"
            for suspect in doubtful[:_SHOWN]
        ]
        _list(shown, len(doubtful))
    if not findings.faults:
        stdout.print("nothing to mend")


def _by_kind(faults: list[Fault]) -> list[tuple[str, list[Fault]]]:
    kinds = sorted({fault.kind for fault in faults})
    return [(kind, [fault for fault in faults if fault.kind == kind]) for kind in kinds]


def _line(fault: Fault) -> str:
    return f"{' and '.join(fault.where)}{': ' if fault.where else ''}{fault.message}"


def _list(lines: list[str], count: int) -> None:
    more = [f"… and {count - _SHOWN} more"] if count > _SHOWN else []
    for line in (*lines[:_SHOWN], *more):
        stdout.print(Text(f"  {line}"), soft_wrap=True)


def _write_suspects(path: Path, doubtful: "list[Suspect]", examples: list[Example]) -> None:
    with whole_file(path) as temporary, table_writer(temporary, "jsonl", {}) as writer:
        for suspect in doubtful:
            example = examples[suspect.index]
            plain = {key: value for key, value in asdict(suspect).items() if key != "index"}
            writer.write({"where": example.origin, **plain, "text": example.post.text})
    note(f"wrote {len(doubtful)} suspected label errors to {path}, with their texts")
