"""`triage data split`: four parts of which none knows the others."""

from pathlib import Path
from typing import Annotated

import typer

from api.commands.shared import TaxonomyOption, heads_of, note, read_labelled
from data.errors import ConfigurationError, DataError
from data.examples import GROUP_FIELDS, to_row
from data.files import whole_file
from data.splitting import PARTS, split_at_random, split_by_group, split_by_time
from data.table_writing import table_writer


def split(
    files: Annotated[list[Path], typer.Argument(help="labelled posts (JSONL, JSON, CSV, TSV, Parquet)")],
    output: Annotated[Path, typer.Option("--output", "-o", help="folder for the four parts")],
    by: Annotated[str, typer.Option(help="group, time or random")] = "group",
    shares: Annotated[
        str, typer.Option(metavar="A,B,C,D", help="of train, dev, calibration and test")
    ] = "0.7,0.1,0.1,0.1",
    seed: Annotated[int, typer.Option(help="another one deals otherwise")] = 13,
    taxonomy: TaxonomyOption = None,
) -> None:
    """Split labelled posts into train, dev, calibration and test, each a JSONL file."""
    wanted = _shares(shares)
    if by not in ("group", "time", "random"):
        raise ConfigurationError(f"--by is {by!r}; expected group, time or random")
    heads = heads_of(files, taxonomy)
    examples = read_labelled(files, heads)
    if by == "time":
        parts = split_by_time(examples, wanted)
    else:
        parts = (split_by_group if by == "group" else split_at_random)(examples, wanted, seed)
    ungrouped = sum(example.group is None for example in examples)
    if by == "group" and ungrouped:
        note(
            f"{ungrouped} of {len(examples)} posts name no group ({' or '.join(GROUP_FIELDS)}): each is dealt by itself"
        )
    empty = [name for name, part in parts.items() if not part]
    if empty:
        raise DataError(f"nothing fell into {empty}; give more data, or other --shares; nothing was written")
    output.mkdir(parents=True, exist_ok=True)
    for name, part in parts.items():
        with whole_file(output / f"{name}.jsonl") as temporary, table_writer(temporary, "jsonl", {}) as writer:
            for example in part:
                writer.write(to_row(example))
    left_out = len(examples) - sum(map(len, parts.values()))
    said = f"; {left_out} posts left out that stand in an earlier part" if left_out else ""
    note(f"wrote {', '.join(f'{name} {len(part)}' for name, part in parts.items())} to {output}{said}")


def _shares(text: str) -> dict[str, float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != len(PARTS) or min(numbers) < 0 or abs(sum(numbers) - 1) > 1e-6:
        raise ConfigurationError(
            f"--shares is {text!r}; expected four numbers that sum to 1, such as 0.7,0.1,0.1,0.1; a part "
            "of 0 is not made"
        )
    return {part: share for part, share in zip(PARTS, numbers, strict=True) if share}
