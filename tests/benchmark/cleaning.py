"""BANKING77 with a fifth of its train labels flipped, and what the check for label errors wins back of the accuracy.

Four bundles a seed: of the labels as published; of the flipped ones; of these without the suspects of
`triage data check`; and with every suspect given the label that is suggested, as `triage data correct` does for a
reviewer who agrees with all of them. A reviewer who reads does better. What is cut off to pick the best epoch is
flipped and cleaned as the rest is, since nobody has clean labels there; the test part stays as published.
"""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from api.commands.progress import steps_bar
from data.splitting.parts import Parts
from tests.benchmark.banking77 import CUT, HEAD, cut, read
from tests.benchmark.label_errors import flipped, suggestions
from tests.benchmark.measuring import Measured, Wanted, about, head_figures, one_head, scored, trained
from tests.load.scenarios import Bar
from training.audit.suspects import embed
from training.pipeline import Job
from training.recipe import Recipe

NAME = "cleaning"
FILE = Path("banking77") / "train.csv"

SHARE = 0.20
"""Of the labels that are flipped."""

RECIPE = Recipe(epochs=4)

ARMS = ("clean", "flipped", "removed", "corrected")
AIMS = {"won_back_removed": Bar(0.5, least=True), "won_back_corrected": Bar(0.5, least=True)}
FIGURES = (*ARMS, *AIMS)


def run(wanted: Wanted) -> Measured:
    """Flip, clean, train and score, seed by seed; the seed is that of the flips and of the trainings.

    Raises:
        DataError, EncoderError, ExportError, Interrupted: see there.
    """
    examples, test = read(wanted.path), read(wanted.path.with_name("test.csv"))
    taxonomy = one_head(NAME, HEAD, examples)
    with steps_bar() as report:
        embeddings = embed(examples, taxonomy, wanted.recipe(RECIPE).encoder, report)  # which know of no label
    runs = []
    for recipe in wanted.recipes(RECIPE):
        altered, rows = flipped(examples, taxonomy.heads[0].labels, SHARE, recipe.seed)
        suspects = suggestions(altered, taxonomy, embeddings)
        arms = {
            "clean": examples,
            "flipped": altered,
            "removed": [example for row, example in enumerate(altered) if row not in suspects],
            "corrected": [
                replace(example, labels={HEAD: suspects.get(row, example.labels[HEAD])})
                for row, example in enumerate(altered)
            ],
        }
        found: dict[str, Any] = {"seed": recipe.seed, "flips": len(rows), "suspects": len(suspects)}
        for arm, labelled in arms.items():
            teaching, judging = cut(labelled, CUT, recipe.seed)
            # The gate between precisions takes the place of a test part here: it only compares two graphs.
            parts = Parts(teaching, dev=judging, calibration=judging, test=judging)
            bundle = trained(Job(f"{NAME}-{arm}", taxonomy, parts, recipe, [wanted.path]), wanted.work)
            [posts] = scored(bundle, test)
            figures = head_figures(posts, bundle, {HEAD: ("accuracy",)})
            found |= {arm: figures["accuracy"], f"{arm}_ci95": figures["accuracy_ci95"]}
            found[f"{arm}_bundle"] = about(bundle, recipe.seed)
        runs.append(found | won_back(found))
    return Measured(NAME, asdict(wanted.recipe(RECIPE)), runs, FIGURES, AIMS)


def won_back(accuracies: dict[str, float]) -> dict[str, float]:
    """Shares of what the flips cost; 1 where they cost nothing, since nothing is left to win back then."""
    lost = accuracies["clean"] - accuracies["flipped"]
    return {
        f"won_back_{arm}": (accuracies[arm] - accuracies["flipped"]) / lost if lost > 0 else 1.0
        for arm in ("removed", "corrected")
    }
