"""`triage train`."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from api.commands.shared import (
    EpochsOption,
    JsonOption,
    ModelsOption,
    PresetOption,
    SetOption,
    extra,
    load_bundle,
    note,
    note_precision,
    print_json,
    quiet_libraries,
    registry,
    stdout,
)
from data.errors import ConfigurationError
from model.bundle import Bundle


def train(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="labelled posts (JSONL, CSV, TSV, Parquet), or a folder of `data split`; none: the starter corpus"
        ),
    ] = None,
    taxonomy: Annotated[Path | None, typer.Option(help="YAML file; by default found in the data")] = None,
    dev: Annotated[
        Path | None, typer.Option(help="labelled posts that pick the best epoch; by default split off")
    ] = None,
    add: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="posts that teach beside these and judge nothing, such as corrections"),
    ] = None,
    encoder: Annotated[str | None, typer.Option(help="Hugging Face encoder: folder or hub name")] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="BUNDLE", help="go on from the weights of this bundle")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="name of the bundle", show_default="starter, or the file's name")
    ] = None,
    preset: PresetOption = None,
    epochs: EpochsOption = None,
    seed: Annotated[int | None, typer.Option(help="instead of the preset's")] = None,
    settings: SetOption = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on with the interrupted run of the same job")] = False,
    curve: Annotated[
        Path | None,
        typer.Option(
            "--curve",
            metavar="OUT.svg",
            help="train on an eighth, a quarter and half of the posts too, draw the scores, and say if more would help",
        ),
    ] = None,
    as_json: JsonOption = False,
    models: ModelsOption = None,
) -> None:
    """Train a model and write it as the next version of its bundle.

    Four parts: train teaches, dev picks the best epoch, calibration fits the confidences, test gives the figures. Files
    are split here; the parts of a folder are taken as they are.
    """
    with extra("train"):
        from api.commands import curve as learning_curve
        from api.commands.jobs import job_of
        from api.commands.recipes import has_few, idle_settings, is_chosen, is_set, recipe_of
        from evaluation.tables import summary
        from training.pipeline import train_bundle
    quiet_libraries()
    if start and (encoder or is_set("encoder", settings or ())):
        raise ConfigurationError("--from brings an encoder of its own; give it or --encoder")
    if curve:
        learning_curve.check_output(curve)
    begun = load_bundle(start, models) if start else None
    encoder = begun.manifest.provenance["encoder"] if begun else encoder
    recipe_by = partial(recipe_of, encoder=encoder, epochs=epochs, seed=seed, settings=settings or ())
    job = job_of(
        files or [], recipe_by(preset or "full"), taxonomy=taxonomy, dev=dev, name=name, added=add or [], start=begun
    )
    if not is_chosen(preset, epochs, settings or ()) and has_few(job):
        note("few posts a label: the preset few (labels' names and definitions teach too; --preset full for the other)")
        job = replace(job, recipe=recipe_by("few"))
    if idle := idle_settings(job.recipe, settings or ()):
        note(
            f"warning: {', '.join(idle)} given with --set, without effect: this recipe only fits the heads; --preset "
            "full or --epochs trains all layers together"
        )
    if curve:
        learning_curve.check_start(job)
    target = registry(models)
    points = learning_curve.train_on_parts(job, target) if curve else []
    path = train_bundle(job, target, resume=resume)

    bundle = Bundle.load(path)
    note_precision(bundle)
    drawn = learning_curve.tell(job, target, points, path, curve) if curve else None
    if as_json:
        found = {"bundle": bundle.manifest.reference, "path": str(path), "metrics": bundle.metrics()}
        print_json({**found, **({"curve": drawn} if drawn else {})})
    else:
        for table in summary(bundle.metrics()):
            stdout.print(table)
        if drawn:
            learning_curve.show(drawn)
    promoted = target.promoted() == f"{path.parent.name}@{path.name}"
    hint = "it is promoted" if promoted else f"promote it: triage models promote {path.parent.name}@{path.name}"
    note(f"wrote {path}; {hint}")
