"""`triage data taxonomy`: the heads found in data, as a file to be adapted."""

from pathlib import Path
from typing import Annotated

import typer
import yaml

from data.found_taxonomy import find_taxonomy

_HEADER = """\
# Heads and labels as they were found in the data. Take out the heads that are none. A head whose labels have an order
# is `kind: ordinal`, its labels from the least to the greatest; in one that is `optional`, no label may apply. A label
# can have a definition: `- refund: wants money back`.
"""


def taxonomy(
    files: Annotated[list[Path], typer.Argument(help="labelled posts (JSONL, JSON, CSV, TSV, Parquet)")],
) -> None:
    """Print the heads and labels found in posts: `> taxonomy.yaml`, adapt it, then use it with `--taxonomy`."""
    plain = find_taxonomy(files, name=files[0].stem).to_dict()
    for head in plain["heads"]:
        head["labels"] = [label for entry in head["labels"] for label in entry]
    typer.echo(_HEADER + yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=120), nl=False)
