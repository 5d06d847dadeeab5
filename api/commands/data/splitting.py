"""`triage data split`: four parts of which none knows the others."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from api.commands.data.tables import labelled_files, note_bad_rows
from api.commands.progress import steps_bar
from api.commands.shared import TaxonomyOption, note
from data.errors import ConfigurationError
from data.examples import GROUP_FIELDS
from data.files import file_sha256
from data.posts import PARTS
from data.splitting.dealing import WAYS, Deal, deal
from data.splitting.part_files import check_folder, missing_labels, write_parts
from data.taxonomy import Taxonomy

_LARGE_GROUP = 0.05


def split(
    files: Annotated[list[Path], typer.Argument(help="labelled posts (JSONL, JSON, CSV, TSV, Parquet)")],
    output: Annotated[Path, typer.Option("--output", "-o", help="folder for the four parts")],
    by: Annotated[str, typer.Option(help="group, author, time or random")] = "group",
    shares: Annotated[
        str, typer.Option(metavar="A,B,C,D", help="of train, dev, calibration and test")
    ] = "0.7,0.1,0.1,0.1",
    seed: Annotated[int, typer.Option(help="another one deals otherwise")] = 13,
    near_copies: Annotated[bool, typer.Option(help="keep near copies in one part, as equal posts are")] = True,
    taxonomy: TaxonomyOption = None,
) -> None:
    """Split labelled posts into train, dev, calibration and test, each a JSONL file."""
    wanted = _shares(shares)
    if by not in WAYS:
        raise ConfigurationError(f"--by is {by!r}; expected {', '.join(WAYS[:-1])} or {WAYS[-1]}")
    heads, sources = labelled_files(files, taxonomy)
    check_folder(output, sources.values())
    with steps_bar() as report:
        dealt = deal(sources, heads, by, wanted, seed, near_copies, report)
        manifest = write_parts(dealt, output, _about(dealt, files, by, seed, near_copies), report)
    note_bad_rows(sources.values())
    _note_groups(dealt, by)
    _note_missing(dealt, heads)
    written = ", ".join(f"{name} {part['posts']}" for name, part in manifest["parts"].items())
    left_out = {why: count for why, count in manifest["left_out"].items() if count}
    said = "".join(f"; {count} left out: {why.replace('_', ' ')}" for why, count in left_out.items())
    note(f"wrote {written} to {output}{said}")


def _about(dealt: Deal, files: list[Path], by: str, seed: int, near_copies: bool) -> Mapping[str, Any]:
    return {
        "by": by,
        "seed": seed,
        "shares": dict(dealt.shares),
        "near_copies": near_copies,
        "sources": [{"file": str(path), "sha256": file_sha256(path)} for path in files],
        "left_out": dealt.left_out(),
        "largest_group": dealt.largest,
    }


def _note_groups(dealt: Deal, by: str) -> None:
    posts = len(dealt.survey)
    lone = {
        "group": dealt.survey.group == 0,
        "author": (dealt.survey.author == 0) & (dealt.survey.group == 0),
    }.get(by)
    if lone is not None and lone.any():
        names = " or ".join(GROUP_FIELDS if by == "group" else ("author", *GROUP_FIELDS))
        note(f"{lone.sum()} of {posts} posts name no {by} ({names}): each is dealt by itself")
    if dealt.largest > _LARGE_GROUP * posts:
        note(f"the largest group holds {dealt.largest} of {posts} posts, all of which fall into one part")
    if by == "random" and (torn := dealt.torn_groups()):
        note(f"{torn} groups or threads stand in two parts; --by group keeps each in one")
    if dealt.torn:
        note(
            f"{dealt.torn} pairs of near copies may fall into two parts: kept together they would have made one group "
            "of too many posts"
        )


def _note_missing(dealt: Deal, taxonomy: Taxonomy) -> None:
    for part, heads in missing_labels(dealt, taxonomy).items():
        for head, labels in heads.items():
            note(f"{part} has no post with {head} {', '.join(labels)}")


def _shares(text: str) -> dict[str, float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    finite = len(numbers) == len(PARTS) and all(map(math.isfinite, numbers))
    if not finite or min(numbers) < 0 or abs(sum(numbers) - 1) > 1e-6:
        raise ConfigurationError(
            f"--shares is {text!r}; expected four numbers that sum to 1, such as 0.7,0.1,0.1,0.1; a part "
            "of 0 is not made"
        )
    return {part: share for part, share in zip(PARTS, numbers, strict=True) if share}
