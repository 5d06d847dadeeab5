"""What a policy promises, and what it cannot, in a sentence."""

from collections.abc import Sequence

from evaluation.tuning.promises import Measure
from evaluation.tuning.search import TunedPolicy
from evaluation.tuning.thresholds import Outcome


def refusals(tuned: TunedPolicy) -> list[str]:
    """A sentence for each target that could not be promised."""
    return [_refused(outcome) for outcome in tuned.outcomes if outcome.refusal]


def promised_on(tuned: TunedPolicy, files: Sequence[str]) -> str:
    """What every promise rests on.

    One post of each group is looked at, so that a large group weighs as much as a small one: where groups of many posts
    go wrong more often, so does the stream.

    Args:
        files: names of those with the labelled posts.
    """
    grouped = ", each group counting as one post" if tuned.independent < len(tuned.judged) else ""
    return (
        f"each target holds by itself, with its chance, for posts drawn like those of {', '.join(files)}{grouped} "
        f"({tuned.independent:,} bear it out); for others, or when the stream changes, it promises nothing"
    )


def times_as_many(outcome: Outcome) -> float | None:
    """How many times as many labelled posts it would take: only some of them serve each promise."""
    needed = outcome.refusal.examples if outcome.refusal else None
    return needed / outcome.posts if needed and outcome.posts else None


def _refused(outcome: Outcome) -> str:
    refusal = outcome.refusal
    if refusal is None:
        return ""
    if refusal.examples is None:
        return (
            f"{outcome.promise} cannot be kept: even where the model is surest, {refusal.least_error:.1%} is wrong; "
            "more posts would not mend that: allow more, or train a better model"
        )
    about = "like these"
    if outcome.promise.label is not None:
        about = f"{'labelled' if outcome.promise.measure is Measure.RECALL else 'taken for'} {outcome.promise.label}"
    times = times_as_many(outcome)
    longer = f", as in a file {times:.1f} times as long," if times else ""
    return (
        f"{outcome.promise} cannot be promised on {outcome.posts} posts; about {refusal.examples:,} {about} would do"
        f"{longer} if errors stayed as rare as they are"
    )
