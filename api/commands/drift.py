"""`triage drift`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands.shared import (
    JsonOption,
    ModelsOption,
    bundle_and_files,
    extra,
    load_bundle,
    note,
    print_json,
    stdout,
)
from data.errors import ConfigurationError, DataError
from data.examples import MAX_BAD_SHARE, describe_bad_rows, posts_of
from data.normalise import normalise
from data.posts import Example, Post
from data.tables.reading import read_rows
from data.tables.rows import BadRow
from model.bundle import Bundle

if TYPE_CHECKING:
    from evaluation.drift.measure import Drift
    from model.reference import ReferencePosts

_SEEN_SHARE = 0.05  # of posts that taught the model, above which they are worth a word


def drift(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="[BUNDLE] FILE...",
            help="bundle (path, NAME or NAME@VERSION; by default the promoted one), then recent posts, labelled or not "
            "(JSONL, CSV, TSV, Parquet)",
        ),
    ],
    reference: Annotated[
        list[Path] | None,
        typer.Option(help="posts to hold them against; by default those that the bundle was calibrated on"),
    ] = None,
    text: Annotated[str, typer.Option(help="column that holds the post")] = "text",
    plot: Annotated[Path | None, typer.Option(help="draw it; the suffix says the form: .png, .svg, .pdf")] = None,
    as_json: JsonOption = False,
    models: ModelsOption = None,
) -> None:
    """Hold recent posts against those that a bundle was calibrated on. Exit status 1: something changed that matters.

    An alarm takes an effect that is surely above a size that matters, however many posts there are.
    """
    with extra("train"):
        from evaluation.drift.measure import drift as drift_of
        from evaluation.drift.verdict import head_verdict, verdict

    name, files = bundle_and_files(arguments)
    bundle = load_bundle(name, models)
    before = _posts(bundle, reference, text, models) if reference else bundle.reference()
    if before is None:
        raise ConfigurationError(
            f"{bundle.manifest.reference} does not know what the posts that it was calibrated on looked like (it is "
            "older than that): give posts to compare with, --reference FILE, or train it anew"
        )
    recent = _posts(bundle, files, text, models)
    found = drift_of(before, recent, bundle.taxonomy, bundle.policy)
    plain = found.to_dict()
    words: dict[str, Any] = {head: head_verdict(found, head) for head in found.heads}
    plain = {
        **plain,
        "verdict": verdict(found),
        "heads": {head: {"verdict": words[head], **row} for head, row in plain["heads"].items()},
        "bundle": {"reference": bundle.manifest.reference, "policy": bundle.policy.version},
    }
    if plot:
        with extra("train"):
            from evaluation.drawing import draw_drift
        draw_drift(plain, plot)
    if as_json:
        print_json(plain)
    else:
        _show(found, plain["verdict"])
    raise typer.Exit(int(found.alarm))


def _show(found: "Drift", verdict: str) -> None:
    from evaluation.drift import tables

    stdout.print(tables.effects(found))
    for head in found.heads.values():
        if head.mix.alarm:
            stdout.print(tables.moved_labels(head))
    stdout.print(tables.verdicts(found))
    stdout.print(f"{'ALARM' if found.alarm else 'no alarm'}: {verdict}", style="bold red" if found.alarm else "bold")


def _posts(bundle: Bundle, files: Sequence[Path], text: str, models: Path | None) -> "ReferencePosts":
    import numpy as np

    from api.commands.scoring import scored
    from evaluation.held_out import seen_rows
    from model.reference import ReferencePosts

    posts = _read(files, text)
    seen = float(seen_rows(posts, bundle.training_rows()).mean())
    if seen > _SEEN_SHARE:
        note(
            f"warning: {seen:.0%} of the posts of {', '.join(map(str, files))} taught {bundle.manifest.reference}; "
            "it is surer of these than of others"
        )
    encoded = bundle.tokenizer().encode(posts_of(posts))
    return ReferencePosts(scored(bundle, posts, models).scores, np.array([post.tokens for post in encoded], np.int64))


def _read(files: Sequence[Path], text: str) -> list[Example]:
    """The posts of files without their labels; bad rows are reported and left out."""
    good: list[Example] = []
    bad: list[BadRow] = []
    for row in (row for path in files for row in read_rows(path)):
        if isinstance(row, BadRow):
            bad.append(row)
            continue
        value = row.values.get(text)
        if isinstance(value, str) and normalise(value):
            good.append(Example(Post(value), {}))
        else:
            found = f"the row has {sorted(row.values)}" if value is None else "it is empty or no text"
            bad.append(row.bad(f"expected a text; {found}", text))
    if bad:
        note(f"left out {len(bad)} bad rows of {len(bad) + len(good)}:\n{describe_bad_rows(bad)}")
    if not good or len(bad) > MAX_BAD_SHARE * (len(good) + len(bad)):
        raise DataError(
            f"{', '.join(map(str, files))}: {len(bad)} of {len(bad) + len(good)} rows are bad; at most "
            f"{MAX_BAD_SHARE:.0%} may be; the column of the post is named with --text"
        )
    return good
