"""A retraining told to people, in Markdown: what taught, how it compares, what changes for users. Counts, no texts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evaluation.comparison.compare import Comparison
from evaluation.comparison.verdict import RULE, Measure
from training.retraining.changes import Changes, Place, shown
from training.retraining.judging import ForUsers
from training.retraining.measuring import Trained
from training.retraining.mixing import Added

_SAYS = {
    "better": "The challenger is better.",
    "not worse": "The challenger is not worse.",
    "worse": "The challenger is worse.",
    "unclear": "Too few posts to say.",
}


@dataclass(frozen=True, slots=True)
class Judged:
    """The challenger held against the champion.

    Attributes:
        champion: its name and version.
        comparison: on the posts of the test part that taught neither.
        set_aside: posts of the test part that taught one of them.
        tuned: the champion's thresholds were tuned.
        left_out: what could not be compared, and why.
    """

    champion: str
    comparison: Comparison
    users: ForUsers
    set_aside: int
    tuned: bool
    left_out: Sequence[str]


@dataclass(frozen=True, slots=True)
class Retraining:
    """All that is told of a retraining.

    Attributes:
        challenger: its name and version.
        parts: posts by part, of the history alone.
        trained: every mix.
        chosen: the mix of the challenger.
        added: what was offered to teach beside the history, by name.
        changes: what was renamed, dropped and kept.
        changed: how often posts were brought to the names of now, by what was changed.
        new: heads and labels that the champion does not know.
        unseen: labels of which the history has no post.
        judged: `None` where there is no champion.
        figures: of the challenger on the test part.
    """

    challenger: str
    parts: Mapping[str, int]
    trained: Sequence[Trained]
    chosen: str
    added: Mapping[str, Added]
    changes: Changes
    changed: Mapping[str, int]
    new: Sequence[Place]
    unseen: Sequence[Place]
    judged: Judged | None
    figures: Mapping[str, Any]

    @property
    def passed(self) -> bool:
        """Whether the challenger may be served; alone, nothing speaks against it."""
        return self.judged is None or self.judged.comparison.verdict.passed

    @property
    def verdict(self) -> str:
        return self.judged.comparison.verdict.word if self.judged else "no champion"


def markdown(found: Retraining) -> str:
    """The whole report."""
    sections = [
        [f"# {found.challenger}" + (f" against {found.judged.champion}" if found.judged else "")],
        [*_verdict(found)],
        ["## What taught it", "", *_taught(found)],
        ["## Labels", "", *(f"- {line}" for line in labels(found))],
    ]
    if found.judged:
        sections += [
            ["## Before and after", "", *_before_and_after(found.judged)],
            ["## What changes for users", "", *(f"- {line}" for line in users(found.judged))],
        ]
    else:
        sections.append(["## Figures", "", *_figures(found.figures)])
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def labels(found: Retraining) -> list[str]:
    """What became of heads and labels, a line each."""
    changes = found.changes
    lines = [f"new: {shown(place)}" for place in found.new]
    lines += [
        f"renamed: {shown(place)} is now {new if place[1] is None else shown((place[0], new))}"
        for place, new in changes.renamed.items()
    ]
    lines += [f"dropped: {shown(place)}" for place in sorted(changes.dropped, key=shown)]
    lines += [f"in the posts, {what}: {count}" for what, count in found.changed.items()]
    lines += [f"asked, though the history has no post of it: {shown(place)}" for place in found.unseen]
    for name, added in found.added.items():
        if added.lost:
            lines.append(f"{name}: labels that are not asked, and teach nothing: {', '.join(added.lost)}")
    return lines or ["the same as before"] if found.judged else lines or ["as found in the data"]


def users(judged: Judged) -> list[str]:
    """What changes for those who use the answers, a line each."""
    found, posts = judged.users, judged.users.posts
    lines = []
    if found.owners is not None:
        lines.append(f"sent to another owner, with no person looking before or after: {_share(found.owners, posts)}")
    for name, answers in found.heads.items():
        most = "; ".join(f"{before} → {after} {count}" for before, after, count in answers.most)
        lines.append(
            f"another {name}: {_share(answers.changed, posts)}" + (f"; the most frequent: {most}" if most else "")
        )
    lines += [
        f"{flip.champion} → {flip.challenger}: {_share(flip.posts, posts)}; {flip.mended} of them no longer wrong, "
        f"{flip.broken} newly wrong"
        for flip in found.routes
    ]
    more = found.more_reviewed
    lines.append(
        f"a person looks at {found.reviewed_after} of {posts} posts instead of {found.reviewed_before}: "
        + (f"{abs(more):.0f} {'more' if more > 0 else 'fewer'} of every 1,000" if more else "as many as before")
    )
    if judged.tuned:
        lines.append(
            f"the thresholds of {judged.champion} were tuned, the challenger's are plain: what was promised holds no "
            "longer until it is tuned too (triage tune --apply)"
        )
    return lines


def _verdict(found: Retraining) -> Iterator[str]:
    judged = found.judged
    if judged is None:
        yield "**There is no champion to compare it with:** it is judged by itself."
        return
    verdict = judged.comparison.verdict
    because = f" ({', '.join(verdict.because)})" if verdict.because else ""
    yield f"**{_SAYS[verdict.word]}**{because}"
    yield ""
    aside = f"; {judged.set_aside} others taught one of the two, and are set aside" if judged.set_aside else ""
    yield f"Both were asked about {judged.comparison.posts} posts of the test part{aside}."
    if verdict.posts_needed:
        yield f"About {verdict.posts_needed:,} posts like these could say."
    yield ""
    yield RULE


def _taught(found: Retraining) -> Iterator[str]:
    yield "The history: " + ", ".join(f"{name} {posts}" for name, posts in found.parts.items()) + " posts."
    for name, added in found.added.items():
        yield (
            f"{name}: {len(added.examples)} posts more that can teach; {added.left_out} left out, which the history "
            "has or which belong to posts that judge."
        )
    yield ""
    yield "| mix | posts that teach | macro F1 on the dev part | best epoch |"
    yield "|---|---|---|---|"
    for each in found.trained:
        name = f"**{each.mix.name}**" if each.mix.name == found.chosen else each.mix.name
        yield f"| {name} | {sum(each.mix.taught.values())} | {each.dev_score:.3f} | {each.best_epoch} |"


def _before_and_after(judged: Judged) -> Iterator[str]:
    yield "In per cent and points, with 95 % intervals."
    yield ""
    yield "| | posts | before | after | difference | |"
    yield "|---|---|---|---|---|---|"
    comparison = judged.comparison
    for name, head in comparison.heads.items():
        yield _row(f"{name} accuracy", head.accuracy)
        yield _row(f"{name} macro F1", head.macro_f1)
    if comparison.routing:
        yield _row("automatic share", comparison.routing.handled)
        if comparison.routing.error:
            yield _row("wrong among these", comparison.routing.error)
    moved = [
        _row(f"{name} {label}: recall", recall)
        for name, head in comparison.heads.items()
        for label, recall in head.recalls.items()
        if recall.standing in {"better", "worse"}
    ]
    yield from moved
    if judged.left_out:
        yield ""
        yield from (f"- not compared: {_cell(line)}" for line in judged.left_out)


def _figures(figures: Mapping[str, Any]) -> Iterator[str]:
    yield "| head | posts | accuracy | macro F1 | 95 % |"
    yield "|---|---|---|---|---|"
    for name, head in figures["heads"].items():
        low, high = head["macro_f1_ci95"]
        yield f"| {name} | {head['n']} | {head['accuracy']:.3f} | {head['macro_f1']:.3f} | {low:.3f} to {high:.3f} |"


def _row(title: str, measure: Measure) -> str:
    found = measure.difference
    return (
        f"| {_cell(title)} | {found.posts} | {100 * found.champion:.1f} | {100 * found.challenger:.1f} "
        f"| {100 * found.value:+.1f} ({100 * found.low:+.1f} to {100 * found.high:+.1f}) | {measure.standing} |"
    )


def _share(posts: int, total: int) -> str:
    return f"{posts} of {total} posts ({posts / total:.1%})"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
