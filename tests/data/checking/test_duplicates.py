import random
from collections import Counter

import numpy as np
import pytest

from data.checking.duplicates import JUDGED_WORDS, MAX_COPIES, NearIndex
from data.checking.signatures import BANDS
from data.examples import posts_of
from data.starter_corpus import read_starter
from tests.data.checking.in_memory import near_duplicates

POST = "the parcel was left in the rain again and nobody rang the bell at all"


@pytest.mark.parametrize(
    "copy",
    [
        POST,
        f"@SkyHop {POST} #fail",
        POST.upper() + "!!",
        POST.replace("rain", "wind"),
        POST.replace("nobody", "nobdy"),
        "hi " + POST,
    ],
)
def test_a_copy_with_a_word_or_marks_changed_is_found(copy: str) -> None:
    assert near_duplicates(["something else that is long enough to judge", POST, copy]) == [(1, 2)]


@pytest.mark.parametrize(
    "other",
    [
        "the parcel was left with a neighbour and the driver rang twice, thank you very much",
        "nobody rang",
        "the bell in the rain: why was it that the parcel at the door rang and nobody left at all",
    ],
)
def test_another_post_on_the_same_matter_is_no_copy(other: str) -> None:
    assert near_duplicates([POST, other]) == []


def test_short_posts_are_not_judged() -> None:
    short = " ".join(["done"] * (JUDGED_WORDS - 1))
    assert near_duplicates([short, short]) == []


def test_a_post_of_twelve_words_is_known_again_when_one_of_them_is_changed() -> None:
    generator = random.Random(13)  # noqa: S311  # nothing secret
    longer = [text for text in posts_of(read_starter())[:1500] if 12 <= len(text.split()) <= 30]
    vocabulary = " ".join(longer).split()
    edited = []
    for text in longer:
        words = text.split()
        words[generator.randrange(len(words))] = generator.choice(vocabulary)
        edited.append(" ".join(words))
    found = set(near_duplicates([*longer, *edited]))
    known = sum((index, index + len(longer)) in found for index in range(len(longer)))
    assert known > 0.97 * len(longer)


def test_many_near_copies_of_one_post_are_each_paired_with_some_of_the_first() -> None:
    texts = [f"{POST} number {index}" for index in range(200)]
    pairs = near_duplicates(texts)
    assert {other for _, other in pairs} == set(range(1, 200))
    assert len(pairs) < 200 * (MAX_COPIES + 1)


def test_posts_with_one_frame_and_other_words_do_not_make_an_index_slow() -> None:
    """Each is a candidate of all others and a copy of none: what is compared stays bounded."""
    index, bands = NearIndex(), np.ones(BANDS, np.uint32)
    compared: Counter[int] = Counter()
    groups_of = index._groups

    def counted(number: int) -> frozenset[str]:
        compared[number] += 1
        return groups_of(number)

    index._groups = counted  # type: ignore[assignment]  # each comparison asks once
    for number in range(1500):
        line = f"line {number:05d} {'xyz'[number % 3] * 9} {number * 7919:09d} with some words more"
        index.add(number, line, bands)
    assert 0 < compared.total() <= 50 * 1500
