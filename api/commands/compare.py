"""`triage compare`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from api.commands.comparing import plain, show
from api.commands.shared import (
    JsonOption,
    ModelsOption,
    extra,
    load_bundle,
    note,
    note_tuned_on,
    print_json,
    read_labelled,
    stdout,
)
from data.errors import DataError
from data.examples import posts_of
from data.posts import Example
from model.bundle import Bundle


def compare(
    champion: Annotated[str, typer.Argument(help="bundle in service: path, NAME or NAME@VERSION")],
    challenger: Annotated[str, typer.Argument(help="bundle that might take its place")],
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="labelled posts that taught neither of them")],
    margin: Annotated[
        float, typer.Option(min=0, max=1, help="loss of a head's accuracy or macro F1 that is put up with")
    ] = 0.02,
    label_margin: Annotated[float, typer.Option(min=0, max=1, help="loss of a label's recall")] = 0.10,
    share_margin: Annotated[float, typer.Option(min=0, max=1, help="loss of the automatic share")] = 0.05,
    examples: Annotated[int, typer.Option(min=0, help="changed decisions to show, the surest ones")] = 0,
    texts: Annotated[bool, typer.Option("--texts", help="show their texts too")] = False,
    allow_training_rows: Annotated[
        bool, typer.Option("--allow-training-rows", help="go on where many posts have taught one of the two")
    ] = False,
    as_json: JsonOption = False,
    models: ModelsOption = None,
) -> None:
    """Tell whether a challenger may take the champion's place: exit status 0 if it is better or not worse, else 1."""
    with extra("train"):
        from api.commands.scoring import scored
        from evaluation.comparison.compare import Contender
        from evaluation.comparison.compare import compare as compared
        from evaluation.comparison.shared_heads import joint_taxonomy, shared_heads
        from evaluation.comparison.verdict import Margins

    bundles = [load_bundle(reference, models) for reference in (champion, challenger)]
    for bundle in bundles:
        note_tuned_on(bundle, files)
    left_out = shared_heads(bundles[0].taxonomy, bundles[1].taxonomy).left_out
    posts = read_labelled(files, joint_taxonomy(bundles[0].taxonomy, bundles[1].taxonomy))
    fresh = _unseen(posts, bundles, allow=allow_training_rows)
    before, after = (Contender(scored(bundle, fresh, models).scores, bundle.policy) for bundle in bundles)
    comparison = compared(
        fresh,
        before,
        after,
        margins=Margins(margin, label_margin, share_margin),
        most_flips=examples,
    )
    left_out = (*left_out, *comparison.left_out)
    shown = posts_of(fresh[post.row] for post in comparison.surest_flips) if texts else None
    if as_json:
        print_json(
            {
                "champion": _named(bundles[0]),
                "challenger": _named(bundles[1]),
                "set_aside": len(posts) - len(fresh),
                **plain(comparison, shown),
                "left_out": left_out,
            }
        )
    else:
        stdout.print(f"before: {bundles[0].manifest.reference}; after: {bundles[1].manifest.reference}", markup=False)
        show(comparison, shown)
        for line in left_out:
            note(f"not compared: {line}")
    if not comparison.verdict.passed:
        raise typer.Exit(1)


def _unseen(posts: Sequence[Example], bundles: Sequence[Bundle], *, allow: bool) -> list[Example]:
    """The posts that taught neither of the two.

    Raises:
        DataError: more than a few taught one of them, unless that is allowed; or all did.
    """
    from evaluation.held_out import check_seen, seen_rows

    seen = [seen_rows(posts, bundle.training_rows()) for bundle in bundles]
    for bundle, rows in zip(bundles, seen, strict=True):
        if not allow:
            check_seen(int(rows.sum()), len(posts), bundle.manifest.reference)
    either = (seen[0] | seen[1]).tolist()
    fresh = [post for post, known in zip(posts, either, strict=True) if not known]
    if not fresh:
        raise DataError(f"all {len(posts)} posts stand in the training data of the two; give posts that were held back")
    if len(fresh) < len(posts):
        note(f"set aside {len(posts) - len(fresh)} of {len(posts)} posts that stand in the training data of either")
    return fresh


def _named(bundle: Bundle) -> dict[str, str]:
    return {
        "reference": bundle.manifest.reference,
        "precision": bundle.manifest.precision,
        "policy": bundle.policy.version,
        "taxonomy": bundle.taxonomy.sha256[:12],
    }
