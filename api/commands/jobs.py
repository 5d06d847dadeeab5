"""What is trained: files or the starter corpus, taxonomy, parts and recipe, as the flags name them."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from api.commands.shared import heads_of, note, read_labelled
from data.errors import ConfigurationError
from data.examples import posts_of
from data.normalise import fingerprint
from data.splitting.parts import Parts, split_by_group, split_into_parts, subset, without_posts
from data.starter_corpus import read_starter, split_starter, starter_files, stream_shares
from data.taxonomy import DEFAULT_TAXONOMY, Taxonomy
from training.pipeline import Job
from training.recipe import PRESETS, Recipe


def recipe_of(preset: str, *, encoder: str | None = None, epochs: int | None = None, seed: int | None = None) -> Recipe:
    """A preset with some of its settings replaced.

    Raises:
        ConfigurationError: there is no such preset.
    """
    if preset not in PRESETS:
        raise ConfigurationError(f"--preset is {preset!r}; expected one of {sorted(PRESETS)}")
    recipe = PRESETS[preset]
    return replace(
        recipe,
        encoder=encoder or recipe.encoder,
        epochs=epochs or recipe.epochs,
        seed=recipe.seed if seed is None else seed,
    )


def job_of(files: Sequence[Path], recipe: Recipe, *, taxonomy: Path | None, dev: Path | None, name: str | None) -> Job:
    """The job of labelled files, or of the starter corpus where none is given; says what it found.

    Raises:
        ConfigurationError: `taxonomy` or `dev` without files.
        DataError, TaxonomyError: the files cannot be used.
    """
    if files:
        heads = heads_of(files, taxonomy)
        parts = _parts(files, heads, dev, recipe.seed)
    elif taxonomy or dev:
        raise ConfigurationError("--taxonomy and --dev go with files of labelled posts; none was given")
    else:
        heads, parts = Taxonomy.read(DEFAULT_TAXONOMY), split_starter(read_starter())
    if recipe.most_posts and len(parts.train) > recipe.most_posts:
        note(f"of {len(parts.train)} posts that could teach, this preset takes {recipe.most_posts}; full takes all")
        parts = replace(parts, train=subset(parts.train, recipe.most_posts))
    sizes = ", ".join(f"{part} {len(getattr(parts, part))}" for part in ("train", "dev", "calibration", "test"))
    note(f"posts: {sizes}; encoder {recipe.encoder}, {recipe.epochs} epochs")
    return Job(
        name=name or (_bundle_name(files[0]) if files else "starter"),
        taxonomy=heads,
        parts=parts,
        recipe=recipe,
        shares=None if files else stream_shares(),
        sources=[*(files or starter_files()), *([dev] if dev else [])],
    )


def _bundle_name(file: Path) -> str:
    """A file's name without what cannot stand in a bundle's."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", file.stem).strip("-._") or "model"


def _parts(files: Sequence[Path], taxonomy: Taxonomy, dev: Path | None, seed: int) -> Parts:
    examples = read_labelled(list(files), taxonomy)
    if dev is None:
        return split_into_parts(examples, seed)
    picking = read_labelled([dev], taxonomy)
    others = without_posts(examples, {fingerprint(text) for text in posts_of(picking)})
    if len(others) < len(examples):
        note(f"left {len(examples) - len(others)} posts out of {', '.join(map(str, files))} that stand in {dev} too")
    return Parts(**split_by_group(others, {"train": 0.8, "calibration": 0.1, "test": 0.1}, seed), dev=picking)
