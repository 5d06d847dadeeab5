"""Words that give a label away: a model that learns them instead of the matter fails on strangers' posts."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence, Set
from dataclasses import dataclass

from data.normalise import normalise, same_text
from data.posts import Example

MIN_POSTS = 20
MAX_SHARE = 0.9
MAX_CHANCE = 0.01
"""That chance alone makes one n-gram of all that are looked at a giveaway."""

_LONGEST = 3


@dataclass(frozen=True, slots=True)
class Giveaway:
    """An n-gram almost all of whose posts carry one label.

    Attributes:
        posts: how many different posts hold the n-gram and know the head's label.
        share: of these posts that carry `label`.
        base: share of all posts that carry it.
    """

    ngram: str
    label: str | None
    posts: int
    share: float
    base: float


def giveaways(
    examples: Sequence[Example], head: str, min_posts: int = MIN_POSTS, max_share: float = MAX_SHARE
) -> list[Giveaway]:
    """All n-grams of one to three words in `min_posts` posts or more, of which one label has over `max_share`.

    Equal posts of one label count once. Where most posts carry a label, so do those of most words: an n-gram is none
    if as many of its posts would carry the label by chance, drawn from all posts, with a probability of `MAX_CHANCE`
    over the number of n-grams looked at (Bonferroni).

    A longer n-gram is left out where a part of it is given already. Most frequent first.
    """
    known = [(example, example.labels[head]) for example in examples if head in example.labels]
    different = {(same_text(example.post.text), label): example.post.text for example, label in known}
    rows = [(_words(text), label) for (_, label), text in different.items()]
    base = Counter(label for _, label in rows)
    seen: defaultdict[str, Counter[str | None]] = defaultdict(Counter)
    often: set[str] = set()
    for length in range(1, _LONGEST + 1):
        # An n-gram stands in no more rows than its parts do: most need no counter (Agrawal and Srikant 1994, Apriori).
        counts = Counter(ngram for words, _ in rows for ngram in _ngrams(words, length, often))
        often = {ngram for ngram, count in counts.items() if count >= min_posts}
        for words, label in rows:
            for ngram in _ngrams(words, length) & often:
                seen[ngram][label] += 1
    least = math.log(max(len(seen), 1) / MAX_CHANCE)
    found: dict[str, Giveaway] = {}
    for ngram, labels in sorted(seen.items(), key=lambda item: (item[0].count(" "), item[0])):
        label, most = labels.most_common(1)[0]
        posts, share, usual = labels.total(), most / labels.total(), base[label] / len(rows)
        if (
            most > max_share * posts
            and posts * _surprise(share, usual) > least
            and not any(part in found for part in _parts(ngram))
        ):
            found[ngram] = Giveaway(ngram, label, posts, share, usual)
    return sorted(found.values(), key=lambda giveaway: (-giveaway.posts, giveaway.ngram))


def _surprise(share: float, base: float) -> float:
    """Divergence of a share from the base rate, in nats; 0 where it is no higher.

    The binomial probability of so many of n posts is at most exp(-n * divergence) (Hoeffding 1963, theorem 1).
    """
    if share <= base:
        return 0.0
    rest = (1 - share) * math.log((1 - share) / (1 - base)) if share < 1 else 0.0
    return share * math.log(share / base) + rest


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
