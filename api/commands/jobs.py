"""What is trained: files or the starter corpus, taxonomy and parts, as the flags name them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from api.commands.shared import heads_of, note, read_labelled
from data.errors import ConfigurationError, DataError
from data.examples import posts_of
from data.normalise import fingerprint
from data.posts import PARTS
from data.splitting.part_folders import PartFolder, check_apart
from data.splitting.parts import Parts, split_by_group, split_into_parts, subset, without_posts
from data.starter_corpus import read_starter, split_starter, starter_files, stream_shares
from data.tables.reading import STDIN
from data.taxonomy import DEFAULT_TAXONOMY, Taxonomy
from model.bundle import Bundle
from training.pipeline import Job
from training.recipe import Recipe
from training.retraining.mixing import fitted


@dataclass(frozen=True, slots=True)
class History:
    """Labelled posts, as they were named on the command line: files, or the folder of a split."""

    files: Sequence[Path]
    folder: PartFolder | None = None

    @property
    def name(self) -> str:
        """Of the folder or the first file."""
        return self.folder.path.resolve().name if self.folder else self.files[0].stem


def history_of(paths: Sequence[Path]) -> History:
    """Files of labelled posts, or the one folder that a split was written to; a part that was changed since is said.

    Raises:
        ConfigurationError: standard input, or a folder and something else.
        DataError: the folder holds no whole split.
    """
    if STDIN in paths:
        raise ConfigurationError("standard input cannot be read twice; write the posts to a file and name that")
    if not any(path.is_dir() for path in paths):
        return History(paths)
    if len(paths) > 1:
        raise ConfigurationError(
            f"expected files, or one folder that triage data split wrote; found {', '.join(map(str, paths))}"
        )
    folder = PartFolder.open(paths[0])
    for name in folder.changed:
        note(f"warning: {folder.files[name]} was changed since the split")
    return History(list(folder.files.values()), folder)


def parts_of(history: History, taxonomy: Taxonomy, seed: int, dev: Path | None = None) -> Parts:
    """The parts of a folder as they are, files dealt out by group; bad rows are reported and left out.

    Args:
        dev: posts that pick the best epoch; by default some are split off.

    Raises:
        ConfigurationError: `dev` beside a folder, which has a dev part.
        DataError: a file cannot be read, a part is empty, or two parts of a folder share a post.
    """
    if history.folder:
        if dev:
            raise ConfigurationError(f"--dev goes with files; {history.folder.path} has a dev part of its own")
        parts = Parts(**{name: read_labelled([path], taxonomy) for name, path in history.folder.files.items()})
        check_apart(parts)
        return parts
    examples = read_labelled(list(history.files), taxonomy)
    if dev is None:
        return split_into_parts(examples, seed)
    picking = read_labelled([dev], taxonomy)
    others = without_posts(examples, {fingerprint(text) for text in posts_of(picking)})
    if len(others) < len(examples):
        names = ", ".join(map(str, history.files))
        note(f"left {len(examples) - len(others)} posts out of {names} that stand in {dev} too")
    return Parts(**split_by_group(others, {"train": 0.8, "calibration": 0.1, "test": 0.1}, seed), dev=picking)


def job_of(
    files: Sequence[Path],
    recipe: Recipe,
    *,
    taxonomy: Path | None,
    dev: Path | None,
    name: str | None,
    added: Sequence[Path] = (),
    start: Bundle | None = None,
) -> Job:
    """The job of labelled files, of a folder of parts, or of the starter corpus where none is given; says what it is.

    Args:
        added: files of posts that teach beside the others, and judge nothing.
        start: the bundle whose weights are trained further.

    Raises:
        ConfigurationError: `taxonomy` or `dev` without files.
        DataError, TaxonomyError: the files cannot be used.
    """
    history = history_of(files) if files else None
    if history:
        heads = heads_of(history.files, taxonomy, history.name)
        parts = parts_of(history, heads, recipe.seed, dev)
    elif taxonomy or dev:
        raise ConfigurationError("--taxonomy and --dev go with files of labelled posts; none was given")
    else:
        heads, parts = Taxonomy.read(DEFAULT_TAXONOMY), split_starter(read_starter())
    parts = some_of(parts, recipe)
    if added:
        parts = with_added(parts, added, heads)
    if start:
        parts = unlearned(parts, start)
    sizes = ", ".join(f"{part} {len(getattr(parts, part))}" for part in PARTS)
    begun = f"from {start.manifest.reference}" if start else f"encoder {recipe.encoder}"
    note(f"posts: {sizes}; {begun}")
    return Job(
        name=name or (bundle_name(history) if history else "starter"),
        taxonomy=heads,
        parts=parts,
        recipe=recipe,
        shares=None if history else stream_shares(),
        sources=[*(history.files if history else starter_files()), *([dev] if dev else []), *added],
        start=start,
    )


def some_of(parts: Parts, recipe: Recipe) -> Parts:
    """Of a large train part what the recipe takes; says so."""
    if not recipe.most_posts or len(parts.train) <= recipe.most_posts:
        return parts
    note(
        f"of {len(parts.train)} posts that could teach, this preset takes {recipe.most_posts}; full takes all "
        "(--set most_posts=none)"
    )
    return replace(parts, train=subset(parts.train, recipe.most_posts))


def with_added(parts: Parts, files: Sequence[Path], taxonomy: Taxonomy) -> Parts:
    """The parts with further posts that teach, each in place of the same post of the train part; says how many.

    Posts that judge stay as they are, and neither they nor near copies of them teach.
    """
    examples = read_labelled(list(files), taxonomy)
    told = {fingerprint(text) for text in posts_of(examples)}
    train = without_posts(parts.train, told)
    found = fitted(examples, replace(parts, train=train), taxonomy)
    placed = len(parts.train) - len(train)
    note(f"added {len(found.examples)} of {len(examples)} posts to what teaches, in place of {placed} that were there")
    if len(found.examples) < len(examples):
        note("the others are posts that judge, near copies of such, or without a label of this taxonomy")
    for label, posts in found.lost.items():
        note(f"warning: {posts} added posts are labelled {label}, which this taxonomy does not have")
    return replace(parts, train=[*train, *found.examples])


def unlearned(parts: Parts, start: Bundle) -> Parts:
    """The parts without the posts of calibration and test that taught a bundle whose weights go on; says how many.

    Raises:
        DataError: all posts of one of the two did.
    """
    known = start.training_rows()
    judging = {name: without_posts(getattr(parts, name), known) for name in ("calibration", "test")}
    reference = start.manifest.reference
    for name, left in judging.items():
        total = len(getattr(parts, name))
        if not left:
            raise DataError(
                f"all {total} posts of the {name} part stand in the training data of {reference}, whose weights go on; "
                "none is left to judge by: give the parts that it was trained with (triage data split), the --seed "
                "that it was trained with, or posts that it has not seen"
            )
        if len(left) < total:
            note(f"set aside {total - len(left)} of {total} posts of the {name} part that taught {reference}")
    return replace(parts, **judging)


def bundle_name(history: History) -> str:
    """The history's name without what cannot stand in a bundle's."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", history.name).strip("-._") or "model"
