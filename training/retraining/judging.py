"""A challenger against the champion on the frozen test part, and what changes for those who use the answers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from data.posts import Example
from evaluation.comparison.compare import Comparison, Contender, compare
from evaluation.comparison.verdict import Margins
from evaluation.flips import Flip, flips_of
from model.decision import Decision, decide

_MOST = 5


@dataclass(frozen=True, slots=True)
class Answers:
    """How one head's answers change.

    Attributes:
        changed: posts that get another label.
        most: the most frequent changes: label before, label after, posts.
    """

    changed: int
    most: Sequence[tuple[str, str, int]]


@dataclass(frozen=True, slots=True)
class ForUsers:
    """What changes for those who use the answers; right or wrong is not asked here.

    Attributes:
        heads: that both models answer.
        owners: posts that no person looks at before or after, and that go to another owner, nobody counting as one;
            `None` where no head names owners.
        reviewed_before, reviewed_after: posts that a person looks at.
        routes: the most frequent changes of what is done with a post.
    """

    posts: int
    heads: Mapping[str, Answers]
    owners: int | None
    reviewed_before: int
    reviewed_after: int
    routes: Sequence[Flip]

    @property
    def more_reviewed(self) -> float:
        """Of 1,000 posts, how many more a person looks at; below 0: fewer."""
        return 1000 * (self.reviewed_after - self.reviewed_before) / self.posts


def judge(
    examples: Sequence[Example], champion: Contender, challenger: Contender, margins: Margins
) -> tuple[Comparison, ForUsers]:
    """Compare two models on posts that taught neither; both under the policy that is served with them.

    Args:
        champion: under the names of now, see `Changes.answers`.

    Raises:
        DataError: no post carries a label that both know.
    """
    comparison = compare(examples, champion, challenger, margins)
    before, after = decide(champion.scores, champion.policy), decide(challenger.scores, challenger.policy)
    owner = champion.policy.owner if champion.policy.owner == challenger.policy.owner else None
    return comparison, _for_users(examples, before, after, owner)


def _for_users(
    examples: Sequence[Example], before: Sequence[Decision], after: Sequence[Decision], owner: str | None
) -> ForUsers:
    shared = [name for name in before[0].heads if name in after[0].heads]
    pairs = list(zip(before, after, strict=True))
    return ForUsers(
        posts=len(examples),
        heads={
            name: _answers([(old.heads[name].label, new.heads[name].label) for old, new in pairs]) for name in shared
        },
        owners=sum(map(_sent_elsewhere, before, after)) if owner else None,
        reviewed_before=sum(decision.action == "review" for decision in before),
        reviewed_after=sum(decision.action == "review" for decision in after),
        routes=flips_of(examples, before, after, owner)[:_MOST],
    )


def _answers(labels: Sequence[tuple[str, str]]) -> Answers:
    changed = Counter(pair for pair in labels if pair[0] != pair[1])
    return Answers(changed.total(), [(*pair, posts) for pair, posts in changed.most_common(_MOST)])


def _sent_elsewhere(before: Decision, after: Decision) -> bool:
    return "review" not in (before.action, after.action) and before.owner != after.owner
