"""What may teach beside the new history."""

from dataclasses import replace

import pytest

from data.errors import ConfigurationError
from data.posts import Example, Post
from data.splitting.parts import Parts
from data.taxonomy import Taxonomy
from training.retraining.mixing import EVERYTHING, MEASURE, Added, fitted, mixes

HEADS = Taxonomy.from_dict(
    {"name": "t", "heads": [{"name": "intent", "labels": ["a", "b"]}, {"name": "owner", "labels": ["x", "y"]}]}
)


def post(text: str, group: str | None = None, **labels: str | None) -> Example:
    return Example(Post(text), labels or {"intent": "a"}, group)


@pytest.fixture
def parts() -> Parts:
    return Parts(
        train=[post("one", "g1"), post("two")], dev=[post("three", "g3")], calibration=[post("four")],
        test=[post("five", "g5"), post("six", "g5")],
    )  # fmt: skip


def test_no_post_that_stands_in_the_history_teaches_from_elsewhere(parts: Parts) -> None:
    others = [post("new"), post("Two"), post(" FIVE "), post("three"), post("four"), post("newer")]
    added = fitted(others, parts, HEADS)
    assert [each.post.text for each in added.examples] == ["new", "newer"]
    assert added.left_out == 4


def test_no_post_of_a_group_that_judges_teaches(parts: Parts) -> None:
    added = fitted([post("7", "g5"), post("8", "g3"), post("9", "g1"), post("10", None)], parts, HEADS)
    assert [each.post.text for each in added.examples] == ["9", "10"]
    assert added.left_out == 2


def test_no_near_copy_of_a_post_that_judges_teaches(parts: Parts) -> None:
    text = "the parcel that I ordered in spring was never brought to my door by your driver {}"
    judged = replace(parts, test=[*parts.test, post(text.format("Tom"))])
    others = [post(text.format("Max")), post("another text"), post(text.format("MAX"))]
    added = fitted(others, judged, HEADS)
    assert [each.post.text for each in added.examples] == ["another text"]
    assert added.left_out == 2
    assert len(fitted(others, parts, HEADS).examples) == 3


def test_only_labels_that_are_asked_teach_and_the_others_are_counted(parts: Parts) -> None:
    others = [
        post("7", intent="a", owner="z"), post("8", intent="c"), post("9", intent="c", owner=None),
        post("10", tone="rude"), post("11", intent="b", owner="x"),
    ]  # fmt: skip
    added = fitted(others, parts, HEADS)
    assert [each.labels for each in added.examples] == [{"intent": "a"}, {"intent": "b", "owner": "x"}]
    assert added.lost == {"owner.z": 1, "intent.c": 2}
    optional = replace(HEADS, heads=(HEADS.heads[0], replace(HEADS.heads[1], optional=True)))
    assert {"owner": None} in [each.labels for each in fitted(others, parts, optional).examples]


def test_each_mix_is_offered_and_judged_alike(parts: Parts) -> None:
    added = {"starter": Added([post("s")], 0, {}), "old": Added([post("o"), post("p")], 0, {})}
    found = mixes(parts, added, MEASURE)
    assert [mix.name for mix in found] == ["history", "history+starter", "history+old", "history+starter+old"]
    assert [len(mix.parts.train) for mix in found] == [2, 3, 4, 5]
    assert found[3].taught == {"history": 2, "starter": 1, "old": 2}
    for mix in found:
        assert replace(mix.parts, train=parts.train) == parts
    assert [mix.name for mix in mixes(parts, added, EVERYTHING)] == ["history+starter+old"]
    assert [mix.name for mix in mixes(parts, added, "history+old")] == ["history+old"]


def test_what_has_no_post_to_teach_is_not_offered(parts: Parts) -> None:
    added = {"starter": Added([], 3, {}), "old": Added([post("o")], 0, {})}
    assert [mix.name for mix in mixes(parts, added, MEASURE)] == ["history", "history+old"]
    with pytest.raises(ConfigurationError, match="expected measure, all or one of history, history\\+old"):
        mixes(parts, added, "history+starter")
