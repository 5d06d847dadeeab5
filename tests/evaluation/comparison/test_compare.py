"""The verdict on simulated challengers, and what is compared at all."""

from math import sqrt

import numpy as np
import pytest

from data.errors import DataError
from data.posts import Example, Post
from data.taxonomy import Taxonomy
from evaluation.comparison.compare import Comparison, Contender, compare
from evaluation.comparison.verdict import Margins
from model.policy import Policy
from model.scores import Scores

ONE_HEAD = Taxonomy.from_dict({"name": "t", "heads": [{"name": "intent", "labels": [*"abcd"]}]})

_ACCURACY = 0.85


def contender(taxonomy: Taxonomy, said: dict[str, list[int]], sureness: float = 9.0) -> Contender:
    """A model that says labels by their index, all with the same confidence."""
    logits = {
        head.name: np.float32(sureness) * np.eye(len(head.labels), dtype=np.float32)[said[head.name]]
        for head in taxonomy
    }
    posts = len(next(iter(said.values())))
    return Contender(Scores(logits, np.zeros((posts, 1), np.float32)), Policy.plain(taxonomy, "m"))


def simulated(seed: int, posts: int, lost: float, gained: float, margins: Margins | None = None) -> Comparison:
    """Posts drawn at random; the challenger gets a share wrong that the champion has right, and mends another."""
    generator = np.random.default_rng(seed)
    labels = ONE_HEAD.heads[0].labels
    gold = generator.integers(0, 4, posts)
    wrong = (gold + generator.integers(1, 4, posts)) % 4
    right = generator.random(posts) < _ACCURACY
    luck = generator.random(posts)
    still = np.where(right, luck >= lost / _ACCURACY, luck < gained / (1 - _ACCURACY))
    before, after = (contender(ONE_HEAD, {"intent": np.where(each, gold, wrong).tolist()}) for each in (right, still))
    examples = [Example(Post("x"), {"intent": labels[place]}) for place in gold]
    return compare(examples, before, after, margins)


def verdicts(runs: int, *arguments: int | float | Margins) -> list[str]:
    return [simulated(seed, *arguments).verdict.word for seed in range(runs)]  # type: ignore[arg-type]  # passed on


def test_the_same_model_is_not_worse() -> None:
    assert verdicts(10, 2_000, 0.0, 0.0) == ["not worse"] * 10


def test_another_model_that_is_as_good_is_mostly_not_worse_given_enough_posts() -> None:
    found = verdicts(15, 3_000, 0.03, 0.03)
    assert found.count("not worse") >= 12
    assert set(found) <= {"not worse", "unclear"}


def test_a_model_that_is_worse_by_five_points_is_told() -> None:
    found = verdicts(15, 2_000, 0.07, 0.02)
    assert found.count("worse") >= 14
    assert set(found) <= {"worse", "unclear"}


def test_a_model_that_is_better_by_five_points_is_told() -> None:
    assert verdicts(10, 2_000, 0.02, 0.07).count("better") >= 9


def test_few_posts_are_unclear_and_it_is_said_how_many_it_takes() -> None:
    found = [simulated(seed, 150, 0.04, 0.04).verdict for seed in range(10)]
    needed = [verdict.posts_needed or 0 for verdict in found if verdict.word == "unclear"]
    assert len(needed) >= 8
    assert min(needed) > 150
    assert 500 < np.median(needed) < 3_000  # at 8 % of posts that differ, 2 points are 1.96 deviations of 768


def test_no_difference_is_seldom_called_one() -> None:
    """With margins that leave no verdict open, each direction is false with half the level; labels add as much."""
    runs = 100
    better = verdicts(runs, 300, 0.05, 0.05, Margins(1.0, 1.0, 1.0)).count("better")
    worse = verdicts(runs, 300, 0.05, 0.05, Margins(0.0, 0.0, 0.0)).count("worse")
    assert better <= runs * 0.025 + 3 * sqrt(runs * 0.025 * 0.975)
    assert worse <= runs * 0.05 + 3 * sqrt(runs * 0.05 * 0.95)


def rows(taxonomy: Taxonomy, count: int) -> tuple[list[Example], dict[str, list[int]]]:
    """Posts of the toy taxonomy and their right answers; every third is spam that nobody owns."""
    gold = {"intent": [place % 3 for place in range(count)], "urgency": [place % 3 for place in range(count)]}
    gold["department"] = [place % 3 % 2 for place in range(count)]
    examples = []
    for place in range(count):
        labels: dict[str, str | None] = {head.name: head.labels[gold[head.name][place]] for head in taxonomy}
        if labels["intent"] == "spam":
            labels["department"] = None
        examples.append(Example(Post("secret"), labels, origin=f"f:{place + 1}"))
    return examples, gold


def test_all_parts_are_those_worked_by_hand(taxonomy: Taxonomy) -> None:
    examples, gold = rows(taxonomy, 600)
    other = {**gold, "department": [1 if place < 30 else said for place, said in enumerate(gold["department"])]}
    found = compare(examples, contender(taxonomy, gold), contender(taxonomy, other), most_flips=2)
    assert (found.posts, list(found.heads), found.left_out) == (600, ["intent", "urgency", "department"], [])
    # Of 30 posts a third is support's and now sent to it; a third is spam, which stays ignored.
    department = found.heads["department"]
    assert (department.lost, department.gained) == (10, 0)
    assert department.accuracy.difference.posts == 400
    assert department.accuracy.difference.challenger == pytest.approx(390 / 400)
    assert department.recalls["support"].difference.challenger == pytest.approx(190 / 200)
    assert found.routing is not None
    assert found.routing.handled.difference.challenger == 1.0
    assert found.routing.error is not None
    assert found.routing.error.difference.challenger == pytest.approx(10 / 600)
    (flip,) = found.flips
    assert (flip.champion, flip.challenger, flip.posts, flip.broken) == ("auto: support", "auto: it", 10, 10)
    assert [post.origin for post in found.surest_flips] == ["f:1", "f:4"]
    assert "secret" not in repr(found)
    again = compare(examples, contender(taxonomy, gold), contender(taxonomy, other), most_flips=2)
    assert again == found


def test_a_more_cautious_policy_is_worse_for_all_its_right_labels(taxonomy: Taxonomy) -> None:
    examples, gold = rows(taxonomy, 600)
    found = compare(examples, contender(taxonomy, gold), contender(taxonomy, gold, sureness=0.1))
    assert found.heads["intent"].accuracy.standing == "not worse"
    assert (found.verdict.word, found.verdict.because) == ("worse", ("automatic share",))
    assert found.left_out == ["routing: the error, as one of the two handles no post of known owner without a person"]


def test_labels_that_only_one_knows_are_left_out_and_counted() -> None:
    renamed = Taxonomy.from_dict({"name": "t", "heads": [{"name": "intent", "labels": ["new", "b", "c", "d"]}]})
    examples = [Example(Post("x"), {"intent": label}) for label in "aabc"]
    found = compare(
        examples, contender(ONE_HEAD, {"intent": [0, 0, 1, 2]}), contender(renamed, {"intent": [0, 0, 0, 2]})
    )
    assert found.heads["intent"].accuracy.difference.posts == 2
    assert found.heads["intent"].accuracy.difference.challenger == 0.5  # what only it says is wrong
    assert list(found.heads["intent"].recalls) == ["b", "c"]
    assert found.left_out == [
        "intent: 2 posts whose label only one of the two knows",
        "routing: there is no head that names the owner of a post in both",
    ]


def test_a_head_without_labels_is_left_out(taxonomy: Taxonomy) -> None:
    _, gold = rows(taxonomy, 3)
    side = contender(taxonomy, gold)
    examples = [Example(Post("x"), {"intent": label}) for label in ("refund", "outage", "spam")]
    found = compare(examples, side, side)
    assert list(found.heads) == ["intent"]
    assert "urgency: no post carries a label of this head that both know" in found.left_out


def test_posts_without_a_shared_label_are_refused() -> None:
    side = contender(ONE_HEAD, {"intent": [0]})
    with pytest.raises(DataError, match=r"none of the 1 posts carries a label that both models know.*\['intent'\]"):
        compare([Example(Post("x"), {"other": "a"})], side, side)
