"""`triage train`."""

from pathlib import Path
from typing import Annotated

import typer

from api.commands.shared import ModelsOption, extra, note, note_precision, quiet_libraries, registry, stdout
from model.bundle import Bundle


def train(
    files: Annotated[
        list[Path] | None, typer.Argument(help="labelled posts (JSONL, CSV, TSV, Parquet); none: the starter corpus")
    ] = None,
    taxonomy: Annotated[Path | None, typer.Option(help="YAML file; by default found in the data")] = None,
    dev: Annotated[
        Path | None, typer.Option(help="labelled posts that pick the best epoch; by default split off")
    ] = None,
    encoder: Annotated[str | None, typer.Option(help="Hugging Face encoder: folder or hub name")] = None,
    name: Annotated[
        str | None, typer.Option(help="name of the bundle", show_default="starter, or the file's name")
    ] = None,
    preset: Annotated[str, typer.Option(help="quick or full")] = "full",
    epochs: Annotated[int | None, typer.Option(min=1, help="instead of the preset's")] = None,
    seed: Annotated[int | None, typer.Option(help="instead of the preset's")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on with the interrupted run of the same job")] = False,
    models: ModelsOption = None,
) -> None:
    """Train a model and write it as the next version of its bundle.

    Four parts: train teaches, dev picks the best epoch, calibration fits the confidences, test gives the figures.
    """
    with extra("train"):
        from api.commands.jobs import job_of, recipe_of
        from evaluation.tables import summary
        from training.pipeline import train_bundle
    quiet_libraries()
    recipe = recipe_of(preset, encoder=encoder, epochs=epochs, seed=seed)
    job = job_of(files or [], recipe, taxonomy=taxonomy, dev=dev, name=name)
    target = registry(models)
    path = train_bundle(job, target, resume=resume)

    bundle = Bundle.load(path)
    note_precision(bundle)
    for table in summary(bundle.metrics()):
        stdout.print(table)
    promoted = target.promoted() == f"{path.parent.name}@{path.name}"
    hint = "it is promoted" if promoted else f"promote it: triage models promote {path.parent.name}@{path.name}"
    note(f"wrote {path}; {hint}")
