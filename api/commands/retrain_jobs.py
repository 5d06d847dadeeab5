"""What a retraining trains and is judged on, as its flags name it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from api.commands.jobs import History, parts_of, some_of, unlearned
from api.commands.recipes import has_few
from api.commands.shared import note, read_labelled
from data.errors import ConfigurationError, DataError
from data.posts import PARTS, Example
from data.splitting.parts import Parts
from data.starter_corpus import read_starter, split_starter, starter_files
from data.taxonomy import Taxonomy
from evaluation.comparison.shared_heads import shared_heads
from evaluation.held_out import MOST_SEEN, set_aside
from model.bundle import Bundle
from training.pipeline import Job
from training.recipe import Recipe
from training.retraining.changes import Changes
from training.retraining.mixing import EVERYTHING, HISTORY, MEASURE, Added, Mix, fitted, mixes
from training.retraining.succession import Questions, for_reading, questions

STARTER = "starter"
OLD = "old"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked for.

    Attributes:
        name: of the challenger.
        champion: `None`: there is nothing to compare with.
        mix: as `mixes` takes it.
        few: the recipe in place of it where a mix has few posts a label; `None`: the same for all.
        taxonomy: the file, if one is given.
        warm: go on from the champion's weights.
    """

    name: str
    history: History
    old: Sequence[Path]
    champion: Bundle | None
    changes: Changes
    recipe: Recipe
    few: Recipe | None
    mix: str
    taxonomy: Path | None
    warm: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done.

    Attributes:
        jobs: a mix each; they differ in the posts that teach.
        parts: of the history alone.
        judges: posts of the test part that did not teach the champion.
        added: what may teach beside the history, by name.
        changed: how often posts of the history and of the old one were brought to the names of now.
        left_out: what cannot be compared, and why.
    """

    jobs: Sequence[tuple[Mix, Job]]
    asked: Questions
    parts: Parts
    judges: Sequence[Example]
    added: dict[str, Added]
    changed: Counter[str]
    left_out: Sequence[str]


def plan_of(wishes: Wishes) -> Plan:
    """Read everything and refuse before anything is trained.

    Raises:
        ConfigurationError: a label is not accounted for, or the wishes contradict each other.
        DataError, TaxonomyError: the files cannot be used, or nothing is left to judge by.
    """
    champion, changes = wishes.champion, wishes.changes
    if wishes.warm and champion is None:
        raise ConfigurationError("--warm goes on from a champion's weights; there is none")
    given = Taxonomy.read(wishes.taxonomy) if wishes.taxonomy else None
    known = champion.taxonomy if champion else None
    asked = questions(known, wishes.history.files, wishes.old, changes, given, wishes.history.name)
    if asked.columns:
        note(f"columns that look like labels and are no head: {', '.join(asked.columns)}; --taxonomy FILE adds heads")
    left_out = shared_heads(changes.taxonomy(champion.taxonomy), asked.taxonomy).left_out if champion else ()
    reading = for_reading(asked.taxonomy, changes, [*wishes.history.files, *wishes.old])
    parts, changed = _parts(wishes, reading)
    judges = _judges(parts.test, champion)
    added = {}
    if wishes.old:
        older, more = changes.labels_of(read_labelled(list(wishes.old), reading))
        changed += more
        added[OLD] = fitted(older, parts, asked.taxonomy)
    if wishes.mix in {MEASURE, EVERYTHING} or STARTER in wishes.mix:
        added = {STARTER: _starter(parts, asked.taxonomy, changes), **added}
    for name, extra in added.items():
        if extra.left_out and not extra.examples:
            note(f"{name}: none of its {extra.left_out} posts teaches; the history has them, or is too close to them")
    chosen = mixes(parts, added, wishes.mix)
    return Plan(
        jobs=[_job(_limited(mix, wishes), wishes, asked.taxonomy) for mix in chosen],
        asked=asked,
        parts=parts,
        judges=judges,
        added={name: extra for name, extra in added.items() if extra.examples},
        changed=changed,
        left_out=left_out,
    )


def _parts(wishes: Wishes, reading: Taxonomy) -> tuple[Parts, Counter[str]]:
    """The parts of the history by the names of now, and what was renamed or dropped in them."""
    found = parts_of(wishes.history, reading, wishes.recipe.seed)
    changed: Counter[str] = Counter()
    parts = {}
    for name in PARTS:
        parts[name], more = wishes.changes.labels_of(getattr(found, name))
        changed += more
    return Parts(**parts), changed


def _judges(test: Sequence[Example], champion: Bundle | None) -> Sequence[Example]:
    """The posts of the test part that did not teach the champion.

    Raises:
        DataError: all of them did.
    """
    if champion is None:
        return test
    fresh, seen = set_aside(test, champion.training_rows())
    reference = champion.manifest.reference
    if not fresh:
        raise DataError(
            f"all {len(test)} posts of the test part stand in the training data of {reference}; nothing is left to "
            "compare by: give history that it has not seen, or --champion none"
        )
    if seen:
        note(f"set aside {seen} of {len(test)} posts of the test part that taught {reference}")
    if seen > MOST_SEEN * len(test):
        note(
            "warning: these are many; was it trained with another --seed, or on parts that were split otherwise? The "
            "others may be alike to what it has learned, which flatters it"
        )
    return fresh


def _starter(parts: Parts, taxonomy: Taxonomy, changes: Changes) -> Added:
    """Posts of the starter corpus, but for those that judge the bundled model."""
    starter = split_starter(read_starter())
    posts, _ = changes.labels_of([*starter.train, *starter.dev, *starter.calibration])
    return fitted(posts, parts, taxonomy)


def _limited(mix: Mix, wishes: Wishes) -> Mix:
    """The mix with the posts that the recipe takes, and their number by source; going on, without what taught."""
    parts = some_of(mix.parts, wishes.recipe)
    kept, posts = set(map(id, parts.train)), iter(mix.parts.train)  # the sources stand there one after the other
    taught = {
        source: sum(id(example) in kept for example in islice(posts, count)) for source, count in mix.taught.items()
    }
    if wishes.warm and wishes.champion:
        parts = unlearned(parts, wishes.champion)
    return replace(mix, parts=parts, taught=taught)


def _job(mix: Mix, wishes: Wishes, taxonomy: Taxonomy) -> tuple[Mix, Job]:
    sources = {HISTORY: wishes.history.files, STARTER: starter_files(), OLD: wishes.old}
    job = Job(
        name=wishes.name,
        taxonomy=taxonomy,
        parts=mix.parts,
        recipe=wishes.recipe,
        sources=[path for source in mix.taught for path in sources[source]],
        start=_renamed(wishes.champion, wishes.changes) if wishes.warm and wishes.champion else None,
    )
    if wishes.few and has_few(job):
        note(f"{mix.name}: few posts a label: the preset few (--preset full for the other)")
        job = replace(job, recipe=wishes.few)
    return mix, job


def _renamed(champion: Bundle, changes: Changes) -> Bundle:
    """The champion with heads and labels under their names of now, by which the rows of its heads are found."""
    heads = []
    for head in champion.taxonomy:
        name = changes.head(head.name)
        heads.append(replace(head, name=name, labels=tuple(changes.label(name, label) for label in head.labels)))
    return replace(champion, taxonomy=replace(champion.taxonomy, heads=tuple(heads)))
