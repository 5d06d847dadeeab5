"""Does more data help: the same recipe on growing parts of the train part, scored on the same test part."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.examples import posts_of
from data.splitting.parts import subset
from evaluation.scored import ScoredPosts, answers_of
from model.bundle import Bundle
from model.registry import Registry
from model.scores import UNLABELLED
from training.pipeline import RUNS, Job, is_begun, train_bundle

SHARES = (1 / 8, 1 / 4, 1 / 2)
"""Of the train part, which all of it then follows; each training is about as long as all before it together."""

_LEAST_A_LABEL = 2
"""Posts a label, in the mean of the head with most labels: below, a curve is chance and has no form yet."""


@dataclass(frozen=True, slots=True)
class Point:
    """One training.

    Attributes:
        posts: that taught it.
        heads: figures of the test part by head, as `evaluate` gives them.
        said: by head the most probable label of each post of the test part, `(n_test,)`, `UNLABELLED` where the right
            one is not known.
    """

    posts: int
    heads: Mapping[str, Mapping[str, Any]]
    said: Mapping[str, NDArray[np.int64]]


def smaller_parts(job: Job) -> list[Job]:
    """The same job on shares of its train part, each part within the next; fewer where there are too few posts."""
    least = _LEAST_A_LABEL * max(len(head.labels) for head in job.taxonomy)
    parts = {}
    for share in SHARES:
        posts = subset(job.parts.train, round(share * len(job.parts.train)))
        if least <= len(posts) < len(job.parts.train):  # by whole groups, a share may be much or nothing
            parts[len(posts)] = posts
    return [replace(job, parts=replace(job.parts, train=posts), name=f"curve-{size}") for size, posts in parts.items()]


def point_of(job: Job, folder: Path) -> Point:
    """What a job's bundle scores on the job's test part."""
    bundle = Bundle.load(folder)
    engine = bundle.engine()
    try:
        posts = ScoredPosts(job.parts.test, engine.score(posts_of(job.parts.test)))
    finally:
        engine.close()
    said = {}
    for head in job.taxonomy:
        answers = answers_of(posts, head, bundle.policy.heads[head.name])
        said[head.name] = np.full(len(posts), UNLABELLED, np.int64)
        said[head.name][answers.rows] = answers.most_probable
    return Point(len(job.parts.train), bundle.metrics()["heads"], said)


def train_on_part(part: Job, work: Registry) -> Point:
    """Train one of the `smaller_parts`, or take it from where it was left, or as it is if it is done.

    Args:
        work: a folder of `curve_folder`.

    Raises:
        EncoderError, ExportError, Interrupted: as `train_bundle`.
    """
    done = f"{part.name}@1" in work.references()
    return point_of(
        part, work.resolve(f"{part.name}@1") if done else train_bundle(part, work, resume=is_begun(part, work))
    )


def curve_folder(job: Job, models: Path) -> Path:
    """The work folder of just this job: other data of any part, or another recipe, have another one."""
    return models / RUNS / f"curve-{job.identity(whole=True)}"
