"""Labels of BANKING77's train part (Casanueva et al. 2020, arXiv:2003.04807) flipped at random, and looked for.

Its 10,003 rows are read as they are: `text` and `category`, 77 labels, no groups. Real label errors stand among them
too, and count as found wrongly: the precision given is lower than the true one.
"""

import csv
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.commands.data.steps import steps_bar
from data.errors import DataError
from data.posts import Example, Post
from data.taxonomy import Taxonomy
from tests.load.scenarios import Bar
from training.audit import audit

NAME = "label_errors"
FILE = Path("banking77") / "train.csv"
HEAD = "category"

SHARES = (0.05, 0.20)

AIMS = {
    "found_of_5_percent": Bar(0.70, least=True),
    "precision_at_5_percent": Bar(0.50, least=True),
    "found_of_20_percent": Bar(0.70, least=True),
    "precision_at_20_percent": Bar(0.50, least=True),
}
FIGURES = (*AIMS, "mended_at_5_percent", "mended_at_20_percent", "suspects_unflipped")


def read(path: Path) -> list[Example]:
    """Read train.csv.

    Raises:
        DataError: it is not that file.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [Example(Post(row["text"]), {HEAD: row[HEAD]}) for row in csv.DictReader(file)]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path}: expected BANKING77's train.csv, with the columns text and {HEAD}") from error


def measure(examples: Sequence[Example], encoder: str, seed: int) -> dict[str, Any]:
    """Flip shares of the labels, audit, and count.

    Returns:
        `seed`, `seconds`, and by share: `found`, how many of the flips are among the suspects; `precision`, how many of
        the suspects are flips; `mended`, how many of the flips found are suggested the label that was there.
        `suspects_unflipped`: the share of posts that are suspect where nothing was flipped.
    """
    began = time.monotonic()
    labels = sorted({str(example.labels[HEAD]) for example in examples})
    taxonomy = Taxonomy.from_dict({"name": NAME, "heads": [{"name": HEAD, "labels": labels}]})
    found = {"suspects_unflipped": len(_suspects(examples, taxonomy, encoder)) / len(examples)}
    for share in SHARES:
        altered, rows = flipped(examples, labels, share, seed)
        suspects = _suspects(altered, taxonomy, encoder)
        caught = rows.intersection(suspects)
        mended = [suspects[row] == examples[row].labels[HEAD] for row in caught]
        found |= {
            f"found_of_{share:.0%}": len(caught) / len(rows),
            f"precision_at_{share:.0%}": len(caught) / max(len(suspects), 1),
            f"mended_at_{share:.0%}": float(np.mean(mended)) if mended else 0.0,
        }
    figures = {name.replace("%", "_percent"): value for name, value in found.items()}
    return {"seed": seed, "seconds": time.monotonic() - began, **figures}


def flipped(
    examples: Sequence[Example], labels: Sequence[str], share: float, seed: int
) -> tuple[list[Example], set[int]]:
    """A share of the examples with another label, each other one equally likely; and which these are."""
    random = Random(seed)
    rows = set(random.sample(range(len(examples)), round(share * len(examples))))
    altered = list(examples)
    for row in sorted(rows):
        given = examples[row].labels[HEAD]
        altered[row] = replace(examples[row], labels={HEAD: random.choice([one for one in labels if one != given])})
    return altered, rows


def recall_at(precision: float, scores: NDArray[np.float64], wrong: NDArray[np.bool_]) -> float:
    """The greatest share of the wrong that a list of the lowest scores holds with at least this precision."""
    caught = np.cumsum(wrong[np.argsort(scores, kind="stable")])
    enough = np.flatnonzero(caught >= precision * np.arange(1, len(wrong) + 1))
    return float(caught[enough[-1]] / wrong.sum()) if len(enough) else 0.0


def _suspects(examples: Sequence[Example], taxonomy: Taxonomy, encoder: str) -> dict[int, str]:
    """The label suggested, by row."""
    with steps_bar() as report:
        found = audit(examples, taxonomy, encoder, sample=None, report=report)
    return {suspect.index: suspect.suggested for suspect in found.suspects}
