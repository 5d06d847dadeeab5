"""Costs by hand, and against `decide` and a search over all thresholds."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from data.errors import ConfigurationError
from data.posts import Example, Post
from data.taxonomy import Taxonomy
from evaluation.scored import ScoredPosts
from evaluation.tuning.costs import Costs, HeadCosts, cheapest, cost_per_1000, expected_cost_per_1000, with_costs
from model.decision import Decision, decide
from model.policy import HeadPolicy, Novelty, Policy
from model.scores import Scores

COSTS = Costs(
    review=2,
    lost=20,
    heads={
        "urgency": HeadCosts(missed={"high": 50}, false_alarm={"high": 1}, other=0.5),
        "department": HeadCosts(other=8),
    },
)


@pytest.fixture
def policy(taxonomy: Taxonomy) -> Policy:
    """Some thresholds, other ones by label, and a scope."""
    plain = Policy.plain(taxonomy, "m")
    heads = dict(plain.heads)
    heads["urgency"] = heads["urgency"].model_copy(update={"threshold": 0.6, "label_thresholds": {"high": 0.4}})
    return plain.model_copy(update={"heads": heads, "novelty": Novelty(head="intent", threshold=-1.0)})


def drawn(taxonomy: Taxonomy, count: int, seed: int = 3) -> ScoredPosts:
    """Posts of a model that is right more often than not; some labels are unknown, and nobody owns spam."""
    generator = np.random.default_rng(seed)
    logits: dict[str, NDArray[np.float32]] = {}
    labels: list[dict[str, str | None]] = [{} for _ in range(count)]
    for head in taxonomy:
        gold = generator.integers(0, len(head.labels), count)
        logits[head.name] = (
            generator.normal(0, 1.2, (count, len(head.labels))) + 2 * np.eye(len(head.labels))[gold]
        ).astype(np.float32)
        for row in np.flatnonzero(generator.random(count) < 0.9):
            labels[row][head.name] = head.labels[gold[row]]
    for each in labels:
        if each.get("intent") == "spam":
            each["department"] = None
    return ScoredPosts([Example(Post("x"), each) for each in labels], Scores(logits, np.zeros((count, 1), np.float32)))


def cost_of(example: Example, decision: Decision) -> float:
    """By the meaning of the words, with the figures of `COSTS`."""
    if decision.action == "review":
        return 2
    if decision.action == "ignore":
        return 20 if example.labels.get("department") else 0
    urgency, said = example.labels.get("urgency"), decision.heads["urgency"].label
    cost = 0.0
    if urgency and urgency != said:
        cost += 50 if urgency == "high" else 1 if said == "high" else 0.5
    department = example.labels.get("department")
    return cost + (8 if department and department != decision.heads["department"].label else 0)


def test_the_matrix_is_that_worked_by_hand() -> None:
    costs = HeadCosts(missed={"critical": 50, "high": 5}, false_alarm={"critical": 1}, other=0.5)
    assert costs.matrix(("low", "normal", "high", "critical")).tolist() == [
        [0, 0.5, 0.5, 1],
        [0.5, 0, 0.5, 1],
        [5, 5, 0, 6],  # a missed high one, and a false alarm too
        [50, 50, 50, 0],
    ]
    assert HeadCosts().matrix(("a", "b")).tolist() == [[0, 0], [0, 0]]
    assert HeadCosts(missed={"a": 0}, other=3).matrix(("a", "b")).tolist() == [[0, 0], [3, 0]]


def test_a_file_is_read(tmp_path: Path, taxonomy: Taxonomy) -> None:
    path = tmp_path / "costs.yaml"
    path.write_text(
        "review: 2\nlost: 20\nheads:\n  urgency:\n    missed: {high: 50}\n    false_alarm: {high: 1}\n    other: 0.5\n"
        "  department: {other: 8}\n"
    )
    assert Costs.read(path, taxonomy) == COSTS


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "not a file of costs"),
        ("lost: 3", "not a file of costs: review: Field required"),
        ("review: -1", "not a file of costs: review: Input should be greater than or equal to 0"),
        ("review: .inf", "review: Input should be a finite number"),
        ("review: 1\nrewiew: 2", "rewiew: Extra inputs are not permitted"),
        ("review: 1\nheads: {urgency: {missed: {high: much}}}", r"heads\.urgency\.missed\.high: Input should be"),
        ("review: [", "cannot be read as YAML"),
        (
            "review: 1\nheads: {team: {other: 1}, urgency: {missed: {critical: 1, worst: 1}}}",
            r"costs\.yaml: heads\.team: there is no such head; heads\.urgency: there are no labels critical, worst",
        ),
    ],
)
def test_a_file_that_is_none_is_refused_by_its_name(tmp_path: Path, taxonomy: Taxonomy, text: str, fault: str) -> None:
    path = tmp_path / "costs.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=fault) as refused:
        Costs.read(path, taxonomy)
    assert str(path) in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path, taxonomy: Taxonomy) -> None:
    with pytest.raises(ConfigurationError, match=r"absent\.yaml: cannot be read"):
        Costs.read(tmp_path / "absent.yaml", taxonomy)


def test_levels_are_chosen_by_cost_and_other_labels_by_probability(taxonomy: Taxonomy, policy: Policy) -> None:
    found = with_costs(policy, COSTS, taxonomy)
    assert found.heads["urgency"].costs == ((0, 0.5, 1), (0.5, 0, 1), (50, 50, 0))
    assert found.heads["department"].costs == found.heads["intent"].costs == ()
    scores = Scores({"urgency": np.log(np.array([[0.5, 0.45, 0.05]], np.float32))}, np.zeros((1, 1), np.float32))
    urgency = Policy(model_sha256="m", taxonomy_sha256="t", heads={"urgency": found.heads["urgency"]})
    assert decide(scores, urgency)[0].heads["urgency"].label == "high"


@pytest.mark.parametrize("by_cost", [False, True])
def test_the_cost_is_that_of_each_decision_summed(taxonomy: Taxonomy, policy: Policy, by_cost: bool) -> None:
    posts = drawn(taxonomy, 500)
    if by_cost:
        policy = with_costs(policy, COSTS, taxonomy)
    decisions = decide(posts.scores, policy)
    assert {decision.action for decision in decisions} == {"auto", "ignore", "review"}
    paid = [cost_of(example, decision) for example, decision in zip(posts.examples, decisions, strict=True)]
    assert cost_per_1000(posts, policy, taxonomy, COSTS) == pytest.approx(1000 * sum(paid) / 500)


def test_no_threshold_of_one_head_costs_less(taxonomy: Taxonomy, policy: Policy) -> None:
    posts = drawn(taxonomy, 60)
    found = cheapest(posts, policy, taxonomy, COSTS, ["department"])
    assert {name for name in policy.heads if found.heads[name] != policy.heads[name]} == {"department"}

    def cost(threshold: float) -> float:
        heads = {**policy.heads, "department": HeadPolicy(labels=("support", "it"), threshold=threshold)}
        return cost_per_1000(posts, policy.model_copy(update={"heads": heads}), taxonomy, COSTS)

    least = min(cost(threshold) for threshold in np.linspace(0, 1, 2001))
    assert cost_per_1000(posts, found, taxonomy, COSTS) == pytest.approx(least)


def test_no_single_threshold_can_be_moved_to_save_more(taxonomy: Taxonomy, policy: Policy) -> None:
    posts = drawn(taxonomy, 200)
    names = list(policy.heads)
    found = cheapest(posts, policy, taxonomy, COSTS, names)
    cost = cost_per_1000(posts, found, taxonomy, COSTS)
    assert cost < cost_per_1000(posts, policy, taxonomy, COSTS)
    for name in names:
        for threshold in np.linspace(0, 1, 201):
            labels = found.heads[name].labels
            kept = dict.fromkeys(policy.unowned.get(name, ()), 0.8)
            moved = found.heads[name].with_thresholds([max(threshold, kept.get(label, 0.0)) for label in labels])
            other = found.model_copy(update={"heads": {**found.heads, name: moved}})
            # A threshold among 200 quantiles, so that one post may lie between two.
            assert cost_per_1000(posts, other, taxonomy, COSTS) >= cost - 1000 / 200 * 2


def test_what_nobody_owns_keeps_its_threshold_at_least(taxonomy: Taxonomy, policy: Policy) -> None:
    posts, boundless = drawn(taxonomy, 100), policy.model_copy(update={"novelty": None})
    found = cheapest(posts, boundless, taxonomy, Costs(review=100), list(policy.heads))  # nothing else costs anything
    assert found.heads["intent"].threshold_of("spam") == 0.8
    held_back = [each for each in decide(posts.scores, found) if each.action == "review"]
    assert {(each.reasons, each.heads["intent"].label) for each in held_back} == {(("intent_below_threshold",), "spam")}


def test_where_a_review_costs_nothing_a_person_sees_all_that_could_go_wrong(taxonomy: Taxonomy, policy: Policy) -> None:
    posts = drawn(taxonomy, 300)
    found = cheapest(posts, policy, taxonomy, COSTS.model_copy(update={"review": 0}), list(policy.heads))
    assert cost_per_1000(posts, found, taxonomy, COSTS.model_copy(update={"review": 0})) == 0


def test_posts_that_thresholds_were_fitted_to_flatter_them_and_the_expected_cost_does_not(
    taxonomy: Taxonomy, policy: Policy
) -> None:
    """Against the cost of very many other posts."""
    many, names = drawn(taxonomy, 20_000, seed=99), list(policy.heads)
    flattered, expected, true = [], [], []
    for seed in range(8):
        posts = drawn(taxonomy, 60, seed=seed)
        found = cheapest(posts, policy, taxonomy, COSTS, names)
        flattered.append(cost_per_1000(posts, found, taxonomy, COSTS))
        expected.append(expected_cost_per_1000(posts, policy, taxonomy, COSTS, names, seed))
        true.append(cost_per_1000(many, found, taxonomy, COSTS))
    assert np.mean(flattered) < np.mean(true)
    error = np.std(expected, ddof=1) / np.sqrt(len(expected))
    assert abs(np.mean(expected) - np.mean(true)) < 3 * error
    assert abs(np.mean(expected) - np.mean(true)) < abs(np.mean(flattered) - np.mean(true))
