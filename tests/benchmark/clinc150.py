"""CLINC150 (Larson et al. 2019, arXiv:1909.02027): 150 intents, and requests that are none of them.

The train part teaches. The validation part picks the best epoch, fits the temperature and the threshold for what is out
of scope; the test part is left for the figures. Requests out of scope never teach; those of the validation part served
to choose the recipe and the novelty score, and nothing else is taken from them.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from data.errors import DataError
from data.posts import Example, Post
from data.splitting.parts import Parts
from data.taxonomy import Head, Taxonomy
from evaluation.calibration import expected_calibration_error
from evaluation.scored import ScoredPosts, answers_of
from model.decision import is_novel
from model.novelty import energy, threshold_refusing
from model.policy import Novelty, Policy
from model.scores import Scores
from tests.benchmark.measuring import Measured, Wanted, about, one_head, scored, trained
from tests.load.scenarios import Bar
from training.pipeline import Job
from training.recipe import Recipe

NAME = "clinc150"
FILE = Path(NAME) / "data_full.json"
HEAD = "intent"

RECIPE = Recipe(epochs=10, label_smoothing=0.0, encoder_dropout=0.1)
"""Chosen on the validation part; what else was tried stands in EXPERIMENTS.md."""

REFUSED = 0.03
"""Share of the validation part's in-scope posts that may be taken for out of scope."""

AIMS = {
    "accuracy": Bar(0.973, least=True),
    "out_of_scope_recall": Bar(0.60, least=True),
    "auroc": Bar(0.97, least=True),
    "ece": Bar(0.02),
}
FIGURES = ("accuracy", "out_of_scope_recall", "refused", "auroc", "ece")

_IN_SCOPE = ("train", "val", "test")
_STRANGE = "oos_test"


@dataclass(frozen=True, slots=True)
class Benchmark:
    """The parts that are used.

    Attributes:
        strange: texts of the test part that are out of scope.
    """

    path: Path
    taxonomy: Taxonomy
    train: list[Example]
    validation: list[Example]
    test: list[Example]
    strange: list[str]

    def job(self, recipe: Recipe) -> Job:
        """How a bundle is trained on it."""
        # The gate between precisions takes the place of a test part here: it only compares two graphs.
        parts = Parts(self.train, dev=self.validation, calibration=self.validation, test=self.validation)
        return Job(NAME, self.taxonomy, parts, recipe, [self.path])


def read(path: Path) -> Benchmark:
    """Read data_full.json.

    Raises:
        DataError: it is not that file.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        train, validation, test = (
            [Example(Post(text), {HEAD: label}) for text, label in rows[part]] for part in _IN_SCOPE
        )
        strange = [text for text, _ in rows[_STRANGE]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: expected CLINC150's data_full.json, lists of texts with labels named "
            f"{', '.join((*_IN_SCOPE, _STRANGE))}: {type(error).__name__}"
        ) from error
    return Benchmark(path, one_head(NAME, HEAD, train), train, validation, test, strange)


def run(wanted: Wanted) -> Measured:
    """Train and score, seed by seed.

    Raises:
        DataError, EncoderError, ExportError, Interrupted: see there.
    """
    data = read(wanted.path)
    runs = []
    for recipe in wanted.recipes(RECIPE):
        bundle = trained(data.job(recipe), wanted.work)
        validation, test, strange = scored(
            bundle, data.validation, data.test, [Example(Post(text), {}) for text in data.strange]
        )
        runs.append({**about(bundle, recipe.seed), **figures(bundle.policy, validation, test, strange.scores)})
    return Measured(NAME, asdict(wanted.recipe(RECIPE)), runs, FIGURES, AIMS)


def figures(policy: Policy, validation: ScoredPosts, test: ScoredPosts, strange: Scores) -> dict[str, float]:
    """What a model scores, with the threshold for what is out of scope set on the validation part.

    Args:
        policy: with a calibrated head.
        strange: scores of posts out of scope.

    Returns:
        `accuracy` and `ece` of the in-scope test posts; `refused`: the share of them taken for out of scope;
        `out_of_scope_recall`: the same of strange posts; `auroc`: the chance that a strange post is the more novel one
        of a pair.
    """
    threshold = threshold_refusing(energy(validation.scores.logits[HEAD]), REFUSED)
    policy = policy.model_copy(update={"novelty": Novelty(head=HEAD, threshold=threshold)})
    labels = policy.heads[HEAD].labels
    answers = answers_of(test, Head(HEAD, labels, ("",) * len(labels)), policy.heads[HEAD])
    novelties = [energy(scores.logits[HEAD]) for scores in (test.scores, strange)]
    return {
        "accuracy": float((~answers.wrong).mean()),
        "out_of_scope_recall": float(is_novel(strange, policy).mean()),
        "refused": float(is_novel(test.scores, policy).mean()),
        "auroc": float(roc_auc_score(np.repeat([0, 1], [len(test), len(strange)]), np.concatenate(novelties))),
        "ece": expected_calibration_error(answers.probabilities, answers.gold),
    }
