"""What a policy does, in numbers worked by hand and in the decisions that it makes."""

import numpy as np
import pytest
from scipy.stats import binomtest

from data.errors import ConfigurationError
from data.posts import Example, Post
from data.taxonomy import Taxonomy
from evaluation.routes import thresholds_of
from evaluation.scored import ScoredPosts
from evaluation.tuning.observed import Staffing, observe, read_volume, review_share, sweep
from evaluation.tuning.promises import Promise, parse_targets
from model.decision import decide
from model.policy import Policy
from model.scores import Scores
from tests.evaluation.report.reported import reported


def promise(text: str, taxonomy: Taxonomy) -> Promise:
    (found,) = parse_targets([text], taxonomy).promises
    return found


def posts_of(*rows: tuple[str, float, str | None], group: str | None = None) -> ScoredPosts:
    """Of the department what is said, with which probability, and what is right ("?": unknown). All else is certain."""
    examples, logits = [], []
    for said, probability, right in rows:
        labels: dict[str, str | None] = {"intent": "refund", "urgency": "low"}
        examples.append(Example(Post("x"), labels if right == "?" else {**labels, "department": right}, group))
        logits.append(np.log([probability, 1 - probability] if said == "support" else [1 - probability, probability]))
    count = len(rows)
    scores = {
        "intent": np.tile(np.array([30, 0, 0], np.float32), (count, 1)),
        "urgency": np.tile(np.array([30, 0, 0], np.float32), (count, 1)),
        "department": np.array(logits, np.float32),
    }
    return ScoredPosts(examples, Scores(scores, np.zeros((count, 1), np.float32)))


def under(taxonomy: Taxonomy, threshold: float) -> Policy:
    """With that threshold of the department."""
    policy = Policy.plain(taxonomy, "m")
    heads = {**policy.heads, "department": policy.heads["department"].model_copy(update={"threshold": threshold})}
    return policy.model_copy(update={"heads": heads})


POSTS = posts_of(
    ("support", 0.95, "support"),
    ("support", 0.9, "support"),
    ("support", 0.8, "it"),
    ("it", 0.85, "it"),
    ("it", 0.7, "support"),
    ("it", 0.6, "it"),
    ("support", 0.55, "it"),
    ("support", 0.99, None),  # nobody's
    ("it", 0.99, "?"),
)


@pytest.mark.parametrize(
    ("text", "threshold", "posts", "counted", "wrong"),
    [
        # Seven carry a department; 0.95, 0.9, 0.8 (wrong), 0.85 and 0.7 (wrong) pass.
        ("department:error<=0.1", 0.65, 7, 5, 2),
        ("department:error<=0.1", 0.82, 7, 3, 0),
        # Four are said to be of support, three of them pass.
        ("department.support:precision>=0.9", 0.65, 4, 3, 1),
        # Three are of support; all count, and the one at 0.7 is missed as long as it passes.
        ("department.support:recall>=0.9", 0.65, 3, 3, 1),
        ("department.support:recall>=0.9", 0.75, 3, 3, 0),
        # Eight have an owner or nobody; the one that nobody owns passes too, and goes wrong.
        ("route:error<=0.1", 0.65, 8, 6, 3),
    ],
)
def test_what_is_seen_is_counted_by_hand(
    taxonomy: Taxonomy, text: str, threshold: float, posts: int, counted: int, wrong: int
) -> None:
    found = observe(promise(text, taxonomy), POSTS, under(taxonomy, threshold), taxonomy)
    assert (found.posts, found.counted, found.wrong) == (posts, counted, wrong)
    assert found.rate == wrong / counted
    exact = binomtest(wrong, counted).proportion_ci(0.95, "exact")
    assert found.interval == pytest.approx((exact.low, exact.high))


def test_of_nothing_that_passes_no_share_is_wrong(taxonomy: Taxonomy) -> None:
    found = observe(promise("department:error<=0.1", taxonomy), POSTS, under(taxonomy, 1.0), taxonomy)
    assert (found.posts, found.counted, found.wrong, found.rate) == (7, 0, 0, None)


def test_posts_of_one_group_tell_less_than_as_many_of_their_own(taxonomy: Taxonomy) -> None:
    """Twenty stories of which each is told ten times, and four are wrong each time."""
    stories = [
        posts_of(*[("support", 0.9, "it" if story < 4 else "support")] * 10, group=f"story {story}")
        for story in range(20)
    ]
    examples = [example for story in stories for example in story.examples]
    logits = {
        name: np.concatenate([story.scores.logits[name] for story in stories]) for name in stories[0].scores.logits
    }
    posts = ScoredPosts(examples, Scores(logits, np.zeros((200, 1), np.float32)))
    policy = Policy.plain(taxonomy, "m")
    target = promise("department:error<=0.1", taxonomy)
    found = observe(target, posts, policy, taxonomy)
    alone = binomtest(40, 200).proportion_ci(0.95, "exact")
    of_stories = binomtest(4, 20).proportion_ci(0.95, "exact")
    assert (found.counted, found.wrong) == (200, 40)
    assert found.interval[0] < alone.low < alone.high < found.interval[1]
    assert found.interval == pytest.approx((of_stories.low, of_stories.high), abs=0.03)
    (row,) = sweep(target, posts, policy, taxonomy)
    assert row.interval == pytest.approx(found.interval)


def test_other_thresholds_are_counted_by_hand(taxonomy: Taxonomy) -> None:
    policy = Policy.plain(taxonomy, "m")
    rows = sweep(promise("department:error<=0.1", taxonomy), POSTS, policy, taxonomy, rows=7)
    assert [row.threshold for row in rows] == pytest.approx([0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.55])
    assert [row.accepted for row in rows] == [1, 2, 3, 4, 5, 6, 7]
    assert [row.wrong for row in rows] == [0, 0, 0, 1, 2, 2, 3]
    assert [row.coverage for row in rows] == pytest.approx([place / 7 for place in range(1, 8)])
    # Of all nine, as those without a known department are work too: 0.99 twice, and what lies below the threshold.
    assert [row.review for row in rows] == pytest.approx([(9 - 2 - place) / 9 for place in range(1, 8)])
    exact = binomtest(2, 5).proportion_ci(0.95, "exact")
    assert rows[4].interval == pytest.approx((exact.low, exact.high))


@pytest.mark.parametrize(
    ("text", "concerned"),
    [
        ("department:error<=0.1", {"department": ["support", "it"]}),
        ("route:error<=0.1", {"department": ["support", "it"], "intent": ["spam"]}),
        ("intent.spam:precision>=0.9", {"intent": ["spam"]}),
    ],
)
def test_a_line_says_what_would_be_decided_under_its_threshold(
    taxonomy: Taxonomy, text: str, concerned: dict[str, list[str]]
) -> None:
    made = reported(taxonomy)
    rows = sweep(promise(text, taxonomy), made.posts, made.policy, taxonomy)
    assert len(rows) > 5
    for row in rows:
        least = thresholds_of(made.policy)
        for name, labels in concerned.items():
            least[name][[taxonomy.head(name).labels.index(label) for label in labels]] = row.threshold
        heads = {name: head.with_thresholds(least[name].tolist()) for name, head in made.policy.heads.items()}
        policy = made.policy.model_copy(update={"heads": heads})
        assert row.review == pytest.approx(review_share(each.action for each in decide(made.posts.scores, policy)))
        seen = observe(promise(text, taxonomy), made.posts, policy, taxonomy)
        assert (row.accepted, row.wrong) == (seen.counted, seen.wrong)
        assert row.interval == pytest.approx(seen.interval)
        assert row.coverage == seen.counted / seen.posts
    assert [row.threshold for row in rows] == sorted((row.threshold for row in rows), reverse=True)


def test_where_nothing_could_pass_there_is_nothing_to_show(taxonomy: Taxonomy) -> None:
    policy = Policy.plain(taxonomy, "m")
    assert sweep(promise("intent.spam:precision>=0.9", taxonomy), POSTS, policy, taxonomy) == []


@pytest.mark.parametrize(
    ("text", "posts"),
    [
        ("20000/day", 20_000),
        ("20,000/day", 20_000),
        ("20k", 20_000),
        ("1.5K/day", 1500),
        ("900/hour", 21_600),
        ("70k/week", 10_000),
        (" 12 ", 12),
    ],
)
def test_a_volume_is_read_as_people_write_it(text: str, posts: float) -> None:
    assert read_volume(text) == pytest.approx(posts)


@pytest.mark.parametrize("text", ["", "many", "0/day", "-5/day", "20/month", "5 / day / day", "1e3"])
def test_what_is_no_volume_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="expected a volume such as 20000/day"):
        read_volume(text)


def test_reviewers_by_hand() -> None:
    """20,000 posts a day, a quarter of them to review, two minutes each: 10,000 minutes, of 480 a person."""
    assert Staffing(20_000, 2, hours=8).reviewers(0.25) == pytest.approx(20.8333, abs=1e-4)
    assert Staffing(20_000, 2, hours=4).reviewers(0.25) == pytest.approx(41.6667, abs=1e-4)
    assert Staffing(20_000, 2).reviewers(0) == 0


def test_the_share_to_review_is_of_all_posts() -> None:
    assert review_share(["review", "auto", "ignore", "review"]) == 0.5
    assert review_share([]) == 0
