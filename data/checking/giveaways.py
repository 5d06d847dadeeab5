"""Words that give a label away: a model that learns them instead of the matter fails on strangers' posts."""

from collections import Counter, defaultdict
from collections.abc import Sequence, Set
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
    rows = [(_words(example.post.text), example.labels[head]) for example in examples if head in example.labels]
    seen: defaultdict[str, Counter[str | None]] = defaultdict(Counter)
    often: set[str] = set()
    for length in range(1, _LONGEST + 1):
        # An n-gram stands in no more rows than its parts do: most need no counter (Agrawal and Srikant 1994, Apriori).
        counts = Counter(ngram for words, _ in rows for ngram in _ngrams(words, length, often))
        often = {ngram for ngram, count in counts.items() if count >= min_rows}
        for words, label in rows:
            for ngram in _ngrams(words, length) & often:
                seen[ngram][label] += 1
    found: dict[str, Giveaway] = {}
    for ngram, labels in sorted(seen.items(), key=lambda item: (item[0].count(" "), item[0])):
        label, most = labels.most_common(1)[0]
        if most > max_share * labels.total() and not any(part in found for part in _parts(ngram)):
            found[ngram] = Giveaway(ngram, label, labels.total(), most / labels.total())
    return sorted(found.values(), key=lambda giveaway: (-giveaway.rows, giveaway.ngram))


def _words(text: str) -> list[str]:
    return [word.strip(".,!?;:\"'()“”‘’…-") for word in normalise(text).lower().split()]


def _ngrams(words: Sequence[str], length: int, parts: Set[str] = frozenset()) -> set[str]:
    """Those of a length; of `parts`, if any are given, only those made of two that overlap."""
    ngrams = set()
    for at in range(len(words) - length + 1):
        ngram = words[at : at + length]
        if all(ngram) and (not parts or (" ".join(ngram[1:]) in parts and " ".join(ngram[:-1]) in parts)):
            ngrams.add(" ".join(ngram))
    return ngrams


def _parts(ngram: str) -> set[str]:
    """Every shorter n-gram that stands in it."""
    words = ngram.split()
    return {
        " ".join(words[at : at + length]) for length in range(1, len(words)) for at in range(len(words) - length + 1)
    }
