"""What two taxonomies have in common, so that two models can be compared on it."""

from dataclasses import dataclass

from data.errors import TaxonomyError
from data.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class SharedHeads:
    """The questions that two models both answer.

    Attributes:
        labels: by head, those that both know, in the champion's order.
        left_out: what is not compared, and why, a sentence each.
    """

    labels: dict[str, tuple[str, ...]]
    left_out: tuple[str, ...]


def shared_heads(champion: Taxonomy, challenger: Taxonomy) -> SharedHeads:
    """The heads of the same name and their labels of the same name.

    Raises:
        TaxonomyError: there is none.
    """
    labels: dict[str, tuple[str, ...]] = {}
    left_out = []
    sides = {"champion": champion, "challenger": challenger}
    names = [{head.name: head.labels for head in taxonomy} for taxonomy in sides.values()]
    for side, own, other in zip(sides, names, reversed(names), strict=True):
        left_out += [f"head {name}: only the {side} has it" for name in own if name not in other]
        for name in own:
            if name in other and (alone := [label for label in own[name] if label not in other[name]]):
                left_out.append(f"{name}: labels that only the {side} knows: {', '.join(alone)}")
    for name, known in names[0].items():
        common = tuple(label for label in known if label in names[1].get(name, ()))
        if common:
            labels[name] = common
    if not labels:
        raise TaxonomyError(
            f"champion and challenger have no head with a label in common: {champion.name!r} has {list(names[0])}, "
            f"{challenger.name!r} has {list(names[1])}; compare models of the same questions"
        )
    return SharedHeads(labels, tuple(left_out))


def joint_taxonomy(champion: Taxonomy, challenger: Taxonomy) -> Taxonomy:
    """The shared heads with the labels of both, to read labelled posts with.

    Raises:
        TaxonomyError: no head has a label in common.
    """
    heads = []
    for name in shared_heads(champion, challenger).labels:
        first, second = champion.head(name), challenger.head(name)
        labels = [*first.labels, *(label for label in second.labels if label not in first.labels)]
        optional = first.optional or second.optional
        heads.append({"name": name, "kind": first.kind, "optional": optional, "labels": labels})
    return Taxonomy.from_dict({"name": champion.name, "heads": heads})
