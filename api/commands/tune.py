"""`triage tune`."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands.shared import (
    AllowTrainingRowsOption,
    JsonOption,
    ModelsOption,
    NoTextsOption,
    bundle_and_files,
    extra,
    load_bundle,
    note,
    print_json,
    read_labelled,
    registry,
    stdout,
)
from data.errors import ConfigurationError, DataError
from data.files import file_sha256
from model.bundle import Bundle

if TYPE_CHECKING:
    from evaluation.scored import ScoredPosts
    from evaluation.tuning.observed import Staffing
    from evaluation.tuning.search import Request, TunedPolicy


def tune(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="[BUNDLE] FILE...",
            help="bundle (path, NAME or NAME@VERSION; by default the promoted one), then labelled posts that the model "
            "never saw, drawn like those that it will meet",
        ),
    ],
    targets: Annotated[
        list[str] | None,
        typer.Option(
            "--target",
            help="what to keep, such as 'department:error<=0.02@0.95', 'urgency.critical:recall>=0.95', "
            "'intent.legal_threat:precision>=0.9', 'route:error<=2%', 'route:max-coverage'",
        ),
    ] = None,
    costs: Annotated[Path | None, typer.Option(help="YAML file of what mistakes cost; the least is sought")] = None,
    label_sets: Annotated[
        float | None,
        typer.Option(help="show reviewers sets of labels that hold the right one with this chance, such as 0.9"),
    ] = None,
    out_of_scope: Annotated[
        float | None,
        typer.Option(help="send posts unlike these to a person, at the price of this share of these, such as 0.03"),
    ] = None,
    recalibrate: Annotated[
        bool, typer.Option("--recalibrate", help="fit the calibration anew, on 30 % of the posts")
    ] = False,
    volume: Annotated[str | None, typer.Option(help="posts that come in, such as 20000/day")] = None,
    review_minutes: Annotated[float, typer.Option(min=0.01, help="that a person takes for a post")] = 2.0,
    review_hours: Annotated[float, typer.Option(min=0.1, help="that a person reviews a day")] = 6.0,
    test: Annotated[Path | None, typer.Option(help="other labelled posts, to see what the policy does on them")] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="OUT.html", help="write a page about the posts under the tuned policy"),
    ] = None,
    no_texts: NoTextsOption = False,
    apply: Annotated[bool, typer.Option("--apply", help="write the policy as the next version of the bundle")] = False,
    seed: Annotated[int, typer.Option(help="of how posts are dealt out to what needs some of its own")] = 13,
    allow_training_rows: AllowTrainingRowsOption = False,
    as_json: JsonOption = False,
    models: ModelsOption = None,
) -> None:
    """Find thresholds that keep a promise; exit status 1 where one cannot be made. Writes nothing without --apply."""
    with extra("train"):
        from evaluation.held_out import check_disjoint
        from evaluation.tuning.costs import Costs
        from evaluation.tuning.observed import Staffing, read_volume
        from evaluation.tuning.promises import parse_targets
        from evaluation.tuning.search import Request, make_policy

    reference, files = bundle_and_files(arguments)
    _check_shares({"--label-sets": label_sets, "--out-of-scope": out_of_scope})
    if not (targets or costs or label_sets or out_of_scope or recalibrate):
        raise ConfigurationError(
            "nothing is asked for: give --target, --costs, --label-sets, --out-of-scope or --recalibrate"
        )
    bundle = load_bundle(reference, models)
    wishes = parse_targets(targets or [], bundle.taxonomy)
    if costs and wishes.max_coverage:
        raise ConfigurationError("--costs seeks thresholds that route:max-coverage would set to 0; give one of them")
    request = Request(
        wishes,
        Costs.read(costs, bundle.taxonomy) if costs else None,
        label_sets,
        out_of_scope,
        recalibrate,
        seed,
    )
    staffing = Staffing(read_volume(volume), review_minutes, review_hours) if volume else None
    posts = _fresh(files, bundle, models, allow=allow_training_rows)
    tested = _fresh([test], bundle, models, allow=allow_training_rows) if test else None
    if tested and test:
        check_disjoint(posts.examples, tested.examples, (", ".join(map(str, files)), str(test)))
    tuned = make_policy(posts, bundle.policy, bundle.taxonomy, request)
    names = [path.name for path in files]
    found = _results(tuned, tested, bundle, staffing, names)
    if as_json:
        print_json(found)
    else:
        _show(tuned, tested, bundle, staffing, names)
    if report:
        _report(report, tuned, tested or tuned.judged, bundle, request, staffing, names, texts=not no_texts)
    if not tuned.kept:
        if apply:
            note("nothing is written: a target was refused")
        raise typer.Exit(1)
    if apply:
        _apply(bundle, tuned, request, files, found, models)


def _check_shares(shares: dict[str, float | None]) -> None:
    for name, share in shares.items():
        if share is not None and not 0 < share < 1:
            raise ConfigurationError(f"{name} must lie between 0 and 1, both excluded; found {share}")


def _fresh(files: Sequence[Path], bundle: Bundle, models: Path | None, *, allow: bool) -> "ScoredPosts":
    from api.commands.scoring import scored
    from evaluation.held_out import check_seen, set_aside

    if len({file_sha256(path) for path in files}) < len(files):
        raise DataError(
            "one file is given twice; its posts would count twice, and a promise would rest on half of them"
        )
    examples = read_labelled(list(files), bundle.taxonomy)
    fresh, seen = set_aside(examples, bundle.training_rows())
    if not allow:
        check_seen(seen, len(examples), bundle.manifest.reference)
    if seen:
        note(f"set aside {seen} of {len(examples)} rows that stand in the training data")
    if not fresh:
        raise DataError(f"every row stands in the training data of {bundle.manifest.reference}; nothing is left")
    return scored(bundle, fresh, models)


def _results(
    tuned: "TunedPolicy",
    tested: "ScoredPosts | None",
    bundle: Bundle,
    staffing: "Staffing | None",
    files: Sequence[str],
) -> dict[str, Any]:
    from evaluation.flips import flips_of
    from evaluation.tuning.observed import review_share
    from evaluation.tuning.sentences import promised_on
    from evaluation.tuning.tables import plain, sweeps_of
    from model.decision import decide

    judged = tested or tuned.judged
    before, after = (decide(judged.scores, policy) for policy in (bundle.policy, tuned.policy))
    shares = {
        "before": review_share(each.action for each in before),
        "after": review_share(each.action for each in after),
    }
    return {
        **plain(tuned, tested, bundle.taxonomy, sweeps_of(tuned, bundle.taxonomy)),
        "rests_on": promised_on(tuned, files) if tuned.outcomes else None,
        "bundle": bundle.manifest.reference,
        "review_share": shares,
        "reviewers": {name: staffing.reviewers(share) for name, share in shares.items()} if staffing else None,
        "changes": [asdict(flip) for flip in flips_of(judged.examples, before, after, bundle.policy.owner)],
    }


def _show(
    tuned: "TunedPolicy",
    tested: "ScoredPosts | None",
    bundle: Bundle,
    staffing: "Staffing | None",
    files: Sequence[str],
) -> None:
    from evaluation.tuning import sentences, tables

    for table in tables.all_tables(tuned, tested, bundle.policy, bundle.taxonomy, staffing):
        stdout.print(table)
    for line in sentences.refusals(tuned):
        note(line)
    if tuned.outcomes:
        note(sentences.promised_on(tuned, files))


def _report(
    path: Path,
    tuned: "TunedPolicy",
    posts: "ScoredPosts",
    bundle: Bundle,
    request: "Request",
    staffing: "Staffing | None",
    files: Sequence[str],
    *,
    texts: bool,
) -> None:
    from evaluation.report.document import write_report
    from evaluation.report.figures import About, Options
    from evaluation.tuning.sentences import promised_on, refusals

    notes = [*refusals(tuned), *([promised_on(tuned, files)] if tuned.outcomes else [])]
    about = About(
        f"What {bundle.manifest.reference} would do under another policy",
        files,
        {"Bundle": bundle.manifest.reference, "Policy": f"{tuned.policy.version}, not applied by this page"},
        notes,
    )
    options = Options(texts=texts, costs=request.costs)
    if staffing:
        volume, minutes, hours = staffing.posts_per_day, staffing.minutes, staffing.hours
        options = replace(options, volume=volume, review_minutes=minutes, hours=hours)
    write_report(path, posts, tuned.policy, bundle.taxonomy, about, options)
    note(f"wrote {path}" + ("; it holds texts of posts, --no-texts leaves them out" if texts else ""))


def _apply(
    bundle: Bundle,
    tuned: "TunedPolicy",
    request: "Request",
    files: Sequence[Path],
    found: dict[str, Any],
    models: Path | None,
) -> None:
    tuning = {
        "targets": found["targets"],
        "files": [{"name": path.name, "sha256": file_sha256(path)} for path in files],
        "posts": found["posts"],
        "costs": request.costs.model_dump(mode="json") if request.costs else None,
        "label_sets": request.label_sets,
        "out_of_scope": request.out_of_scope,
        "recalibrated": request.recalibrate,
        "seed": request.seed,
    }
    with extra("train"):
        from training.card.document import card

    path = registry(models).publish_policy(bundle, tuned.policy, tuning, card)
    written = Bundle.load(path).manifest.reference
    note(f"wrote {path}; serve it: triage models promote {written}")
