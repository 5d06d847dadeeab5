"""X-FINCORP (Das et al. 2023, tweets on banking): history as companies have it, with four labels a post.

It comes in through the project's own import, personal data masked, and is dealt out as `triage data split` does with
seed 13: near copies together, 70 % to teach, 10 % to pick the best epoch, 10 % to fit temperature and thresholds, 10 %
for the figures. Headlines and answers of banks among the complaints, labels that contradict each other: all stay.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from data.errors import DataError
from data.examples import LabelledFile, read_examples
from data.importing.engine import ImportJob, import_posts
from data.importing.mapping import ColumnMapping
from data.importing.sources.source import Source
from data.posts import PARTS
from data.splitting.dealing import deal
from data.splitting.part_files import write_parts
from data.splitting.parts import Parts
from data.taxonomy import Taxonomy
from evaluation.metrics import known_answers
from evaluation.scored import ScoredPosts
from evaluation.tuning.promises import parse_targets
from evaluation.tuning.search import Request, make_policy
from model.policy import Policy
from tests.benchmark.measuring import DEV, Measured, Wanted, about, head_figures, scored, trained
from training.pipeline import Job
from training.recipe import Recipe

NAME = "x_fincorp"
FILE = Path(NAME) / "x_fincorp.csv"

TAXONOMY = Taxonomy.from_dict(
    {
        "name": NAME,
        "heads": [
            {"name": "complaint", "labels": ["no", "yes"]},
            {
                "name": "severity",
                "kind": "ordinal",
                "optional": True,
                "labels": ["No explicit reproach", "Disapproval", "Accusation", "Blame"],
            },
            {"name": "sentiment", "kind": "ordinal", "labels": ["negative", "neutral", "positive"]},
            {
                "name": "emotion",
                "labels": ["anger", "disgust", "fear", "happiness", "other", "sadness", "surprise"],
            },
        ],
    }
)
"""Severity, of complaints only, from the least to the greatest (Jin & Aletras 2021, arXiv:2103.12428)."""

MAPPING = ColumnMapping().updated(
    labels={head.name: head.name for head in TAXONOMY},
    rename={"complaint": {"0": "no", "1": "yes"}, "severity": {"Non-Complaint": "null"}},
    keep=(),
)

SHARES = {"train": 0.7, "dev": 0.1, "calibration": 0.1, "test": 0.1}
SPLIT_SEED = 13

RECIPE = Recipe(epochs=4)
"""Chosen on the dev part."""

PROMISES = ("complaint:error<=0.05", "sentiment:error<=0.1")
"""What the thresholds are tuned to keep, with a chance of 95 %."""

_OF_HEAD = {
    head.name: ("accuracy", "macro_f1", *(("qwk",) if head.kind == "ordinal" else ()), "ece") for head in TAXONOMY
}
FIGURES = (
    *(f"{head}_{name}" for head, names in _OF_HEAD.items() for name in names),
    *(f"{promise.partition(':')[0]}_{name}" for promise in PROMISES for name in ("accepted", "accepted_error")),
)


def prepare(path: Path, folder: Path) -> Parts:
    """Import the published CSV file and split it; both are written to `folder`, as the command line would.

    Raises:
        DataError: it is not that file, or was changed meanwhile.
    """
    folder.mkdir(parents=True, exist_ok=True)
    history = folder / "history.jsonl"
    import_posts(ImportJob((Source(str(path)),), MAPPING, history))
    source = LabelledFile(history, TAXONOMY)
    dealt = deal({history.name: source}, TAXONOMY, "group", SHARES, SPLIT_SEED)
    if source.bad_rows:
        raise DataError(f"{path}: expected X-FINCORP's labels; {source.bad_rows} rows have others")
    write_parts(dealt, folder / "parts", {"by": "group", "seed": SPLIT_SEED})
    return Parts(**{name: read_examples([folder / "parts" / f"{name}.jsonl"], TAXONOMY).examples for name in PARTS})


def run(wanted: Wanted) -> Measured:
    """Train and score, seed by seed.

    Raises:
        DataError, EncoderError, ExportError, Interrupted: see there.
    """
    parts = prepare(wanted.path, wanted.work / "data")
    # The gate between precisions takes the place of a test part here: it only compares two graphs.
    taught = Parts(parts.train, dev=parts.dev, calibration=parts.calibration, test=parts.calibration)
    judging = parts.dev if wanted.on == DEV else parts.test
    runs = []
    for recipe in wanted.recipes(RECIPE):
        bundle = trained(Job(NAME, TAXONOMY, taught, recipe, [wanted.path]), wanted.work)
        tuning, posts = scored(bundle, parts.calibration, judging)
        found = {**head_figures(posts, bundle, _OF_HEAD), **accepted(posts, tuning, bundle.policy)}
        runs.append({**about(bundle, recipe.seed), **found})
    return Measured(NAME, asdict(wanted.recipe(RECIPE)), runs, FIGURES, {})


def accepted(posts: ScoredPosts, tuning: ScoredPosts, policy: Policy) -> dict[str, Any]:
    """What no person sees of each promised head, and how much of it is wrong.

    Args:
        tuning: the posts that thresholds are found on.

    Returns:
        By head `HEAD_accepted`, a share of the posts with a label of it, and `HEAD_accepted_error`; both are 0 where
        the promise cannot be made, so that a person sees all.
    """
    wishes = parse_targets(PROMISES, TAXONOMY)
    tuned = make_policy(tuning, policy, TAXONOMY, Request(wishes))
    promised = {promise.head for promise in wishes.promises}
    refused = {outcome.promise.head for outcome in tuned.outcomes if outcome.refusal}
    found = {}
    for answers in known_answers(posts, tuned.policy, TAXONOMY):
        name = answers.head.name
        if name in promised:
            taken = answers.accepted & (name not in refused)
            found[f"{name}_accepted"] = float(taken.mean())
            found[f"{name}_accepted_error"] = float(answers.wrong[taken].mean()) if taken.any() else 0.0
    return found
