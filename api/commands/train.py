"""`triage train`."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from api.commands.shared import ModelsOption, extra, note, read_labelled, registry, stdout
from data.errors import ConfigurationError
from data.examples import find_taxonomy, posts_of
from data.normalise import fingerprint
from data.splitting import Parts, split_by_group, split_into_parts, without_posts
from data.starter_corpus import read_starter, split_starter, starter_files
from data.taxonomy import DEFAULT_TAXONOMY, Taxonomy
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
        from transformers.utils import logging

        from evaluation.tables import overview, routing
        from training.pipeline import Job, train_bundle
        from training.recipe import PRESETS
    logging.disable_progress_bar()  # loading and saving take a second; the run has a bar of its own
    logging.set_verbosity_error()

    if preset not in PRESETS:
        raise ConfigurationError(f"--preset is {preset!r}; expected one of {sorted(PRESETS)}")
    recipe = PRESETS[preset]
    recipe = replace(
        recipe,
        encoder=encoder or recipe.encoder,
        epochs=epochs or recipe.epochs,
        seed=recipe.seed if seed is None else seed,
    )

    if files:
        heads = Taxonomy.read(taxonomy) if taxonomy else find_taxonomy(files, name=files[0].stem)
        if not taxonomy:
            found = ", ".join(f"{head.name} ({len(head.labels)} labels)" for head in heads)
            note(f"heads found in the data: {found}; name them in a file with --taxonomy to choose or order them")
        parts = _parts(files, heads, dev, recipe.seed)
    elif taxonomy or dev:
        raise ConfigurationError("--taxonomy and --dev go with files of labelled posts; none was given")
    else:
        heads, parts = Taxonomy.read(DEFAULT_TAXONOMY), split_starter(read_starter())
    sizes = ", ".join(f"{part} {len(getattr(parts, part))}" for part in ("train", "dev", "calibration", "test"))
    note(f"posts: {sizes}; encoder {recipe.encoder}, {recipe.epochs} epochs")

    job = Job(
        name=name or (_bundle_name(files[0]) if files else "starter"),
        taxonomy=heads,
        parts=parts,
        recipe=recipe,
        sources=[*(files or starter_files()), *([dev] if dev else [])],
    )
    target = registry(models)
    path = train_bundle(job, target, resume=resume)

    figures = Bundle.load(path).metrics()
    stdout.print(overview(figures))
    if "routing" in figures:
        stdout.print(routing(figures))
    promoted = target.promoted() == f"{path.parent.name}@{path.name}"
    hint = "it is promoted" if promoted else f"promote it: triage models promote {path.parent.name}@{path.name}"
    note(f"wrote {path}; {hint}")


def _bundle_name(file: Path) -> str:
    """A file's name without what cannot stand in a bundle's."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", file.stem).strip("-._") or "model"


def _parts(files: list[Path], taxonomy: Taxonomy, dev: Path | None, seed: int) -> Parts:
    examples = read_labelled(files, taxonomy)
    if dev is None:
        return split_into_parts(examples, seed)
    picking = read_labelled([dev], taxonomy)
    others = without_posts(examples, {fingerprint(text) for text in posts_of(picking)})
    if len(others) < len(examples):
        note(f"left {len(examples) - len(others)} posts out of {', '.join(map(str, files))} that stand in {dev} too")
    return Parts(**split_by_group(others, {"train": 0.8, "calibration": 0.1, "test": 0.1}, seed), dev=picking)
