"""The questions that the next model is asked: those of the last one, and what the new history says of them."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from data.errors import ConfigurationError, DataError, TaxonomyError
from data.found_taxonomy import find_taxonomy
from data.tables.reading import read_rows
from data.tables.rows import BadRow
from data.taxonomy import NO_LABEL, Head, Taxonomy
from training.retraining.changes import Changes, Place, places_of, shown

_MOST_LABELS = 500  # of a head; a column with more is none of labels
_NAMED = 20


@dataclass(frozen=True, slots=True)
class Seen:
    """How often each label stands in files, by column; as it stands there.

    Attributes:
        without: columns in which a post may have no label (null).
    """

    labels: Mapping[str, Counter[str]] = field(default_factory=dict)
    without: frozenset[str] = frozenset()

    @classmethod
    def of(cls, files: Sequence[Path], heads: Collection[str]) -> "Seen":
        """Count the labels of these heads.

        Raises:
            DataError: a file cannot be read, or a head has far too many labels to be one.
        """
        found: defaultdict[str, Counter[str]] = defaultdict(Counter)
        without = set()
        for path in files:
            for row in read_rows(path):
                if isinstance(row, BadRow):
                    continue
                for head in heads:
                    value = row.values.get(head, "")
                    if value is None or value == NO_LABEL:
                        without.add(head)
                    if isinstance(value, str) and value.strip() not in {"", NO_LABEL}:
                        found[head][value.strip()] += 1
                        if len(found[head]) > _MOST_LABELS:
                            raise DataError(
                                f"{path}: the column {head!r} has more than {_MOST_LABELS} different values; expected "
                                "labels"
                            )
        return cls(found, frozenset(without))

    def under(self, changes: Changes) -> dict[str, Counter[str]]:
        """The same by the names of now, without what is dropped."""
        found: dict[str, Counter[str]] = {}
        for old, counts in self.labels.items():
            head = changes.head(old)
            for label, count in counts.items():
                new = changes.label(head, label)
                if not changes.is_dropped(head, new):
                    found.setdefault(head, Counter())[new] += count
        return found

    def places(self, changes: Changes) -> set[Place]:
        """Every head, and every label under its head's name of now."""
        heads: set[Place] = {(head, None) for old in self.labels for head in (old, changes.head(old))}
        return heads | {(changes.head(head), label) for head, counts in self.labels.items() for label in counts}


@dataclass(frozen=True, slots=True)
class Questions:
    """What the next model is asked.

    Attributes:
        new: heads and labels that the champion does not know; empty without one.
        unseen: labels of which the new history has no post, though they are asked.
        columns: of the history, new and old, that look like labels, and are no head.
    """

    taxonomy: Taxonomy
    new: Sequence[Place] = ()
    unseen: Sequence[Place] = ()
    columns: Sequence[str] = ()


def questions(
    champion: Taxonomy | None,
    history: Sequence[Path],
    old: Sequence[Path],
    changes: Changes,
    given: Taxonomy | None,
    name: str,
) -> Questions:
    """Make the next taxonomy: the one given; else the champion's, with the new labels of the history; else as found.

    Kinds, order, definitions and routing of the champion's heads stay. Every head and label that the champion or the
    old history knows must be accounted for in `changes`, or stand in the new history; if a taxonomy is given, in that.

    Args:
        name: of the taxonomy, where it is found in the data.

    Raises:
        ConfigurationError: something is not accounted for, or `changes` names what nobody knows.
        DataError, TaxonomyError: the files or the labels cannot be used.
    """
    found = None if given else _found(history, name, needed=champion is None)
    heads = {head.name for taxonomy in (champion, given, None if champion else found) if taxonomy for head in taxonomy}
    heads |= {name for (old_name, label), new in changes.renamed.items() if label is None for name in (old_name, new)}
    heads |= {head for head, label in changes.dropped | changes.kept if label is None}
    in_history, in_old = Seen.of(history, heads), Seen.of(old, heads)
    _check_known(changes, [champion, given], [in_history, in_old])
    seen, seen_before = in_history.under(changes), in_old.under(changes)
    before = changes.taxonomy(champion) if champion else None
    if given:
        taxonomy = given
    elif before:
        taxonomy = Taxonomy(before.name, tuple(_grown(head, seen, changes) for head in before), before.routing)
    else:
        base = changes.taxonomy(found) if found else Taxonomy(name, ())
        taxonomy = replace(base, heads=tuple(_grown(head, seen, changes) for head in base))
    _check_accounted(taxonomy, before, changes, seen, seen_before, listed=given is not None)
    if not given:  # as in a taxonomy that is found in the data
        optional = {changes.head(head) for head in in_history.without}
        heads_now = (replace(head, optional=head.optional or head.name in optional) for head in taxonomy)
        taxonomy = replace(taxonomy, heads=tuple(heads_now))
    taxonomy = Taxonomy.from_dict(taxonomy.to_dict())  # with all that makes one valid
    known = set(places_of(before)) if before else set(places_of(taxonomy))
    asked = list(places_of(taxonomy))
    looking = [*(found or ()), *(() if given or not old else _found(old, name, needed=False) or ())]
    columns = list(dict.fromkeys(head.name for head in looking if not _is_asked(head.name, taxonomy, changes)))
    return Questions(
        taxonomy,
        [place for place in asked if place not in known],
        [(head, label) for head, label in asked if label is not None and label not in seen.get(head, ())],
        columns,
    )


def for_reading(taxonomy: Taxonomy, changes: Changes, files: Sequence[Path]) -> Taxonomy:
    """The taxonomy with which posts are read that may carry old names: these and what is dropped are no bad labels."""
    heads = []
    for head in taxonomy:
        old = [label for (name, label), _ in changes.renamed.items() if name == head.name and label is not None]
        old += [label for name, label in sorted(changes.dropped, key=shown) if name == head.name and label is not None]
        labels = tuple(dict.fromkeys([*head.labels, *old]))
        definitions = ("",) * len(labels)
        heads += [
            replace(head, name=name, labels=labels, definitions=definitions) for name in changes.old_heads(head.name)
        ]
    dropped = [head for head, label in changes.dropped if label is None]
    names = [old for head in sorted(dropped) for old in changes.old_heads(head)]
    for name, counts in Seen.of(files, names).labels.items():
        heads.append(Head(name, tuple(sorted(counts)), ("",) * len(counts), optional=True))
    return Taxonomy(taxonomy.name, tuple(heads))


def _found(history: Sequence[Path], name: str, *, needed: bool) -> Taxonomy | None:
    try:
        return find_taxonomy(history, name)
    except DataError:
        if needed:
            raise
        return None


def _grown(head: Head, seen: Mapping[str, Counter[str]], changes: Changes) -> Head:
    """A head with the labels of the history, and those that are kept though nobody knows them yet."""
    kept = {label for name, label in changes.kept if name == head.name and label is not None}
    new = sorted({*seen.get(head.name, ()), *kept} - set(head.labels))
    if new and head.kind == "ordinal":
        raise TaxonomyError(
            f"{head.name} has new labels, {', '.join(new)}, and its labels have an order: write where they stand in it "
            "into a taxonomy (triage models show tells of today's) and give that: --taxonomy FILE"
        )
    return replace(head, labels=(*head.labels, *new), definitions=(*head.definitions, *([""] * len(new))))


def _check_known(changes: Changes, taxonomies: Sequence[Taxonomy | None], files: Sequence[Seen]) -> None:
    known = {place for seen in files for place in seen.places(changes)}
    for taxonomy in taxonomies:
        for head, label in places_of(taxonomy) if taxonomy else ():
            known |= {(head, label), (changes.head(head), label)}
    targets = {(head, new) for (head, label), new in changes.renamed.items() if label is not None}
    wrong = [f"--rename {shown(place)}" for place in changes.renamed if place not in known]
    wrong += [f"--drop {shown(place)}" for place in changes.dropped if place not in known | targets]
    wrong += [f"--keep {shown(place)}" for place in changes.kept if place not in known | targets]
    if wrong:
        raise ConfigurationError(
            f"{', '.join(sorted(wrong))}: expected a head or label of the champion or of the posts; found none of "
            "that name"
        )


def _check_accounted(
    taxonomy: Taxonomy,
    before: Taxonomy | None,
    changes: Changes,
    seen: Mapping[str, Counter[str]],
    seen_before: Mapping[str, Counter[str]],
    *,
    listed: bool,
) -> None:
    """Refuse to lose a head or label silently."""
    fresh = {(head, new) for (head, label), new in changes.renamed.items() if label is not None}
    asked = set(places_of(taxonomy))

    def accounted(head: str, label: str | None) -> bool:
        if (head, label) not in asked:
            return False
        if listed or {(head, None), (head, label)} & changes.kept:
            return True
        return bool(seen.get(head)) if label is None else label in seen.get(head, ()) or (head, label) in fresh

    lost: dict[Place, str] = {}
    for head, label in places_of(before) if before else ():
        if not accounted(head, label) and (head, None) not in lost:
            lost[head, label] = "the champion"
    for head, counts in seen_before.items():
        gone = [(head, label) for label in counts if (head, None) in asked and (head, label) not in asked]
        lost |= {place: "the old history" for place in gone if place not in lost}
    if lost:
        raise _refusal(lost, listed=listed)


def _refusal(lost: Mapping[Place, str], *, listed: bool) -> ConfigurationError:
    names = [f"{shown(place)} (of {who})" for place, who in lost.items()]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    example = shown(next(iter(lost)))
    lacking, still = (
        ("the taxonomy given names no", "or name it in the taxonomy")
        if listed
        else ("the new history has no post of", f"or --keep {example}")
    )
    return ConfigurationError(
        f"{lacking} {', '.join(names[:_NAMED])}{more}. Say what became of each, since a label is not lost silently: "
        f"--rename {example}=NEW, --drop {example}, {still} where it is still an answer. Where none of the champion's "
        "questions is asked any more: --champion none"
    )


def _is_asked(column: str, taxonomy: Taxonomy, changes: Changes) -> bool:
    head = changes.head(column)
    return changes.is_dropped(head) or any(asked.name == head for asked in taxonomy)
