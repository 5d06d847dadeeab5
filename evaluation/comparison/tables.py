"""A comparison as tables for a terminal of 80 columns."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from evaluation.comparison.compare import ComparedHead, Comparison
from evaluation.comparison.paired import Difference
from evaluation.comparison.verdict import RULE, Measure
from evaluation.flips import FlippedPost

_STYLES = {"better": "green", "not worse": "", "worse": "bold red", "unknown": "yellow", "unclear": "yellow"}


def figures(comparison: Comparison) -> Table:
    """A line for each figure that counts for the verdict, but for the labels."""
    table = _table(f"{comparison.posts} posts; shares in %", "", "before", "after", "points, 95 %", "Holm p", "")
    rows: list[tuple[str, Measure | None]] = []
    for name, head in comparison.heads.items():
        rows += [(f"{name} accuracy", head.accuracy), (f"{name} macro F1", head.macro_f1)]
    if comparison.routing:
        rows += [("automatic share", comparison.routing.handled), ("wrong among these", comparison.routing.error)]
    for title, measure in rows:
        if measure:
            table.add_row(Text(title), *_numbers(measure.difference), f"{measure.adjusted_p:.3f}", _standing(measure))
    return table


def right_and_wrong(comparison: Comparison) -> Table:
    """A line a head: the posts that one of the two gets right."""
    table = _table("posts that only one gets right", "head", "posts", "before", "after", "McNemar p")
    for name, head in comparison.heads.items():
        posts = head.accuracy.difference.posts
        table.add_row(Text(name), *map(str, (posts, head.lost, head.gained)), f"{head.mcnemar_p:.3f}")
    return table


def recalls(name: str, head: ComparedHead) -> Table:
    """A line a label of a head."""
    table = _table(f"{name}: recall", "label", "posts", "before", "after", "points, 95 %", "")
    for label, measure in head.recalls.items():
        found = measure.difference
        table.add_row(Text(label), str(found.posts), *_numbers(found), _standing(measure))
    return table


def flips(comparison: Comparison) -> Table:
    """A line for each kind of changed decision."""
    total = sum(flip.posts for flip in comparison.flips)
    title = f"changed decisions: {total} of {comparison.posts}"
    table = _table(title, "before", "after", "posts", "no longer wrong", "newly wrong")
    table.columns[1].justify = "left"
    for flip in comparison.flips:
        table.add_row(Text(flip.champion), Text(flip.challenger), *map(str, (flip.posts, flip.mended, flip.broken)))
    return table


def flipped_posts(posts: Sequence[FlippedPost], texts: Sequence[str] | None) -> Table:
    """A few changed decisions.

    Args:
        texts: of the posts; without them only their places in the files are shown.
    """
    table = Table(title="the surest changes", title_justify="left", show_lines=True)
    for column in ("post", "before", "after", "right"):
        table.add_column(column, overflow="fold")
    for place, post in enumerate(posts):
        where = post.origin or f"post {post.row + 1}"
        table.add_row(
            Text(f"{where}\n{texts[place]}" if texts else where),
            Text("\n".join([post.champion, *post.champion_labels.values()])),
            Text("\n".join([post.challenger, *post.challenger_labels.values()])),
            Text("\n".join(["", *(_gold(post, head) for head in post.champion_labels)])),
        )
    return table


def verdict(comparison: Comparison) -> Text:
    """The verdict, what it rests on, and the rule."""
    found = comparison.verdict
    text = Text.assemble("verdict: ", (found.word, _STYLES[found.word] or "bold"))
    if found.because:
        text.append(f" ({', '.join(found.because)})")
    if found.posts_needed:
        text.append(f"\nToo few posts to say: about {found.posts_needed:,} like these could.")
    unknown = [
        f"{name} {label}"
        for name, head in comparison.heads.items()
        for label, measure in head.recalls.items()
        if measure.standing == "unknown"
    ]
    if unknown:
        text.append(f"\nLabels of which too little is known to say: {', '.join(unknown)}.")
    return text.append(f"\n{RULE}", style="dim")


def _gold(post: FlippedPost, head: str) -> str:
    return (post.gold[head] or "none of them") if head in post.gold else "not known"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=Text(title), box=SIMPLE_HEAD, show_edge=False, title_justify="left", padding=(0, 0, 0, 1))
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left", no_wrap=place > 0)
    return table


def _numbers(found: Difference) -> tuple[str, str, str]:
    """In per cent, and points."""
    difference = f"{100 * found.value:+.1f}  {100 * found.low:+.1f} to {100 * found.high:+.1f}"
    return f"{100 * found.champion:.1f}", f"{100 * found.challenger:.1f}", difference


def _standing(measure: Measure) -> Text:
    return Text(measure.standing, style=_STYLES[measure.standing])
