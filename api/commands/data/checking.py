"""`triage data check`: what is wrong with labelled data."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from api.commands.data.tables import counts_table, labelled_files, note_bad_rows
from api.commands.progress import steps_bar
from api.commands.shared import JsonOption, TaxonomyOption, extra, note, print_json, quiet_libraries, stdout
from data.checking.check import Findings, findings_of
from data.checking.faults import Fault
from data.checking.sampling import draw_sample
from data.checking.survey import Report, Source, Survey, survey
from data.errors import ConfigurationError
from data.files import remove_leftovers, whole_file
from data.posts import PARTS, Example
from data.reviewing.suspects import refuse_review, write_suspects
from data.starter_corpus import known_giveaways, read_readings, read_starter, split_starter
from data.tables.writing import output_format, table_writer
from data.taxonomy import DEFAULT_TAXONOMY, Taxonomy

if TYPE_CHECKING:
    from training.audit.suspects import Audit, Suspect

_SHOWN = 10


def check(
    files: Annotated[
        list[Path] | None, typer.Argument(help="labelled posts, a part of a split each; none: the starter corpus")
    ] = None,
    taxonomy: TaxonomyOption = None,
    audit: Annotated[bool, typer.Option(help="look for label errors too; takes an encoder")] = True,
    suspects: Annotated[
        Path | None, typer.Option(help="file for the suspected label errors, to be reviewed (JSONL, CSV, TSV)")
    ] = None,
    faults: Annotated[Path | None, typer.Option(help="JSONL file for all faults and cautions, without texts")] = None,
    as_json: JsonOption = False,
) -> None:
    """Count labels; find copies, conflicts, leaks between files, words that give a label away, suspect labels.

    Exit status 1 if there is anything to mend; cautions are only told. Suspect labels are only listed: read them before
    you change one.
    """
    if suspects and not audit:
        raise ConfigurationError("--suspects needs the audit; leave --no-audit out")
    if suspects:
        output_format(suspects)  # refused now rather than after minutes
    if faults and faults.suffix.lower() != ".jsonl":
        raise ConfigurationError(f"--faults is {faults}; the file is JSONL: end its name with .jsonl")
    _keep_apart({"--suspects": suspects, "--faults": faults}, [*(files or []), *([taxonomy] if taxonomy else [])])
    if suspects:
        refuse_review(suspects)
    if taxonomy and not files:
        raise ConfigurationError("--taxonomy goes with files of labelled posts; none was given")
    heads, sources = labelled_files(files, taxonomy) if files else _starter()
    with ExitStack() as opened:
        report = opened.enter_context(steps_bar())
        record = opened.enter_context(_recorder(faults)) if faults else None
        surveyed = survey(sources, heads, report)
        findings = findings_of(surveyed, heads, None if files else known_giveaways(), record, report)
        audited = _audited(surveyed, heads, report) if audit else None
    note_bad_rows(sources.values())
    kappas = None if files else _agreement(heads)
    if as_json:
        _print_plain(findings, audited, kappas)
    else:
        _show(findings, audited)
        if kappas:
            shown = ", ".join(f"{head} {kappa:.3f}" for head, kappa in kappas.items())
            stdout.print(f"writer and blind second reader, Cohen's kappa (quadratic if ordinal): {shown}")
    if suspects and audited:
        rows = write_suspects(suspects, audited.audit.suspects, audited.examples)
        note(f"wrote {rows} suspected label errors to {suspects}, with their texts")
    if findings.faults:
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class _Audited:
    """The posts that were judged, which the suspects' indices count, and what was said of them."""

    examples: list[Example]
    audit: "Audit"
    posts: int

    def where(self, suspect: "Suspect") -> str | None:
        return self.examples[suspect.index].origin


def _keep_apart(outputs: Mapping[str, Path | None], inputs: Sequence[Path]) -> None:
    """Refuse to write over what is read, or one file over the other."""
    taken = {path.resolve(): "which is read" for path in inputs}
    for option, path in outputs.items():
        if path:
            if path.resolve() in taken:
                raise ConfigurationError(f"{option} is {path}, {taken[path.resolve()]}; name another file")
            taken[path.resolve()] = f"and so is {option}"


def _starter() -> tuple[Taxonomy, dict[str, Source]]:
    parts = split_starter(read_starter())
    return Taxonomy.read(DEFAULT_TAXONOMY), {name: getattr(parts, name) for name in PARTS}


def _agreement(taxonomy: Taxonomy) -> dict[str, float]:
    with extra("train"):
        from evaluation.agreement import agreement
    return agreement(read_readings(read_starter()), taxonomy)


@contextmanager
def _recorder(faults: Path) -> Iterator[Callable[[Fault], None]]:
    remove_leftovers(faults)
    with whole_file(faults) as temporary, table_writer(temporary, "jsonl", {}) as writer:
        yield lambda fault: writer.write(asdict(fault))


def _audited(surveyed: Survey, taxonomy: Taxonomy, report: Report) -> _Audited:
    with extra("train"):
        from training.audit.suspects import SAMPLE, audit
    quiet_libraries()
    wanted = draw_sample(surveyed.group, surveyed.text, surveyed.labels, SAMPLE)
    examples = [example for _, example in surveyed.examples(wanted)]
    return _Audited(examples, audit(examples, taxonomy, report=report), len(surveyed))


def _print_plain(findings: Findings, audited: _Audited | None, kappas: dict[str, float] | None) -> None:
    suspects = audited.audit.suspects if audited else []
    print_json(
        {
            **asdict(findings),
            "suspects": [{"where": audited.where(suspect), **asdict(suspect)} for suspect in suspects if audited],
            "audited": len(audited.examples) if audited else 0,
            "not_audited": audited.audit.passed_over if audited else {},
            "agreement": kappas,
        }
    )


def _show(findings: Findings, audited: _Audited | None) -> None:
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
        stdout.print(f"caution, {kind}: {findings.caution_counts[kind]}", style="yellow")
        _list([_line(caution) for caution in cautions], findings.caution_counts[kind])
    if findings.sampled < total:
        stdout.print(f"words that give a label away were looked for in a sample of {findings.sampled} posts")
    if audited:
        _show_suspects(audited)
    if not findings.faults:
        stdout.print("nothing to mend")


def _show_suspects(audited: _Audited) -> None:
    suspects, judged = audited.audit.suspects, len(audited.examples)
    among = f"{judged} posts" if judged == audited.posts else f"a sample of {judged} of {audited.posts} posts"
    stdout.print(f"suspected label errors: {len(suspects)} in {among}{'; the most suspect:' if suspects else ''}")
    shown = [
        f"{audited.where(suspect)}: {suspect.head}: {suspect.given} ({suspect.probability:.3f}), "
        f"others like it are {suspect.suggested}"
        for suspect in suspects[:_SHOWN]
    ]
    _list(shown, len(suspects))
    for head, labels in audited.audit.passed_over.items():
        note(f"{head}: too few groups of posts to look for label errors among {labels}")


def _by_kind(faults: list[Fault]) -> list[tuple[str, list[Fault]]]:
    kinds = sorted({fault.kind for fault in faults})
    return [(kind, [fault for fault in faults if fault.kind == kind]) for kind in kinds]


def _line(fault: Fault) -> str:
    return f"{' and '.join(fault.where)}{': ' if fault.where else ''}{fault.message}"


def _list(lines: list[str], count: int) -> None:
    more = [f"… and {count - _SHOWN} more"] if count > _SHOWN else []
    for line in (*lines[:_SHOWN], *more):
        stdout.print(Text(f"  {line}"), soft_wrap=True)
