"""BANKING77 (Casanueva et al. 2020, arXiv:2003.04807): 77 intents of questions to a bank.

With all of the train part, a cut of it, with as many of each label as the whole has, picks the best epoch, fits the
temperature and compares the graphs; the rest teaches. With few shots (the splits of Zhang et al. 2021,
arXiv:2109.06349), the file of 5 or 10 examples a label teaches and no other post has a say in the weights; the file
`valid` fits the temperature and compares the graphs. Recipes are chosen on the cut or on `valid`; the test part is left
for the figures.
"""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

from data.errors import DataError
from data.posts import Example, Post
from data.splitting.parts import Parts
from evaluation.scored import ScoredPosts
from model.bundle import Bundle
from tests.benchmark.measuring import DEV, Measured, Wanted, about, head_figures, one_head, scored, trained
from tests.load.scenarios import Bar
from training.pipeline import Job
from training.recipe import PRESETS, Recipe

NAME = "banking77"
FILE = Path(NAME) / "train.csv"
HEAD = "category"
SHOTS = (5, 10)

CUT = 0.05
"""Share of the train part that does not teach."""

RECIPES = {
    None: Recipe(epochs=10, encoder_dropout=0.1, probe=True, definitions=True, head_lr=5e-4, keep_last=True),
    10: PRESETS["few"],
    5: PRESETS["few"],
}
"""By shots; chosen on the cut or on `valid`."""

AIMS = {
    None: {"accuracy": Bar(0.940, least=True)},
    10: {"accuracy": Bar(0.872, least=True)},
    5: {"accuracy": Bar(0.809, least=True)},
}
FIGURES = ("accuracy", "accuracy_unseen", "macro_f1", "ece")

_MARKS = re.compile(r"\W+")


def read(path: Path) -> list[Example]:
    """Read train.csv or test.csv.

    Raises:
        DataError: it is no such file.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [Example(Post(row["text"]), {HEAD: row[HEAD]}) for row in csv.DictReader(file)]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path}: expected a file of BANKING77, with the columns text and {HEAD}") from error


def read_few(folder: Path) -> list[Example]:
    """Read a folder of the few-shot splits: `seq.in` holds the texts and `label` the labels, line by line.

    Raises:
        DataError: it is no such folder.
    """
    try:
        texts, labels = ((folder / name).read_text(encoding="utf-8").splitlines() for name in ("seq.in", "label"))
        return [Example(Post(text), {HEAD: label}) for text, label in zip(texts, labels, strict=True)]
    except (OSError, ValueError) as error:
        raise DataError(f"{folder}: expected seq.in and label, with as many lines each") from error


def cut(examples: Sequence[Example], share: float, seed: int) -> tuple[list[Example], list[Example]]:
    """What teaches, and a share that does not, with as many of each label as in the whole.

    Raises:
        DataError: the share has fewer posts than there are labels, or a label stands on one post alone.
    """
    labels = [example.labels[HEAD] for example in examples]
    held_out = round(share * len(examples))
    if held_out < len(set(labels)):
        raise DataError(
            f"{held_out} posts are to be cut off; expected at least one of each of {len(set(labels))} labels"
        )
    alone = sorted(str(label) for label, count in Counter(labels).items() if count == 1)
    if alone:
        raise DataError(f"expected two posts or more of each label, one to teach; there is one of {', '.join(alone)}")
    teaching, judging = train_test_split(list(examples), test_size=held_out, stratify=labels, random_state=seed)
    return teaching, judging


def job(path: Path, recipe: Recipe, shots: int | None = None) -> Job:
    """How a bundle is trained on it.

    Args:
        path: of train.csv; the few-shot splits lie beside it.
        shots: examples a label that teach; `None`: the train part but for the cut.

    Raises:
        DataError: a file is missing or another one.
    """
    if shots is None:
        examples = read(path)
        teaching, judging = cut(examples, CUT, recipe.seed)
        picking = judging
    else:
        few = path.parent / "fewshot"
        teaching, judging = read_few(few / f"train_{shots}"), read_few(few / "valid")
        examples = picking = teaching
    # The gate between precisions takes the place of a test part here: it only compares two graphs.
    parts = Parts(teaching, dev=picking, calibration=judging, test=judging)
    return Job(_name(shots), one_head(NAME, HEAD, examples), parts, recipe, [path])


def run(wanted: Wanted) -> Measured:
    """Train and score, seed by seed.

    Raises:
        DataError, EncoderError, ExportError, Interrupted: see there.
    """
    runs, whole = [], read(wanted.path)
    test = read(wanted.path.with_name("test.csv"))
    for recipe in wanted.recipes(RECIPES[wanted.shots]):
        wish = job(wanted.path, recipe, wanted.shots)
        bundle = trained(wish, wanted.work)
        [posts] = scored(bundle, wish.parts.calibration if wanted.on == DEV else test)
        runs.append({**about(bundle, recipe.seed), **figures(posts, bundle, whole)})
    shown = asdict(wanted.recipe(RECIPES[wanted.shots]))
    aims = AIMS[wanted.shots] if wanted.on != DEV else {}
    return Measured(_name(wanted.shots), shown, runs, FIGURES, aims)


def figures(posts: ScoredPosts, bundle: Bundle, known: Sequence[Example]) -> dict[str, Any]:
    """What a bundle scores.

    Args:
        known: the whole train part as published; `accuracy_unseen` leaves out what stands in it to the word.

    Returns:
        `accuracy`, `macro_f1` with intervals, `ece`, `accuracy_unseen` with its interval, and how many posts were
        `left_out` for it.
    """
    words = {_words(example.post.text) for example in known}
    unseen = np.array([_words(example.post.text) not in words for example in posts.examples])
    found = head_figures(posts, bundle, {HEAD: ("accuracy", "macro_f1", "ece")})
    rest = posts.take(np.flatnonzero(unseen)) if unseen.any() else posts
    again = head_figures(rest, bundle, {HEAD: ("accuracy",)})
    return {
        **found,
        "accuracy_unseen": again["accuracy"],
        "accuracy_unseen_ci95": again["accuracy_ci95"],
        "left_out": int((~unseen).sum()),
    }


def _name(shots: int | None) -> str:
    return NAME if shots is None else f"{NAME}-{shots}-shot"


def _words(text: str) -> str:
    """A text without case and marks, as the published count of 25 posts that stand in both parts has it."""
    return _MARKS.sub(" ", text.lower()).strip()
