"""A tuned policy as tables for a terminal, and plain for machines."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from rich.table import Table
from rich.text import Text

from data.taxonomy import Taxonomy
from evaluation.flips import Flip, flips_of
from evaluation.scored import ScoredPosts
from evaluation.tuning.observed import Observed, Row, Staffing, observe, review_share
from evaluation.tuning.observed import sweep as rows_of
from evaluation.tuning.promises import Measure
from evaluation.tuning.search import TunedPolicy
from evaluation.tuning.sentences import times_as_many
from evaluation.tuning.thresholds import Outcome
from model.decision import OUT_OF_SCOPE, Decision, decide
from model.policy import Policy

_NAMED = 2


def all_tables(
    tuned: TunedPolicy,
    tested: ScoredPosts | None,
    before: Policy,
    taxonomy: Taxonomy,
    staffing: Staffing | None,
) -> Iterator[Table]:
    """All that there is to see, in order.

    Args:
        tested: other posts to see the policy at work on; by default those that it was tuned on.
        before: the policy as it was.
    """
    if tuned.outcomes:
        yield outcomes(tuned, taxonomy)
    if tuned.outcomes and tested:
        yield on_other_posts(tuned, tested, taxonomy)
    sweeps = sweeps_of(tuned, taxonomy)
    for outcome in tuned.outcomes:
        rows = sweeps.get(str(outcome.promise), [])
        if rows:
            yield sweep(outcome, rows, staffing)
    if tuned.recalibrations:
        yield calibrations(tuned)
    yield thresholds(before, tuned.policy)
    posts = tested or tuned.judged
    was, will_be = (decide(posts.scores, policy) for policy in (before, tuned.policy))
    flips = flips_of(posts.examples, was, will_be, before.owner)
    if flips:
        yield changes(flips, len(posts))
    yield work(tuned, [review_share(decision.action for decision in side) for side in (was, will_be)], staffing)
    if any(head.label_sets for head in tuned.policy.heads.values()) or tuned.policy.novelty:
        yield shown(will_be)


def calibrations(tuned: TunedPolicy) -> Table:
    """What was gained by fitting the calibration anew."""
    table = Table(title=f"calibration, fitted on {tuned.parts['fitted']} posts; log loss of posts left out of the fit")
    for column in ("head", "kept", "before", "temperature", "vector"):
        table.add_column(column, justify="left" if column in ("head", "kept") else "right")
    for name, found in tuned.recalibrations.items():
        losses = [found.log_loss.get(column) for column in ("before", "temperature", "vector")]
        table.add_row(Text(name), found.method, *("-" if loss is None else f"{loss:.4f}" for loss in losses))
    return table


def work(tuned: TunedPolicy, shares: Sequence[float], staffing: Staffing | None) -> Table:
    """What people have to do, now and then."""
    table = Table(title="people")
    for column in ("", "now", "then"):
        table.add_column(column, justify="right" if column else "left")
    table.add_row("share to review", *(f"{share:.3f}" for share in shares))
    if staffing:
        table.add_row("posts to review a day", *(f"{staffing.posts_per_day * share:,.0f}" for share in shares))
        table.add_row("reviewers", *(f"{staffing.reviewers(share):.1f}" for share in shares))
    if tuned.cost_before is not None and tuned.cost_after is not None:
        table.add_row("cost of 1,000 posts", f"{tuned.cost_before:,.1f}", f"{tuned.cost_after:,.1f}")
    return table


def shown(decisions: Sequence[Decision]) -> Table:
    """What a reviewer gets to see of sets of labels and of scope."""
    table = Table(title="of the posts that a person reviews", show_header=False)
    reviewed = [decision for decision in decisions if decision.action == "review"]
    for name in reviewed[0].heads if reviewed else ():
        sizes = [len(decision.heads[name].label_set) for decision in reviewed]
        if any(sizes):
            table.add_row(f"labels in the set of {name}, on average", f"{fmean(sizes):.1f}")
    novel = sum(OUT_OF_SCOPE in decision.reasons for decision in reviewed)
    table.add_row("taken for out of scope, of all posts", f"{novel / len(decisions):.3f}")
    return table


def outcomes(tuned: TunedPolicy, taxonomy: Taxonomy) -> Table:
    """One line a target."""
    seen_on = f"passing and wrong of all {len(tuned.judged)}"
    table = Table(title=f"targets, on {tuned.independent} independent posts; {seen_on}")
    for column in ("target", "threshold", "posts", "passing", "wrong", "95 %"):
        table.add_column(column, justify="left" if column == "target" else "right")
    for outcome in tuned.outcomes:
        table.add_row(
            Text(str(outcome.promise), overflow="fold"),
            "refused" if outcome.threshold is None else f"{outcome.threshold:.6f}",
            str(outcome.posts),
            *_shares(observe(outcome.promise, tuned.judged, tuned.policy, taxonomy)),
        )
    return table


def on_other_posts(tuned: TunedPolicy, tested: ScoredPosts, taxonomy: Taxonomy) -> Table:
    """One line a target: what became of it on posts that it was not tuned on."""
    table = Table(title=f"the same, on {len(tested)} other posts")
    for column in ("target", "posts", "passing", "wrong", "95 %"):
        table.add_column(column, justify="left" if column == "target" else "right")
    for outcome in tuned.outcomes:
        seen = observe(outcome.promise, tested, tuned.policy, taxonomy)
        table.add_row(Text(str(outcome.promise), overflow="fold"), str(seen.posts), *_shares(seen))
    return table


def sweep(outcome: Outcome, rows: Sequence[Row], staffing: Staffing | None) -> Table:
    """What other thresholds would do about the subject of a target, the other heads being as they are."""
    table = Table(title=Text(f"{outcome.promise}: other thresholds"))
    for column in ("threshold", "passing", "wrong", "95 %", "reviewed", *(["a day", "people"] if staffing else [])):
        table.add_column(column, justify="right")
    for row in rows:
        work = (
            [f"{staffing.posts_per_day * row.review:,.0f}", f"{staffing.reviewers(row.review):.1f}"] if staffing else []
        )
        table.add_row(
            f"{row.threshold:.6f}",
            f"{row.coverage:.3f}",
            f"{row.wrong / row.accepted:.4f}",
            f"{row.interval[0]:.3f}-{row.interval[1]:.3f}",
            f"{row.review:.3f}",
            *work,
        )
    return table


def changes(flips: Sequence[Flip], posts: int) -> Table:
    """What becomes of the posts, against the policy as it was."""
    table = Table(title=f"decisions that change, of {posts}")
    for column in ("now", "then", "posts", "mended", "broken"):
        table.add_column(column, justify="left" if column in ("now", "then") else "right")
    for flip in flips:
        table.add_row(Text(flip.champion), Text(flip.challenger), str(flip.posts), str(flip.mended), str(flip.broken))
    return table


def thresholds(before: Policy, after: Policy) -> Table:
    """The thresholds that change; labels that change alike share a line."""
    table = Table(title="thresholds that change")
    for column in ("head", "labels", "now", "then"):
        table.add_column(column, justify="left" if column in ("head", "labels") else "right")
    for name, head in after.heads.items():
        alike: defaultdict[tuple[float, float], list[str]] = defaultdict(list)
        for label, now, then in zip(head.labels, before.heads[name].thresholds, head.thresholds, strict=True):
            if now != then:
                alike[now, then].append(label)
        for (now, then), labels in alike.items():
            shown = ", ".join(labels) if len(labels) <= _NAMED else f"{len(labels)} of {len(head.labels)}"
            table.add_row(Text(name), Text(shown), f"{now:.6f}", f"{then:.6f}")
    return table


def plain(
    tuned: TunedPolicy, tested: ScoredPosts | None, taxonomy: Taxonomy, sweeps: Mapping[str, Sequence[Row]]
) -> dict[str, Any]:
    """JSON-ready.

    Args:
        tested: other posts to see the policy at work on, if there are any.
    """
    return {
        "targets": [
            {
                "target": str(outcome.promise),
                "kept": outcome.refusal is None,
                "threshold": outcome.threshold,
                "posts": outcome.posts,
                "seen": _seen(observe(outcome.promise, tuned.judged, tuned.policy, taxonomy)),
                "tested": _seen(observe(outcome.promise, tested, tuned.policy, taxonomy)) if tested else None,
                **(
                    {
                        "examples_needed": outcome.refusal.examples,
                        "times_this_file": times_as_many(outcome),
                        "least_error_seen": outcome.refusal.least_error,
                    }
                    if outcome.refusal
                    else {}
                ),
            }
            for outcome in tuned.outcomes
        ],
        "posts": {"parts": dict(tuned.parts), "independent": tuned.independent, "stages": tuned.stages},
        "calibration": {
            name: {"method": found.method, "posts": found.posts, "log_loss": found.log_loss}
            for name, found in tuned.recalibrations.items()
        },
        "cost_per_1000": (
            None if tuned.cost_after is None else {"before": tuned.cost_before, "after": tuned.cost_after}
        ),
        "sweeps": {
            target: [
                {
                    "threshold": row.threshold,
                    "coverage": row.coverage,
                    "review_share": row.review,
                    "error": row.wrong / row.accepted,
                    "error_ci95": list(row.interval),
                }
                for row in rows
            ]
            for target, rows in sweeps.items()
        },
        "policy": tuned.policy.model_dump(mode="json"),
    }


def sweeps_of(tuned: TunedPolicy, taxonomy: Taxonomy) -> dict[str, list[Row]]:
    """Other thresholds for each target that bounds an error."""
    return {
        str(outcome.promise): rows_of(outcome.promise, tuned.judged, tuned.policy, taxonomy)
        for outcome in tuned.outcomes
        if outcome.promise.measure is not Measure.RECALL
    }


def _shares(seen: Observed) -> tuple[str, str, str]:
    return (
        f"{seen.counted / seen.posts:.3f}" if seen.posts else "-",
        "-" if seen.rate is None else f"{seen.rate:.4f}",
        "-" if seen.rate is None else f"{seen.interval[0]:.3f}-{seen.interval[1]:.3f}",
    )


def _seen(seen: Observed) -> dict[str, Any]:
    return {
        "posts": seen.posts,
        "counted": seen.counted,
        "wrong": seen.wrong,
        "rate": seen.rate,
        "rate_ci95": list(seen.interval) if seen.rate is not None else None,
    }
