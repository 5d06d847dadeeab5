"""Heads and labels that were renamed or dropped, as their user says, and posts and models brought to the new names."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from data.errors import ConfigurationError
from data.posts import Example
from data.taxonomy import Head, Routing, Taxonomy
from model.policy import HeadPolicy, Novelty, Policy
from model.scores import Scores

Place = tuple[str, str | None]
"""A head and one of its labels, or the head as a whole."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What became of heads and labels.

    Attributes:
        renamed: the new name of a label by where it stood; of a head where the label is `None`. Labels stand under the
            new name of their head.
        dropped: what is asked no longer.
        kept: what is still an answer though the new history has none of it.
    """

    renamed: Mapping[Place, str] = field(default_factory=dict)
    dropped: frozenset[Place] = frozenset()
    kept: frozenset[Place] = frozenset()

    @classmethod
    def parse(cls, renames: Sequence[str], drops: Sequence[str], keeps: Sequence[str]) -> "Changes":
        """From `HEAD.OLD=NEW` or `HEAD=NEW`, and from `HEAD.LABEL` or `HEAD`.

        Raises:
            ConfigurationError: one is of another form, or two contradict each other.
        """
        heads: dict[Place, str] = {}
        labels: dict[Place, str] = {}
        for text in renames:
            left, equals, new = text.partition("=")
            head, dot, label = left.partition(".")
            if not equals or not head or not new.strip() or (dot and not label):
                raise ConfigurationError(f"--rename {text!r}: expected HEAD.OLD=NEW, or HEAD=NEW for a whole head")
            known, place = (labels, (head, label)) if dot else (heads, (head, None))
            if known.setdefault(place, new.strip()) != new.strip():
                raise ConfigurationError(f"--rename {text!r}: {left} is renamed to {known[place]!r} already")
        parsed = cls(heads)
        changes = cls(
            {**heads, **{(parsed.head(head), label): new for (head, label), new in labels.items()}},
            frozenset(parsed._place(text, "--drop") for text in drops),
            frozenset(parsed._place(text, "--keep") for text in keeps),
        )
        changes._check()
        return changes

    def head(self, name: str) -> str:
        """The name of a head by now."""
        return self.renamed.get((name, None), name)

    def label(self, head: str, label: str) -> str:
        """The name of a label by now.

        Args:
            head: its name by now.
        """
        return self.renamed.get((head, label), label)

    def is_dropped(self, head: str, label: str | None = None) -> bool:
        """Whether a head, or a label under its name by now, is asked no longer."""
        return (head, None) in self.dropped or (head, label) in self.dropped

    def old_heads(self, head: str) -> list[str]:
        """Under which names posts may carry a head, the one of now first."""
        return [head, *(old for (old, label), new in self.renamed.items() if label is None and new == head)]

    def labels_of(self, examples: Sequence[Example]) -> tuple[list[Example], Counter[str]]:
        """The examples under the names of now, without those that have no label left; and what changed how often."""
        changed: Counter[str] = Counter()
        found = []
        for example in examples:
            labels: dict[str, str | None] = {}
            for old_head, old in example.labels.items():
                head = self.head(old_head)
                new = None if old is None else self.label(head, old)
                if self.is_dropped(head) or (new is not None and self.is_dropped(head, new)):
                    changed[f"{shown((head, new))} dropped"] += 1
                elif head == old_head or head not in example.labels:  # a post may carry both names of a head
                    labels[head] = new
                    if (head, new) != (old_head, old):
                        changed[f"{shown((old_head, old))} is now {shown((head, new))}"] += 1
            if labels:
                found.append(replace(example, labels=labels))
        return found, changed

    def taxonomy(self, old: Taxonomy) -> Taxonomy:
        """An old taxonomy under the names of now, without what is dropped; labels of one name are one."""
        heads = []
        for head in old:
            name = self.head(head.name)
            kept: dict[str, str] = {}
            for label, definition in zip(head.labels, head.definitions, strict=True):
                new = self.label(name, label)
                if not self.is_dropped(name, new):
                    kept[new] = kept.get(new) or definition
            if not self.is_dropped(name):
                heads.append(replace(head, name=name, labels=tuple(kept), definitions=tuple(kept.values())))
        return Taxonomy(old.name, tuple(heads), old.routing and self._routing(old.routing, heads))

    def answers(self, scores: Scores, policy: Policy) -> tuple[Scores, Policy]:
        """What an old model says, under the names of now, so that nothing is held against it but its answers.

        It chooses as it did: labels that are one by now stay two answers of one name.
        """
        heads = {self.head(name): self._head_policy(self.head(name), head) for name, head in policy.heads.items()}
        logits = {self.head(name): values for name, values in scores.logits.items()}
        renamed = policy.model_copy(
            update={
                "heads": heads,
                "owner": policy.owner and self.head(policy.owner),
                "unowned": {
                    self.head(name): tuple(self.label(self.head(name), label) for label in labels)
                    for name, labels in policy.unowned.items()
                },
                "novelty": policy.novelty
                and Novelty(head=self.head(policy.novelty.head), threshold=policy.novelty.threshold),
            }
        )
        return Scores(logits, scores.embedding), renamed

    def _head_policy(self, name: str, head: HeadPolicy) -> HeadPolicy:
        thresholds: dict[str, float] = {}
        for label in head.labels:  # of labels that are one by now, the more cautious
            new = self.label(name, label)
            thresholds[new] = max(head.threshold_of(label), thresholds.get(new, 0.0))
        labels = tuple(self.label(name, label) for label in head.labels)
        return head.model_copy(update={"labels": labels, "label_thresholds": thresholds})

    def _routing(self, routing: Routing, heads: Sequence[Head]) -> Routing | None:
        labels = {head.name: head.labels for head in heads}
        owner = self.head(routing.owner)
        if owner not in labels:
            return None
        unowned: dict[str, tuple[str, ...]] = {}
        for old, names in routing.unowned.items():
            head = self.head(old)
            now = dict.fromkeys(self.label(head, name) for name in names)
            if left := tuple(name for name in now if name in labels.get(head, ())):
                unowned[head] = left
        return Routing(owner, unowned)

    def _place(self, text: str, flag: str) -> Place:
        head, dot, label = text.partition(".")
        if not head or (dot and not label):
            raise ConfigurationError(f"{flag} {text!r}: expected HEAD.LABEL, or HEAD for a whole head")
        name = self.head(head)
        return name, label if dot else None

    def _check(self) -> None:
        for place, new in self.renamed.items():
            head, label = place
            target = (new, None) if label is None else (head, new)
            if target in self.renamed or target == place:
                raise ConfigurationError(f"--rename: {shown(target)} is an old name and a new one; name the last")
            for flag, places in (("--drop", self.dropped), ("--keep", self.kept)):
                if place in places:
                    raise ConfigurationError(f"{flag} {shown(place)}: it is renamed too; do one of the two")
        if both := sorted(map(shown, self.dropped & self.kept)):
            raise ConfigurationError(f"--drop and --keep both name {', '.join(both)}")


def shown(place: Place) -> str:
    """As it is written on the command line."""
    head, label = place
    return head if label is None else f"{head}.{label}"


def places_of(taxonomy: Taxonomy) -> Iterator[Place]:
    """Every head and label."""
    for head in taxonomy:
        yield head.name, None
        yield from ((head.name, label) for label in head.labels)
