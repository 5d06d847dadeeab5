"""Noise changes how a post is written, not what it says."""

import re
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.noise import _NEIGHBOURS, add_noise

POST = "@SkyHop the flight to Cork was cancelled, again. See #cork https://t.co/ab12Cd please"


def noised(text: str, count: int = 400) -> list[str]:
    return [add_noise(text, Random(seed)) for seed in range(count)]  # noqa: S311  # nothing secret


@given(st.text(), st.integers())
@settings(deadline=None, max_examples=200)
def test_any_text_is_taken_and_none_is_lost(text: str, seed: int) -> None:
    assert add_noise(text, Random(seed)) or not text  # noqa: S311  # as above


def test_equal_seeds_give_equal_texts() -> None:
    assert noised(POST) == noised(POST)


def test_nearly_every_draw_changes_the_post_and_draws_differ() -> None:
    texts = noised(POST)
    assert sum(text != POST for text in texts) > 0.95 * len(texts)
    assert len(set(texts)) > 0.7 * len(texts)


def test_the_number_of_handles_in_front_says_nothing_about_the_post() -> None:
    def count(text: str) -> int:
        return len(re.findall(r"^(?:@\w+ )*", text)[0].split())

    kinds = ["@a1 @b2 @c3 @d4 what a game", "still waiting for my refund"]
    counts = [[count(text) for text in noised(kind, 1000)] for kind in kinds]
    assert abs(sum(counts[0]) - sum(counts[1])) < 0.15 * sum(counts[1])


def test_most_words_are_left_as_they_are() -> None:
    words = set(re.findall(r"[a-z]+", POST.lower())) - {"skyhop", "https", "t", "co", "ab", "cd", "cork"}
    kept = [len(words & set(re.findall(r"[a-z]+", text.lower()))) / len(words) for text in noised(POST)]
    assert sum(kept) / len(kept) > 0.85


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [
        ("case", r"^@?\w* ?THE FLIGHT|^[^A-Z]+$"),
        ("punctuation dropped", r"cancelled again|please$"),
        ("other punctuation", r"please(!|\.)$"),
        ("drawn out", r"([a-z])\1\1"),
        ("emoji", r"[😡😂🙏👍😭🙄🤦❤]"),
        ("another handle in front", r"^@(?!SkyHop)\w+ the"),
        ("several handles", r"^(@\w+ ){3,}the"),
        ("no handle", r"^(?!.*@).*flight"),
        ("hashtags added", r"please( #\w+)+"),
        ("hashtag left out", r"^(?!.*#).*flight"),
        ("debris in front", r"^(RT|1/2|2/2|\(cont\)|Re:|Fwd:|FW:|>|\.\.\.|\^JM) "),
        ("link swapped", r"https://t\.co/(?!ab12Cd)\w+"),
        ("link left out", r"^(?!.*https).*See"),
    ],
)
def test_every_kind_of_noise_occurs(kind: str, pattern: str) -> None:
    assert [text for text in noised(POST) if re.search(pattern, text)], kind


def test_a_typo_is_a_near_key() -> None:
    assert set(_NEIGHBOURS["g"]) == set("fhtyvb")
    assert set(_NEIGHBOURS["q"]) == set("wa")
    assert set(_NEIGHBOURS["m"]) == set("njk")
    assert all(key in _NEIGHBOURS[near] for key, keys in _NEIGHBOURS.items() for near in keys)
