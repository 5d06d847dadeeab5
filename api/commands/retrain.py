"""`triage retrain`: from labelled history to a challenger, held against the champion, and promoted if it passes."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands.shared import (
    EpochsOption,
    JsonOption,
    ModelsOption,
    PresetOption,
    SetOption,
    extra,
    load_bundle,
    note,
    note_precision,
    note_tuned_on,
    print_json,
    quiet_libraries,
    registry,
)
from data.errors import ConfigurationError, Interrupted
from data.files import write_whole
from data.posts import PARTS
from model.bundle import Bundle
from model.registry import Registry

if TYPE_CHECKING:
    from api.commands.retrain_jobs import Plan, Wishes
    from evaluation.comparison.verdict import Margins
    from training.recipe import Recipe
    from training.retraining.measuring import Challengers, Trained
    from training.retraining.mixing import Mix
    from training.retraining.report import Judged, Retraining

NOBODY = "none"
_STARTER = "starter"


def retrain(
    history: Annotated[list[Path], typer.Argument(help="labelled posts, or a folder that `data split` wrote")],
    name: Annotated[
        str | None, typer.Option(help="name of the challenger", show_default="the champion's, or the file's")
    ] = None,
    champion: Annotated[
        str | None,
        typer.Option(metavar="BUNDLE", help="what to compare with; none: nothing", show_default="the promoted one"),
    ] = None,
    old: Annotated[list[Path] | None, typer.Option(help="older labelled posts, which may teach too")] = None,
    mix: Annotated[
        str, typer.Option(help="what teaches: measure, all, or such as history, history+starter, history+old")
    ] = "measure",
    renames: Annotated[
        list[str] | None,
        typer.Option("--rename", metavar="HEAD.OLD=NEW", help="a label has another name; HEAD=NEW: a head"),
    ] = None,
    drops: Annotated[
        list[str] | None, typer.Option("--drop", metavar="HEAD.LABEL", help="is no answer any more; HEAD: no question")
    ] = None,
    keeps: Annotated[
        list[str] | None,
        typer.Option("--keep", metavar="HEAD.LABEL", help="is still an answer, though the history has no post of it"),
    ] = None,
    taxonomy: Annotated[
        Path | None, typer.Option(help="YAML file; by default the champion's heads with the history's new labels")
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(help="Hugging Face encoder: folder or hub name", show_default="the champion's")
    ] = None,
    preset: PresetOption = None,
    epochs: EpochsOption = None,
    seed: Annotated[
        int | None, typer.Option(help="of the split of files, and of the training", show_default="the champion's")
    ] = None,
    settings: SetOption = None,
    warm: Annotated[bool, typer.Option("--warm/--cold", help="go on from the champion's weights")] = False,
    margin: Annotated[
        float, typer.Option(min=0, max=1, help="loss of a head's accuracy or macro F1 that is put up with")
    ] = 0.02,
    label_margin: Annotated[float, typer.Option(min=0, max=1, help="loss of a label's recall")] = 0.10,
    share_margin: Annotated[float, typer.Option(min=0, max=1, help="loss of the automatic share")] = 0.05,
    promote: Annotated[bool, typer.Option("--promote", help="serve the challenger if it passes")] = False,
    report: Annotated[Path | None, typer.Option(metavar="FILE.md", help="write what changes, in Markdown")] = None,
    as_json: JsonOption = False,
    models: ModelsOption = None,
) -> None:
    """Train a challenger on history and compare it with the champion: status 0 if it is better or not worse, else 1.

    The test part is frozen: a post's part depends on its group and the seed alone. Interrupted, the same command goes
    on where it was.
    """
    with extra("train"):
        from api.commands.jobs import bundle_name, history_of
        from api.commands.recipes import is_chosen, is_set
        from api.commands.retrain_jobs import Wishes, plan_of
        from api.commands.retrain_output import plain, show
        from evaluation.comparison.verdict import Margins
        from training.loop.processes import process_count
        from training.retraining.changes import Changes
        from training.retraining.measuring import Challengers, best
        from training.retraining.report import Retraining, markdown
    quiet_libraries()
    if process_count() > 1:
        raise ConfigurationError("retrain trains several times, one after another; start it in a single process")
    if report and report.is_dir():
        raise ConfigurationError(f"--report is {str(report)!r}, a folder; expected the name of a file")
    target = registry(models)
    rival = _champion(champion, models)
    if warm and (encoder or is_set("encoder", settings or ())):
        raise ConfigurationError("--warm brings the champion's encoder; give it or --encoder")
    flags = {"encoder": encoder, "epochs": epochs, "seed": seed}
    wishes = Wishes(
        name="",
        history=history_of(history),
        old=old or (),
        champion=rival,
        changes=Changes.parse(renames or (), drops or (), keeps or ()),
        recipe=_recipe(rival, preset or "full", flags, settings or ()),
        few=None if is_chosen(preset, epochs, settings or ()) else _recipe(rival, "few", flags, settings or ()),
        mix=mix,
        taxonomy=taxonomy,
        warm=warm,
    )
    successor = rival.manifest.name if rival and rival.manifest.name != _STARTER else bundle_name(wishes.history)
    wishes = replace(wishes, name=name or successor)
    plan = plan_of(wishes)
    challengers = Challengers(plan.jobs, target)
    trained = _train(challengers, plan)
    challenger = challengers.publish(trained)
    note(f"wrote {challenger.path}; taught by {best(trained).mix.name}")
    note_precision(challenger)
    found = Retraining(
        challenger=challenger.manifest.reference,
        parts={part: len(getattr(plan.parts, part)) for part in PARTS},
        trained=trained,
        chosen=best(trained).mix.name,
        added=plan.added,
        changes=wishes.changes,
        changed=plan.changed,
        new=plan.asked.new,
        unseen=plan.asked.unseen,
        judged=_judged(rival, challenger, plan, wishes, Margins(margin, label_margin, share_margin), models)
        if rival
        else None,
        figures=challenger.metrics(),
    )
    if report:
        write_whole(report, markdown(found))
        note(f"wrote {report}")
    if promote and found.passed:
        target.promote(found.challenger)
    if as_json:
        print_json(plain(found, target.promoted()))
    else:
        show(found)
    challengers.clear()
    _tell(found, target, promote=promote)
    if not found.passed:
        raise typer.Exit(1)


def _champion(reference: str | None, models: Path | None) -> Bundle | None:
    if reference == NOBODY:
        return None
    if reference is None and registry(models).promoted() is None:
        note("no bundle is promoted: the challenger is judged by itself")
        return None
    return load_bundle(reference, models)


def _recipe(champion: Bundle | None, preset: str, flags: dict[str, Any], settings: Sequence[str]) -> "Recipe":
    """The preset's; encoder and seed are the champion's, unless others are given: the seed deals out the parts."""
    from api.commands.recipes import recipe_of

    before = champion.manifest.provenance.get("recipe", {}) if champion else {}
    set_here = {setting.partition("=")[0] for setting in settings}
    taken = {name: before.get(name) for name in ("encoder", "seed") if flags[name] is None and name not in set_here}
    return recipe_of(preset, **{**flags, **taken}, settings=settings)


def _train(challengers: "Challengers", plan: "Plan") -> "list[Trained]":
    sizes = ", ".join(f"{part} {len(getattr(plan.parts, part))}" for part in PARTS)
    note(f"posts of the history: {sizes}")
    if challengers.begun:
        note("work of an interrupted run of just this lies there: it goes on")

    def announce(number: int, mix: "Mix") -> None:
        posts = sum(mix.taught.values())
        note(f"training {number} of {len(plan.jobs)}: {mix.name}, {posts} posts teach")

    try:
        return challengers.train(announce)
    except Interrupted as error:
        raise Interrupted("stopped; what is done is kept: give the same command to go on") from error


def _judged(
    champion: Bundle, challenger: Bundle, plan: "Plan", wishes: "Wishes", margins: "Margins", models: Path | None
) -> "Judged":
    from api.commands.scoring import scored
    from evaluation.comparison.compare import Contender
    from training.retraining.judging import judge
    from training.retraining.report import Judged

    if wishes.history.folder:
        note_tuned_on(champion, [wishes.history.folder.files["test"]])
    before = Contender(*wishes.changes.answers(scored(champion, plan.judges, models).scores, champion.policy))
    after = Contender(scored(challenger, plan.judges, models).scores, challenger.policy)
    comparison, users = judge(plan.judges, before, after, margins)
    return Judged(
        champion=champion.manifest.reference,
        comparison=comparison,
        users=users,
        set_aside=len(plan.parts.test) - len(plan.judges),
        tuned=bool(champion.manifest.provenance.get("tuned")),
        left_out=[*plan.left_out, *comparison.left_out],
    )


def _tell(found: "Retraining", target: Registry, *, promote: bool) -> None:
    """What became of it, and what to do next."""
    if target.promoted() == found.challenger:
        note(f"{found.challenger} is promoted")
    elif found.passed:
        note(f"promote it: triage models promote {found.challenger}")
    else:
        not_promoted = ", and not promoted" if promote else ""
        note(f"{found.challenger} did not pass{not_promoted}; {target.promoted() or 'nothing'} stays promoted")
    if found.judged:
        for line in found.judged.left_out:
            note(f"not compared: {line}")
        if found.judged.tuned:
            note(
                f"the thresholds of {found.judged.champion} were tuned, those of {found.challenger} are plain: tune "
                "them too (triage tune --apply) before it is relied on"
            )
