"""Words that give a label away: a model that learns them instead of the matter fails on strangers' posts."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from data.normalise import normalise
from data.posts import Example

MIN_ROWS = 20
MAX_SHARE = 0.9
_LONGEST = 3


@dataclass(frozen=True, slots=True)
class Giveaway:
    """An n-gram almost all of whose rows carry one label.

    Attributes:
        rows: how many rows hold the n-gram and know the head's label.
        share: of these rows that carry `label`.
    """

    ngram: str
    label: str | None
    rows: int
    share: float


def giveaways(
    examples: Sequence[Example], head: str, min_rows: int = MIN_ROWS, max_share: float = MAX_SHARE
) -> list[Giveaway]:
    """All n-grams of one to three words in `min_rows` rows or more, of which one label has over `max_share`.

    A longer n-gram is left out where a part of it is given already. Most frequent first.
    """
    seen: defaultdict[str, Counter[str | None]] = defaultdict(Counter)
    for example in examples:
        if head in example.labels:
            for ngram in _ngrams(example.post.text):
                seen[ngram][example.labels[head]] += 1
    found: dict[str, Giveaway] = {}
    for ngram, counts in sorted(seen.items(), key=lambda item: (item[0].count(" "), item[0])):
        rows = counts.total()
        label, most = counts.most_common(1)[0]
        if rows >= min_rows and most > max_share * rows and not any(part in found for part in _parts(ngram)):
            found[ngram] = Giveaway(ngram, label, rows, most / rows)
    return sorted(found.values(), key=lambda giveaway: (-giveaway.rows, giveaway.ngram))


def _ngrams(text: str) -> set[str]:
    words = normalise(text).lower().split()
    plain = [word.strip(".,!?;:\"'()“”‘’…-") for word in words]
    return {
        " ".join(plain[at : at + length])
        for length in range(1, _LONGEST + 1)
        for at in range(len(plain) - length + 1)
        if all(plain[at : at + length])
    }


def _parts(ngram: str) -> set[str]:
    """Every shorter n-gram that stands in it."""
    words = ngram.split()
    return {
        " ".join(words[at : at + length]) for length in range(1, len(words)) for at in range(len(words) - length + 1)
    }
