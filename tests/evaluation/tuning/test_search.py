import numpy as np
import pytest

from data.errors import DataError
from evaluation.scored import answers_of
from evaluation.tuning.costs import Costs, HeadCosts
from evaluation.tuning.promises import parse_targets
from evaluation.tuning.search import Request, make_policy
from model.decision import decide, is_novel
from tests.evaluation.tuning.worlds import TAXONOMY, policy, world

NOTHING = parse_targets([], TAXONOMY)
ROUTE = parse_targets(["route:error<=0.1"], TAXONOMY)
DEAR = Costs(review=2, heads={"urgency": HeadCosts(missed={"critical": 50}, other=1), "department": HeadCosts(other=5)})


def test_all_posts_serve_a_request_that_needs_no_parts() -> None:
    posts = world(500, 1)
    made = make_policy(posts, policy(), TAXONOMY, Request(ROUTE))
    assert dict(made.parts) == {"promised": 500}
    assert len(made.judged) == 500


def test_what_is_fitted_and_what_is_promised_see_different_posts() -> None:
    posts = world(2_000, 1)
    request = Request(ROUTE, DEAR, label_sets=0.9, out_of_scope=0.05, recalibrate=True)
    made = make_policy(posts, policy(), TAXONOMY, request)
    assert sum(made.parts.values()) == 2_000
    shares = {"fitted": 600, "costed": 600, "sets of labels": 400, "promised": 400}
    assert dict(made.parts) == {name: pytest.approx(share, abs=80) for name, share in shares.items()}
    assert len(made.judged) == made.parts["promised"]


def test_groups_are_not_torn() -> None:
    posts = world(3_000, 1, groups=300)
    made = make_policy(posts, policy(), TAXONOMY, Request(ROUTE, recalibrate=True))
    judged = {example.group for example in made.judged.examples}
    assert all(sum(example.group == group for example in posts.examples) == 10 for group in list(judged)[:5])
    assert len(made.judged) == 10 * len(judged)


def test_calibration_is_mended_before_anything_is_promised() -> None:
    posts, fresh = world(6_000, 1, boast=3.0), world(20_000, 2, boast=3.0)
    made = make_policy(posts, policy(), TAXONOMY, Request(NOTHING, recalibrate=True))
    for head in TAXONOMY:
        answers = answers_of(fresh, head, made.policy.heads[head.name])
        assert answers.confidence.mean() == pytest.approx(1 - answers.wrong.mean(), abs=0.02)
        assert made.recalibrations[head.name].policy == made.policy.heads[head.name]


def test_scope_is_what_most_of_the_posts_are_in() -> None:
    posts, fresh = world(4_000, 1), world(20_000, 2)
    made = make_policy(posts, policy(), TAXONOMY, Request(NOTHING, out_of_scope=0.05))
    assert made.policy.novelty is not None
    assert np.mean(is_novel(fresh.scores, made.policy)) == pytest.approx(0.05, abs=0.015)


def test_sets_of_labels_hold_the_right_one_for_whom_they_are_shown_to() -> None:
    """A reviewer sees the hard posts; sets that were right for all posts would be too small for these."""
    posts, fresh = world(6_000, 1, boast=2.0), world(20_000, 2, boast=2.0)
    made = make_policy(posts, policy(), TAXONOMY, Request(NOTHING, label_sets=0.9))
    reviewed = [row for row, found in enumerate(decide(fresh.scores, made.policy)) if found.action == "review"]
    for head in TAXONOMY:
        head_policy = made.policy.heads[head.name]
        assert head_policy.label_sets is not None
        held = []
        for on, near in ((fresh.take(np.array(reviewed)), True), (fresh, False)):
            answers = answers_of(on, head, head_policy)
            of_gold = answers.probabilities[np.arange(len(answers.gold)), answers.gold]
            held.append(np.mean(of_gold >= head_policy.label_sets.least_probability))
            assert not near or held[0] == pytest.approx(0.9, abs=0.04)
        assert held[1] > held[0]


def test_too_few_posts_are_refused_with_what_they_are_too_few_for() -> None:
    with pytest.raises(DataError, match=r"intent, of the posts that a person reviews: .* 99 labelled posts"):
        make_policy(world(200, 1), policy(), TAXONOMY, Request(NOTHING, label_sets=0.99))
    with pytest.raises(DataError, match=r"15 posts leave . for one of the parts fitted, promised; expected"):
        make_policy(world(15, 1), policy(), TAXONOMY, Request(ROUTE, recalibrate=True))


def test_costs_move_what_is_chosen_and_make_it_cheaper() -> None:
    made = make_policy(world(3_000, 1, boast=2.0), policy(), TAXONOMY, Request(NOTHING, DEAR))
    assert made.cost_before is not None
    assert made.cost_after is not None
    assert made.cost_after < made.cost_before
    assert made.policy.heads["urgency"].cost_matrix is not None
    assert made.policy.heads["department"].cost_matrix is None, "a nominal head says what is most probable"


def test_a_head_with_a_target_takes_its_threshold_from_that() -> None:
    posts = world(3_000, 1, boast=2.0)
    target = parse_targets(["department:error<=0.05"], TAXONOMY)
    made = make_policy(posts, policy(), TAXONOMY, Request(target, DEAR))
    [outcome] = made.outcomes
    assert made.policy.heads["department"].threshold == outcome.threshold
    assert made.kept
