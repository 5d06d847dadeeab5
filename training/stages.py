"""From the weights that a run begins with to those that it leaves: the stages of a recipe, one after the other."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from data.examples import posts_of
from data.posts import Example
from data.taxonomy import Taxonomy
from evaluation.targets import targets_of
from training.contrastive import ContrastiveObjective
from training.definitions import definitions
from training.encoding import NoisyDataset, to_dataset
from training.initial_network import InitialNetwork
from training.loop.run import DEV_SCORE, dev_scores, train
from training.loop.sampling import Batches, PairedBatches
from training.loop.trainer import Lesson
from training.objective import Objective
from training.precision import network_scores
from training.probe import fit_heads
from training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Course:
    """What is taught, and what picks the best epoch."""

    taxonomy: Taxonomy
    train: Sequence[Example]
    dev: Sequence[Example]


def teach(
    initial: InitialNetwork, course: Course, recipe: Recipe, folder: Path, *, resume: bool, logs: Path
) -> dict[str, float]:
    """Train the initial network in place: contrastive stage, heads fitted, all layers together, as the recipe has them.

    Args:
        folder: of the checkpoints, a folder a stage.
        resume: go on from the last checkpoint there.
        logs: for TensorBoard, a folder a stage.

    Returns:
        As `train`, of the stage that trains all layers together; without one, no epoch and the dev score of the heads.

    Raises:
        Interrupted: as `train`.
    """
    network, tokenizer = initial.network, initial.tokenizer
    examples = [*course.train, *(definitions(course.taxonomy) if recipe.definitions else ())]
    posts = NoisyDataset(examples, course.taxonomy, tokenizer, recipe.noise, recipe.seed)
    if recipe.contrastive_epochs:
        pairs = PairedBatches(posts.labels, recipe.batch_size, recipe.seed)
        drawn_together = replace(recipe, epochs=recipe.contrastive_epochs)
        lesson = Lesson(posts, pairs, ContrastiveObjective(), dev=None)
        stage = folder / "contrastive"
        train(network, lesson, drawn_together, stage, tokenizer.pad_id, resume, logs / stage.name)
        resume = resume and (folder / "checkpoints").exists()
    if recipe.probe:
        fit_heads(network, tokenizer, examples, course.taxonomy, recipe)
    if not recipe.epochs:
        return {"best_epoch": 0.0, "epochs": 0.0, "dev_macro_f1": _dev_score(initial, course)}
    lesson = Lesson(
        posts,
        Batches(posts.lengths, recipe.batch_size, recipe.seed),
        Objective.of(recipe, examples, course.taxonomy),
        dev=None if recipe.keep_last else to_dataset(course.dev, course.taxonomy, tokenizer),
    )
    stage = folder / "checkpoints"
    made = train(network, lesson, recipe, stage, tokenizer.pad_id, resume, logs / stage.name)
    return {**made, "dev_macro_f1": _dev_score(initial, course)} if recipe.keep_last else made


def _dev_score(taught: InitialNetwork, course: Course) -> float:
    scores = network_scores(taught.network, taught.tokenizer.encode(posts_of(course.dev)), taught.tokenizer.pad_id)
    targets = np.stack([targets_of(course.dev, head) for head in course.taxonomy], axis=1)
    return dev_scores(scores.logits, targets)[DEV_SCORE]
