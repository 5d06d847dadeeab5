"""`triage evaluate`."""

from typing import Annotated

import typer

from api.commands.shared import (
    JsonOption,
    ModelsOption,
    bundle_and_files,
    extra,
    load_bundle,
    print_json,
    read_labelled,
    stdout,
)


def evaluate(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="[BUNDLE] FILE...",
            help="bundle (path, NAME or NAME@VERSION; by default the promoted one), then labelled posts "
            "(JSONL, CSV, TSV, Parquet)",
        ),
    ],
    as_json: JsonOption = False,
    models: ModelsOption = None,
) -> None:
    """Score a bundle on labelled posts."""
    with extra("train"):
        from evaluation.metrics import evaluate as figures_of
        from evaluation.tables import overview, per_label, routing
    from data.examples import posts_of
    from model.decision import decide

    reference, files = bundle_and_files(arguments)
    source = load_bundle(reference, models)
    examples = read_labelled(files, source.taxonomy)
    engine = source.engine()
    try:
        decisions = decide(engine.score(posts_of(examples)), source.policy)
    finally:
        engine.close()
    figures = figures_of(decisions, examples, source.taxonomy)
    figures["bundle"] = {
        "reference": source.manifest.reference,
        "precision": source.manifest.precision,
        "policy": source.policy.version,
        "taxonomy": source.taxonomy.sha256[:12],
    }
    if as_json:
        print_json(figures)
        return
    stdout.print(overview(figures))
    for name, head in figures["heads"].items():
        stdout.print(per_label(name, head))
    if "routing" in figures:
        stdout.print(routing(figures))
