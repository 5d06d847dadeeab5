from collections import Counter

import numpy as np
import pytest

from data.posts import Example, Post
from evaluation.routes import thresholds_of
from evaluation.tuning.observed import observe
from evaluation.tuning.promises import Wishes, parse_targets
from evaluation.tuning.thresholds import Tuning, one_of_each_group, tune
from model.decision import decide
from tests.evaluation.tuning.worlds import TAXONOMY, policy, world

DRAWS = 200
MOST_BROKEN = 0.05 + 3 * np.sqrt(0.05 * 0.95 / DRAWS)
ALL = ("department:error<=0.05", "urgency.critical:recall>=0.9", "intent.outage:precision>=0.9", "route:error<=0.12")


def wishes(*targets: str) -> Wishes:
    return parse_targets(targets, TAXONOMY)


def tuned(n: int, *targets: str, seed: int = 1, boast: float = 1.5) -> Tuning:
    return tune(world(n, seed, boast=boast), policy(), TAXONOMY, wishes(*targets))


def test_promises_made_together_are_each_broken_as_seldom_as_promised() -> None:
    """Of a model that boasts, so that its own confidence would break them all."""
    truth = world(40_000, 0, boast=1.5)
    broken: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for seed in range(1, DRAWS + 1):
        tuning = tuned(2_000, *ALL, seed=seed)
        for outcome in tuning.outcomes:
            refused[str(outcome.promise)] += outcome.refusal is not None
            rate = observe(outcome.promise, truth, tuning.policy, TAXONOMY).rate
            broken[str(outcome.promise)] += outcome.refusal is None and (rate or 0) > outcome.promise.error + 1e-9
    assert max(broken.values()) / DRAWS <= MOST_BROKEN, broken
    assert max(refused.values()) <= 0.05 * DRAWS, refused


def test_promises_that_build_on_others_get_posts_of_their_own() -> None:
    assert tuned(600, "department:error<=0.1", "urgency:error<=0.1").stages == 1
    assert tuned(600, "department:error<=0.1", "department.it:precision>=0.8").stages == 2
    assert tuned(600, "department:error<=0.1", "route:error<=0.1").stages == 2
    several = tuned(900, *ALL)
    assert several.stages == 2
    assert {str(outcome.promise): outcome.posts for outcome in several.outcomes}["route:error<=0.12@0.95"] == 450


def test_thresholds_move_where_the_promise_is_about_and_nowhere_else() -> None:
    before = thresholds_of(policy())
    after = thresholds_of(tuned(2_000, "urgency.critical:recall>=0.95").policy)
    assert list(after["urgency"][:2]) == [after["urgency"][0]] * 2
    assert after["urgency"][0] > before["urgency"][0]
    assert after["urgency"][2] == before["urgency"][2], "what is taken for critical is not missed"
    for name in ("intent", "department"):
        np.testing.assert_array_equal(after[name], before[name])
    after = thresholds_of(tuned(2_000, "intent.outage:precision>=0.9").policy)
    assert (after["intent"] != before["intent"]).tolist() == [False, True, False]


def test_a_threshold_may_also_fall() -> None:
    timid = policy()
    heads = {name: head.model_copy(update={"threshold": 0.999}) for name, head in timid.heads.items()}
    timid = timid.model_copy(update={"heads": heads})
    tuning = tune(world(2_000, 2), timid, TAXONOMY, wishes("department:error<=0.1"))
    assert tuning.policy.heads["department"].threshold < 0.9
    assert tuning.policy.heads["urgency"].threshold == 0.999


def test_a_promise_that_is_refused_leaves_its_head_as_it_was() -> None:
    tuning = tuned(100, "department:error<=0.001", "urgency:error<=0.2")
    refused, kept = tuning.outcomes
    assert refused.refusal is not None
    assert refused.threshold is None
    assert kept.refusal is None
    np.testing.assert_array_equal(thresholds_of(tuning.policy)["department"], thresholds_of(policy())["department"])


def test_labels_that_nobody_owns_keep_the_higher_of_two_thresholds() -> None:
    assert policy().heads["intent"].thresholds == (0.5, 0.5, 0.8)
    loose = tuned(2_000, "intent:error<=0.3", boast=1.0).policy.heads["intent"].thresholds
    assert loose[0] == loose[1] < 0.8
    assert loose[2] == 0.8
    strict = tuned(4_000, "intent:error<=0.02").policy.heads["intent"].thresholds
    assert strict[0] == strict[1] == strict[2] > 0.8


def test_the_route_moves_its_owner_and_what_nobody_owns() -> None:
    before, after = thresholds_of(policy()), thresholds_of(tuned(2_000, "route:error<=0.08").policy)
    np.testing.assert_array_equal(after["urgency"], before["urgency"])
    np.testing.assert_array_equal(after["intent"][:2], before["intent"][:2])
    assert after["intent"][2] == max(0.8, after["department"][0])
    assert (after["department"] > before["department"]).all()


def test_for_the_most_coverage_other_heads_hold_nothing_back() -> None:
    posts = world(2_000, 3, boast=1.5)
    plain, widest = (
        tune(posts, policy(), TAXONOMY, wishes("department:error<=0.05", *more)).policy
        for more in ((), ("route:max-coverage",))
    )
    assert plain.heads["department"] == widest.heads["department"]
    assert widest.heads["urgency"].thresholds == (0.0, 0.0, 0.0)
    assert widest.heads["intent"].thresholds == (0.0, 0.0, 0.8), "nothing is ignored more lightly than before"
    reviewed = [sum(decision.action == "review" for decision in decide(posts.scores, each)) for each in (plain, widest)]
    assert reviewed[1] < reviewed[0]


def test_the_same_posts_and_seed_give_the_same_policy() -> None:
    assert tuned(900, *ALL) == tuned(900, *ALL)


def test_posts_of_a_group_count_once() -> None:
    """Copies of 50 posts are 50 posts, however many copies there are."""
    copies = world(5_000, 4, groups=50)
    tuning = tune(copies, policy(), TAXONOMY, wishes("department:error<=0.05"))
    assert tuning.rows == 50
    assert tuning.outcomes[0].refusal is not None


def test_one_of_each_group_is_drawn_at_random() -> None:
    examples = [Example(Post(str(row)), {}, group) for row, group in enumerate(["a", "b", "a", None, "b", None, "a"])]
    drawn = [one_of_each_group(examples, seed).tolist() for seed in range(30)]
    assert all({examples[row].group for row in rows} == {"a", "b", None} and len(rows) == 4 for rows in drawn)
    assert {row for rows in drawn for row in rows} == set(range(7))
    assert all(rows == sorted(rows) for rows in drawn)


@pytest.mark.parametrize("target", ALL)
def test_the_policy_does_what_the_promise_counted(target: str) -> None:
    """What is seen of the tuned policy is what `decide` does under it."""
    posts = world(1_500, 5, boast=1.5)
    [outcome] = (tuning := tune(posts, policy(), TAXONOMY, wishes(target))).outcomes
    seen = observe(outcome.promise, posts, tuning.policy, TAXONOMY)
    decisions = decide(posts.scores, tuning.policy)
    promise = outcome.promise
    counted = wrong = 0
    for decision, example in zip(decisions, posts.examples, strict=True):
        if promise.head is None:
            passed = decision.action != "review"
            counted += passed
            wrong += passed and decision.owner != example.labels["department"]
            continue
        gold, said = example.labels[promise.head], decision.heads[promise.head]
        if gold is None:
            continue
        if promise.measure == "recall":
            counted += gold == promise.label
            if decision.action == "ignore":
                passed_over = example.labels["department"] is not None
            else:
                passed_over = said.accepted and said.label != gold
            wrong += gold == promise.label and passed_over
        elif promise.label in (None, said.label):
            counted += said.accepted
            wrong += said.accepted and said.label != gold
    assert (seen.counted, seen.wrong) == (counted, wrong)
    assert counted > 0


def test_what_is_ignored_is_missed() -> None:
    """However low the threshold of its own head, a post that another head says nobody owns reaches nobody."""
    posts = world(3_000, 6)
    rows = [row for row, example in enumerate(posts.examples) if example.labels["urgency"] == "critical"]
    owned = [row for row in rows if posts.examples[row].labels["department"] is not None]
    posts.scores.logits["intent"][owned[::4]] = [0, 0, 30]  # taken for spam, surely
    few, many = (
        tune(posts, policy(), TAXONOMY, wishes(f"urgency.critical:recall>={share}")).outcomes[0] for share in (0.9, 0.7)
    )
    assert few.refusal is not None
    assert few.refusal.examples is None, "no threshold of urgency would do"
    assert many.refusal is None


def test_the_route_breaks_no_promise_about_a_head_that_says_what_nobody_owns() -> None:
    truth = world(40_000, 0, boast=1.5)
    targets = ("intent:error<=0.06", "route:error<=0.09")
    broken = made = 0
    for seed in range(1, 101):
        tuning = tuned(2_000, *targets, seed=seed)
        outcome = tuning.outcomes[0]
        made += all(each.refusal is None for each in tuning.outcomes)
        rate = observe(outcome.promise, truth, tuning.policy, TAXONOMY).rate
        broken += outcome.refusal is None and (rate or 0) > outcome.promise.error + 1e-9
    assert made >= 80
    assert broken <= 100 * (0.05 + 3 * np.sqrt(0.05 * 0.95 / 100))
