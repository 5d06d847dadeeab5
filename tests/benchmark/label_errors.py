"""Labels of BANKING77's train part (Casanueva et al. 2020, arXiv:2003.04807) flipped at random, and looked for.

Its 10,003 rows are read as they are: `text` and `category`, 77 labels, no groups. Real label errors stand among them
too, and count as found wrongly: the precision given is lower than the true one.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.commands.progress import steps_bar
from data.posts import Example
from data.taxonomy import Taxonomy
from model.encoders import DEFAULT_ENCODER
from tests.benchmark.banking77 import HEAD, read
from tests.benchmark.measuring import Measured, Wanted, one_head
from tests.load.scenarios import Bar
from training.audit.suspects import embed, judge

NAME = "label_errors"
FILE = Path("banking77") / "train.csv"

SHARES = (0.05, 0.20)

AIMS = {
    "found_of_5_percent": Bar(0.70, least=True),
    "precision_at_5_percent": Bar(0.50, least=True),
    "found_of_20_percent": Bar(0.70, least=True),
    "precision_at_20_percent": Bar(0.50, least=True),
}
FIGURES = (*AIMS, "mended_at_5_percent", "mended_at_20_percent", "suspects_unflipped")


def run(wanted: Wanted) -> Measured:
    """For each seed, flip shares of the labels, look for them, and count; no network is trained.

    Raises:
        DataError, EncoderError: see there.
    """
    encoder = wanted.encoder or DEFAULT_ENCODER
    return Measured(NAME, {"encoder": encoder}, measure(read(wanted.path), encoder, wanted.seeds), FIGURES, AIMS)


def measure(examples: Sequence[Example], encoder: str, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """The figures of each seed.

    Returns:
        By seed: `seed`, and by share `found`, how many of the flips are among the suspects; `precision`, how many of
        the suspects are flips; `mended`, how many of the flips found are suggested the label that was there.
        `suspects_unflipped`: the share of posts that are suspect where nothing was flipped.
    """
    taxonomy = one_head(NAME, HEAD, examples)
    labels = taxonomy.heads[0].labels
    with steps_bar() as report:
        embeddings = embed(examples, taxonomy, encoder, report)  # which know of no label: once is enough
    unflipped = len(suggestions(examples, taxonomy, embeddings)) / len(examples)
    runs = []
    for seed in seeds:
        run: dict[str, Any] = {"seed": seed}
        for share in SHARES:
            altered, rows = flipped(examples, labels, share, seed)
            suspects = suggestions(altered, taxonomy, embeddings)
            caught = rows.intersection(suspects)
            mended = [suspects[row] == examples[row].labels[HEAD] for row in caught]
            run[f"found_of_{share * 100:.0f}_percent"] = len(caught) / len(rows)
            run[f"precision_at_{share * 100:.0f}_percent"] = len(caught) / max(len(suspects), 1)
            run[f"mended_at_{share * 100:.0f}_percent"] = float(np.mean(mended)) if mended else 0.0
        runs.append({**run, "suspects_unflipped": unflipped})
    return runs


def flipped(
    examples: Sequence[Example], labels: Sequence[str], share: float, seed: int
) -> tuple[list[Example], set[int]]:
    """A share of the examples with another label, each other one equally likely; and which these are."""
    generator = np.random.default_rng(seed)
    count = round(share * len(examples))
    rows = generator.choice(len(examples), count, replace=False).tolist()
    altered = list(examples)
    for row, step in zip(rows, generator.integers(1, len(labels), count).tolist(), strict=True):
        given = labels.index(str(examples[row].labels[HEAD]))
        altered[row] = replace(examples[row], labels={HEAD: labels[(given + step) % len(labels)]})
    return altered, set(rows)


def suggestions(examples: Sequence[Example], taxonomy: Taxonomy, embeddings: NDArray[np.float32]) -> dict[int, str]:
    """The labels suggested for the suspects of `triage data check`, by row."""
    return {suspect.index: suspect.suggested for suspect in judge(examples, taxonomy, embeddings)[0]}
