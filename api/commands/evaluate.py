"""`triage evaluate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands.shared import (
    AllowTrainingRowsOption,
    JsonOption,
    ModelsOption,
    NoTextsOption,
    bundle_and_files,
    extra,
    load_bundle,
    note,
    note_tuned_on,
    print_json,
    read_labelled,
    stdout,
)
from data.errors import DataError

if TYPE_CHECKING:
    from evaluation.report.figures import About
    from model.bundle import Bundle


def evaluate(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="[BUNDLE] FILE...",
            help="bundle (path, NAME or NAME@VERSION; by default the promoted one), then labelled posts "
            "(JSONL, CSV, TSV, Parquet)",
        ),
    ],
    slices: Annotated[
        list[str] | None,
        typer.Option(
            "--slice", help="accuracy by this column too: channel, language, any column of yours, length or month"
        ),
    ] = None,
    costs: Annotated[
        Path | None, typer.Option(help="YAML file of what mistakes cost: tell what 1,000 posts cost under the policy")
    ] = None,
    allow_training_rows: AllowTrainingRowsOption = False,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="OUT.html", help="write a page for the browser too, whole in itself"),
    ] = None,
    no_texts: NoTextsOption = False,
    as_json: JsonOption = False,
    models: ModelsOption = None,
) -> None:
    """Score a bundle on labelled posts. Rows that stand in its training data are set aside and counted."""
    with extra("train"):
        from api.commands.scoring import scored
        from evaluation.held_out import check_seen, seen_rows
        from evaluation.metrics import accuracies, known_answers
        from evaluation.metrics import evaluate as figures_of
        from evaluation.slices import check_columns, slice_figures
        from evaluation.tuning.costs import Costs, cost_per_1000

    reference, files = bundle_and_files(arguments)
    bundle = load_bundle(reference, models)
    note_tuned_on(bundle, files)
    known_costs = Costs.read(costs, bundle.taxonomy) if costs else None
    examples = read_labelled(files, bundle.taxonomy)
    seen = seen_rows(examples, bundle.training_rows())
    if not allow_training_rows:
        check_seen(int(seen.sum()), len(seen), bundle.manifest.reference)
    if seen.all():
        raise DataError(f"every row stands in the training data of {bundle.manifest.reference}; nothing is left")
    fresh = (~seen).nonzero()[0]
    check_columns([examples[row] for row in fresh], slices or ())
    everything = scored(bundle, examples, models)
    posts = everything.take(fresh)
    figures = figures_of(posts, bundle.policy, bundle.taxonomy)
    if known_costs:
        figures["cost_per_1000"] = cost_per_1000(posts, bundle.policy, bundle.taxonomy, known_costs)
    figures["training_rows"] = {
        "set_aside": int(seen.sum()),
        "of": len(examples),
        "accuracy_with_them": accuracies(known_answers(everything, bundle.policy, bundle.taxonomy)),
    }
    if slices:
        answers = known_answers(posts, bundle.policy, bundle.taxonomy)
        figures["slices"] = slice_figures(posts.examples, answers, slices)
    figures["bundle"] = {
        "reference": bundle.manifest.reference,
        "precision": bundle.manifest.precision,
        "policy": bundle.policy.version,
        "taxonomy": bundle.taxonomy.sha256[:12],
    }
    if report:
        with extra("train"):  # takes seconds to load
            from evaluation.report.document import write_report
            from evaluation.report.figures import Options

        options = Options(texts=not no_texts, slices=slices, costs=known_costs)
        write_report(report, posts, bundle.policy, bundle.taxonomy, _about(bundle, files, figures), options)
        note(f"wrote {report}" + ("" if no_texts else "; it holds texts of posts, --no-texts leaves them out"))
    if as_json:
        print_json(figures)
    else:
        _show(figures)


def _about(bundle: "Bundle", files: list[Path], figures: dict[str, Any]) -> "About":
    from evaluation.report.figures import About

    manifest, seen = bundle.manifest, figures["training_rows"]
    notes = []
    if seen["set_aside"]:
        with_them = ", ".join(f"{head} {share:.3f}" for head, share in seen["accuracy_with_them"].items())
        notes.append(
            f"{seen['set_aside']} of {seen['of']} rows stand in the training data and were set aside; every figure is "
            f"of the others. Accuracy with them: {with_them}."
        )
    return About(
        title=f"How far {manifest.reference} can be trusted",
        files=[path.name for path in files],
        facts={"Bundle": manifest.reference, "Precision": manifest.precision},
        notes=notes,
    )


def _show(figures: dict[str, Any]) -> None:
    from evaluation import tables
    from evaluation.slices import too_small

    overview, *others = tables.summary(figures)
    stdout.print(overview)
    if "cost_per_1000" in figures:
        stdout.print(f"1,000 posts cost {figures['cost_per_1000']:,.1f} under the policy", highlight=False)
    seen = figures["training_rows"]
    if seen["set_aside"]:
        shown = ", ".join(f"{head} {share:.3f}" for head, share in seen["accuracy_with_them"].items())
        note(
            f"set aside {seen['set_aside']} of {seen['of']} rows that stand in the training data; "
            f"accuracy with them: {shown}"
        )
    for table in others:
        stdout.print(table)
    for name, head in figures["heads"].items():
        stdout.print(tables.per_label(name, head))
    for column, found in figures.get("slices", {}).items():
        for table in tables.slices(column, found):
            stdout.print(table)
    for line in (*tables.too_rare(figures), *too_small(figures.get("slices", {}))):
        note(f"warning: {line}")
