"""How far two people agree who labelled the same posts."""

from collections.abc import Mapping, Sequence

from sklearn.metrics import cohen_kappa_score

from data.taxonomy import Taxonomy

_NOBODY = "(none)"


def agreement(
    readings: Sequence[tuple[Mapping[str, str | None], Mapping[str, str | None]]], taxonomy: Taxonomy
) -> dict[str, float]:
    """Cohen's kappa (1960) of each head; of an ordinal one with quadratic weights (Cohen 1968).

    "No label applies" counts as a label of a nominal head.

    Args:
        readings: the labels by head that each of the two gave to a post.
    """
    kappas = {}
    for head in taxonomy:
        first, second = ([labels[head.name] or _NOBODY for labels in side] for side in zip(*readings, strict=True))
        ordinal = head.kind == "ordinal"
        kappas[head.name] = float(
            cohen_kappa_score(
                first,
                second,
                labels=list(head.labels) if ordinal else [*head.labels, _NOBODY],
                weights="quadratic" if ordinal else None,
            )
        )
    return kappas
