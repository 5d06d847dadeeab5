"""Posts that stand twice, to the letter or nearly."""

import re
from collections import defaultdict
from collections.abc import Sequence

from datasketch import MinHash, MinHashLSH

from data.normalise import same_text

NEAR = 0.6
"""Jaccard similarity of two posts' letter groups from which one is a copy of the other: of two posts of twelve words,
one word was changed or added."""

JUDGED_WORDS = 6
"""Shorter posts ("thanks, sent") are alike because strangers do write alike."""

MAX_COPIES = 20
"""Of one post; further ones are compared with these, not with each other."""

_SHINGLE = 4
_PERMUTATIONS = 128
_SEED = 13
_MARKS = re.compile(r"[@#]\w+|\W+")


def exact_duplicates(texts: Sequence[str]) -> list[list[int]]:
    """Groups of two or more posts that are equal (see `same_text`), in the order of the first."""
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for index, text in enumerate(texts):
        groups[same_text(text)].append(index)
    return [group for group in groups.values() if len(group) > 1]


def near_duplicates(texts: Sequence[str], similarity: float = NEAR) -> list[tuple[int, int]]:
    """Pairs of posts whose sets of four-letter groups overlap by `similarity` or more, in order.

    Handles, hashtags, punctuation and case are set aside: copies that name two companies are copies. Posts of fewer
    than `JUDGED_WORDS` words have no near-duplicates. Candidates are found by MinHash (Broder 1997) in a
    locality-sensitive index and then compared exactly: no pair is given wrongly, one at the threshold may be missed.
    Of a post with very many copies only the first `MAX_COPIES` are paired with the others.
    """
    shingles = [_shingles(text) for text in texts]
    index = MinHashLSH(threshold=similarity, num_perm=_PERMUTATIONS)
    pairs = []
    hashes = MinHash.bulk(
        [[group.encode() for group in groups] for groups in shingles], num_perm=_PERMUTATIONS, seed=_SEED
    )
    for number, (groups, minhash) in enumerate(zip(shingles, hashes, strict=True)):
        if not groups:
            continue
        copies = [
            other
            for other in sorted(index.query(minhash))
            if len(groups & shingles[other]) >= similarity * len(groups | shingles[other])
        ]
        pairs += [(other, number) for other in copies]
        if len(copies) < MAX_COPIES:  # or a bot's message, sent ten thousand times, would be compared with itself
            index.insert(number, minhash)
    return sorted(pairs)


def _shingles(text: str) -> set[str]:
    """Empty where the post is too short to be judged."""
    plain = _MARKS.sub(" ", same_text(text)).split()
    if len(plain) < JUDGED_WORDS:
        return set()
    line = " ".join(plain)
    return {line[at : at + _SHINGLE] for at in range(len(line) - _SHINGLE + 1)}
