"""From a survey come the same parts as from posts in memory; and near copies stay together."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import DataError
from data.posts import Example, Post
from data.splitting.dealing import EQUAL_EARLIER, GROUP_EARLIER, NEAR_EARLIER, Deal, deal
from data.splitting.parts import split_at_random, split_by_group, split_by_time
from data.taxonomy import Taxonomy

SHARES = {"train": 0.5, "dev": 0.2, "test": 0.3}
LONG = "the parcel was left in the rain again and nobody rang the bell"
NEAR = LONG.replace("rain", "snow")
HEADS = Taxonomy.from_dict({"name": "toy", "heads": [{"name": "intent", "labels": ["x", "y"]}]})
NAMES = st.none() | st.sampled_from(["a", "b", "text:x", "g\ud83d", "\U0001f600"]) | st.text(max_size=3)
TIMES = st.sampled_from(
    ["2026-01-01", "2026-01-01T01:00:00+01:00", "2025-12-31T23:59:59.999999Z", "0001-01-01T00:00:00"]
)
EXAMPLES = st.lists(
    st.builds(
        lambda text, group, author, time: Example(Post(text, author=author, time=time), {"intent": "x"}, group=group),
        st.sampled_from(["x", "X ", "y", "z", "w", LONG, NEAR]),
        NAMES,
        NAMES,
        TIMES,
    ),
    max_size=25,
)


def parts_of(found: Deal, examples: Sequence[Example]) -> dict[str, list[Example]]:
    return {
        name: [examples[post] for post in found.order.tolist() if found.part[post] == number]
        for number, name in enumerate(found.shares)
    }


def sources(examples: list[Example]) -> dict[str, list[Example]]:
    """In two files, since a split is of all together."""
    return {"a": examples[:7], "b": examples[7:]}


@settings(deadline=None, max_examples=150)
@given(EXAMPLES, st.integers(0, 5))
def test_the_parts_are_those_of_the_splits_in_memory(examples: list[Example], seed: int) -> None:
    def dealt(by: str) -> dict[str, list[Example]]:
        return parts_of(deal(sources(examples), HEADS, by, SHARES, seed, near_copies=False), examples)

    assert dealt("group") == split_by_group(examples, SHARES, seed)
    assert dealt("random") == split_at_random(examples, SHARES, seed)
    examples = [replace(example, group=None) for example in examples]  # by time, a group is not torn here
    assert dealt("time") == split_by_time(examples, SHARES)


@settings(deadline=None, max_examples=100)
@given(EXAMPLES, st.sampled_from(["group", "author", "random"]), st.integers(0, 5))
def test_near_copies_are_in_one_part_and_no_group_is_torn(examples: list[Example], by: str, seed: int) -> None:
    found = deal(sources(examples), HEADS, by, SHARES, seed)
    assert (found.part >= 0).all()
    keys: list[list[str | None]] = [
        ["near" if e.post.text in (LONG, NEAR) else e.post.text.strip().lower() for e in examples]
    ]
    keys += [[e.group for e in examples]] if by != "random" else []
    keys += [[e.post.author for e in examples]] if by == "author" else []
    for names in keys:
        sides = {(name, part) for name, part in zip(names, found.part.tolist(), strict=True) if name}
        assert len(sides) == len({name for name, _ in sides})


@settings(deadline=None, max_examples=100)
@given(EXAMPLES, EXAMPLES, st.sampled_from(["group", "author", "random"]))
def test_adding_posts_of_their_own_moves_none(old: list[Example], new: list[Example], by: str) -> None:
    new = [
        Example(
            Post(f"new {place}", author=e.post.author and f"new {e.post.author}"),
            {"intent": "x"},
            group=e.group and f"new {e.group}",
        )
        for place, e in enumerate(new)
    ]
    before = deal({"a": old}, HEADS, by, SHARES, 1).part
    after = deal({"a": [*new, *old]}, HEADS, by, SHARES, 1).part
    assert after[len(new) :].tolist() == before.tolist()


def timed(*texts: str) -> list[Example]:
    return [Example(Post(text, time=f"2026-01-{day:02d}"), {"intent": "x"}) for day, text in enumerate(texts, start=1)]


def test_by_time_a_copy_in_a_later_part_is_left_out_and_why_is_told() -> None:
    examples = timed(LONG, "other", NEAR, LONG.upper(), NEAR, "last")
    found = deal({"a": examples}, HEADS, "time", {"train": 0.34, "dev": 0.33, "test": 0.33}, 0)
    assert found.part.tolist() == [0, 0, NEAR_EARLIER, EQUAL_EARLIER, EQUAL_EARLIER, 2]
    without = deal({"a": examples}, HEADS, "time", {"train": 0.34, "dev": 0.33, "test": 0.33}, 0, near_copies=False)
    assert without.part.tolist() == [0, 0, 1, EQUAL_EARLIER, EQUAL_EARLIER, 2]


def test_by_time_a_later_post_of_a_known_group_or_thread_is_left_out() -> None:
    named = [("g", None), (None, "t"), ("g", None), ("h", "t"), ("h", None), (None, None)]
    examples = [
        replace(post, post=replace(post.post, thread=thread), group=group)
        for post, (group, thread) in zip(timed(*"abcdef"), named, strict=True)
    ]
    found = deal({"a": examples}, HEADS, "time", {"train": 0.34, "dev": 0.33, "test": 0.33}, 0)
    # The fifth is of the group of the fourth, which is in no part.
    assert found.part.tolist() == [0, 0, GROUP_EARLIER, GROUP_EARLIER, 2, 2]
    assert (list(found.left_out().values()), found.torn_groups()) == ([0, 0, 2], 0)


@pytest.mark.parametrize("by", ["group", "author"])
def test_a_thread_stays_whole_beside_its_groups(by: str) -> None:
    posts = [
        Example(Post(f"post {number} {side}", thread=f"t{number}"), {"intent": "x"}, group=f"{'gt'[side]}{number}")
        for number in range(40)
        for side in (0, 1)
    ]
    part = deal({"a": posts}, HEADS, by, SHARES, 0).part
    assert (part[::2] == part[1::2]).all()
    torn = deal({"a": posts}, HEADS, "random", SHARES, 0)
    assert torn.torn_groups() == (torn.part[::2] != torn.part[1::2]).sum() > 0


def test_an_author_in_another_case_is_the_same() -> None:
    posts = [
        Example(Post(f"post {number} {ord(name[0])}", author=f"{name}{number}@example.com"), {"intent": "x"})
        for number in range(40)
        for name in ("jo", "Jo")
    ]
    part = deal({"a": posts}, HEADS, "author", SHARES, 0).part
    turned = deal({"a": posts[::-1]}, HEADS, "author", SHARES, 0).part[::-1]
    assert (part[::2] == part[1::2]).all()
    assert (part == turned).all()


def test_the_largest_group_and_torn_chains_are_told() -> None:
    words = [f"{number}{number * 7919 % 1000}abc" for number in range(200)]
    chain = [" ".join(words[start : start + 12]) for start in range(60)]
    posts = [Example(Post(text), {"intent": "x"}) for text in chain]
    posts += [Example(Post(f"filler {number}"), {"intent": "x"}, group=f"g{number % 4}") for number in range(100)]
    found = deal({"a": posts}, HEADS, "group", SHARES, 0)
    assert found.largest == 25
    assert found.torn > 10
    assert deal({"a": posts}, HEADS, "random", SHARES, 0, near_copies=False).torn == 0


@pytest.mark.parametrize(("time", "said"), [(None, "a:2: no time"), ("01/02/26", "a:2: time: expected ISO 8601")])
def test_a_row_whose_time_cannot_be_read_is_named(time: str | None, said: str) -> None:
    posts = [*timed("one"), Example(Post("two", time=time), {"intent": "x"}, origin="a:2")]
    with pytest.raises(DataError, match=said):
        deal({"a": posts}, HEADS, "time", SHARES, 0)


def test_equal_seeds_deal_equally_and_others_otherwise() -> None:
    posts = [Example(Post(f"post {number}"), {"intent": "x"}) for number in range(100)]
    one, same, other = (deal({"a": posts}, HEADS, "random", SHARES, seed).part for seed in (1, 1, 2))
    assert (one == same).all()
    assert not np.array_equal(one, other)
