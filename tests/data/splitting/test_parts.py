"""Splits that keep together what belongs together, and stay put."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import DataError
from data.normalise import fingerprint, normalise
from data.posts import Example, Post
from data.splitting.parts import (
    Parts,
    split_at_random,
    split_by_group,
    split_by_time,
    split_into_parts,
    subset,
    without_posts,
)

SHARES = {"train": 0.7, "dev": 0.1, "calibration": 0.1, "test": 0.1}
GROUPS = st.none() | st.sampled_from(["a", "b", "c"]) | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
EXAMPLES = st.lists(
    st.builds(lambda text, group: Example(Post(text), {}, group=group), st.sampled_from(["x", "y", "z"]), GROUPS),
    max_size=30,
)


def grouped(count: int) -> list[Example]:
    """Two posts a group."""
    return [Example(Post(f"post {index}"), {}, group=f"g{index // 2}") for index in range(2 * count)]


def number_in(example: Example) -> str:
    return "".join(filter(str.isdigit, example.post.text))


@settings(deadline=None, max_examples=100)
@given(EXAMPLES, EXAMPLES, st.integers(0, 5))
def test_adding_data_moves_no_example(old: list[Example], new: list[Example], seed: int) -> None:
    # An equal text joins two groups: leave it out.
    texts = [normalise(example.post.text) for example in [*old, *new]]
    new = [example for place, example in enumerate(new, len(old)) if texts[place] not in texts[:place]]
    before = split_by_group(old, SHARES, seed)
    after = split_by_group([*old, *new], SHARES, seed)
    assert {name: part[: len(before[name])] for name, part in after.items()} == before


@settings(deadline=None, max_examples=100)
@given(EXAMPLES, st.integers(0, 5))
def test_every_example_falls_into_one_part_and_no_group_is_torn(examples: list[Example], seed: int) -> None:
    parts = split_by_group(examples, SHARES, seed)
    assert list(parts) == list(SHARES)
    dealt = [example for part in parts.values() for example in part]
    assert Counter(map(id, dealt)) == Counter(map(id, examples))
    sides = {(example.group or example.post.text, name) for name, part in parts.items() for example in part}
    assert len(sides) == len({group for group, _ in sides})


def test_posts_of_equal_normalised_text_stay_together_where_no_group_is_named() -> None:
    numbers = range(100)
    parts = split_by_group([Example(Post(f"order {number} is late"), {}) for number in numbers], SHARES, seed=1)
    twins = split_by_group([Example(Post(f"order\u200b {number}\nis  late"), {}) for number in numbers], SHARES, seed=1)
    assert [[number_in(example) for example in part] for part in parts.values()] == [
        [number_in(example) for example in part] for part in twins.values()
    ]


def test_parts_get_about_their_shares_of_the_groups() -> None:
    parts = split_by_group(grouped(4000), SHARES, seed=1)
    # Three standard deviations of a binomial over 4,000 groups are 87 for the largest share.
    assert {name: len(part) / 2 for name, part in parts.items()} == {
        name: pytest.approx(4000 * share, abs=87) for name, share in SHARES.items()
    }


def test_another_seed_deals_otherwise() -> None:
    dealt = [split_by_group(grouped(50), SHARES, seed) for seed in (1, 1, 2)]
    assert dealt[0] == dealt[1]
    assert dealt[0] != dealt[2]


def test_the_deal_is_the_same_in_every_process_and_version() -> None:
    parts = split_by_group(grouped(10), {"train": 0.5, "test": 0.5}, seed=1)
    # Those for which `printf '1\0g0' | sha256sum`, and so on, begins with 0 to 7.
    assert [example.group for example in parts["train"][::2]] == ["g0", "g3", "g4", "g6", "g7", "g9"]


def test_shares_that_do_not_quite_sum_to_one_lose_nobody() -> None:
    parts = split_by_group(grouped(200), {"a": 0.1, "b": 0.1, "c": 0.1}, seed=1)
    assert sum(map(len, parts.values())) == 400
    assert len(parts["c"]) > 200


def test_a_group_whose_name_has_half_a_character_is_dealt_like_others() -> None:
    parts = split_by_group([Example(Post("a"), {}, group="\ud83d")], SHARES, seed=1)
    assert sum(map(len, parts.values())) == 1


def test_a_history_falls_into_four_parts() -> None:
    parts = split_into_parts(grouped(500), seed=1)
    sizes = [len(part) for part in (parts.train, parts.dev, parts.calibration, parts.test)]
    assert sum(sizes) == 1000
    assert sizes == [pytest.approx(1000 * share, abs=80) for share in SHARES.values()]


def test_too_few_groups_for_four_parts_are_refused_with_the_empty_ones() -> None:
    with pytest.raises(DataError, match=r"too few groups of examples: nothing fell into \[.*\]; add data"):
        split_into_parts(grouped(1), seed=1)


def test_empty_parts_are_named(examples: list[Example]) -> None:
    with pytest.raises(DataError, match=r"nothing fell into \['dev', 'test'\]"):
        Parts(train=examples, dev=[], calibration=examples, test=[])


def test_groups_that_share_a_text_are_one() -> None:
    examples = [Example(Post(f"Hello {index // 2}"), {}, group=f"g{(index + 1) // 2}") for index in range(200)]
    parts = split_by_group(examples, SHARES, 0)  # g0 - g1 - g2 - ..., each joined to the next by a text
    assert max(map(len, parts.values())) == 200


def test_posts_that_stand_elsewhere_are_left_out_by_what_the_network_reads() -> None:
    examples = [Example(Post(text), {}) for text in ("a  b", "c", "d")]
    assert without_posts(examples, {fingerprint("a b"), fingerprint("\u200bd")}) == [examples[1]]


@given(EXAMPLES, st.integers(0, 5))
@settings(deadline=None)
def test_a_random_split_deals_every_post_once_and_keeps_equal_ones_together(examples: list[Example], seed: int) -> None:
    parts = split_at_random(examples, SHARES, seed)
    assert Counter(id(example) for part in parts.values() for example in part) == Counter(map(id, examples))
    sides = [{normalise(example.post.text) for example in part} for part in parts.values()]
    assert sum(map(len, sides)) == len(set().union(*sides))


def timed(*times: str | None) -> list[Example]:
    return [Example(Post(f"post {index}", time=time), {}, origin=f"a:{index}") for index, time in enumerate(times)]


def test_a_split_by_time_cuts_at_the_shares_in_utc() -> None:
    examples = timed("2026-03-01T00:30:00+02:00", "2026-02-28T23:00:00", "2026-01-01", "2026-03-01T00:00:00Z")
    parts = split_by_time(examples, {"train": 0.5, "test": 0.5})
    assert [example.origin for example in parts["train"]] == ["a:2", "a:0"]
    assert [example.origin for example in parts["test"]] == ["a:1", "a:3"]


def test_a_post_that_stands_in_an_earlier_part_is_left_out_of_a_later_one() -> None:
    old, new = (Example(Post("Still nothing", time=f"2026-01-0{day}"), {}) for day in (1, 2))
    other = Example(Post("other", time="2026-01-03"), {})
    assert split_by_time([other, new, old], {"train": 0.34, "test": 0.66}) == {"train": [old], "test": [other]}


@pytest.mark.parametrize(("time", "said"), [(None, "a:1: no time"), ("01/02/26", "a:1: time: expected ISO 8601")])
def test_a_row_whose_time_cannot_be_read_is_named(time: str | None, said: str) -> None:
    with pytest.raises(DataError, match=said):
        split_by_time(timed("2026-01-01", time), {"train": 0.5, "test": 0.5})


def test_a_smaller_subset_lies_within_a_larger_and_no_group_is_torn() -> None:
    paired = [Example(Post(f"post number {index}"), {}, group=f"g{index // 2}") for index in range(60)]
    small, large = ({id(example) for example in subset(paired, size)} for size in (15, 40))
    assert small < large
    groups = [example.group for example in paired if id(example) in small]
    assert all(groups.count(group) == 2 for group in groups)
    assert subset(paired, 1000) == paired


def test_the_deals_of_bundles_that_were_trained_stay_as_they_are() -> None:
    """A split that deals otherwise moves posts that old bundles learned from into the parts that judge new ones."""
    examples = [
        Example(
            Post(f"post {index % 37}", time=f"2026-01-{1 + index % 28:02d}"),
            {},
            group=f"g{index % 29}" if index % 3 else None,
        )
        for index in range(60)
    ]
    splits = {
        "group": split_by_group(examples, SHARES, 7),
        "random": split_at_random(examples, SHARES, 7),
        "time": split_by_time(examples, SHARES),
    }
    places = {id(example): place for place, example in enumerate(examples)}
    dealt = {
        by: {name: [places[id(example)] for example in part] for name, part in parts.items()}
        for by, parts in splits.items()
    }
    digest = fingerprint(repr(dealt))
    assert digest == "63528f1841175994cbace7d4f9c0deb2"
