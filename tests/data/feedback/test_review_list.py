from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from data.feedback.records import KeptPost
from data.feedback.review_list import ReviewList
from data.feedback.store import FeedbackStore
from tests.data.feedback.conftest import MODEL, hash_of, judged

NOW = 1_700_000_000.0
CLAIM = 900.0


def post(name: str, usefulness: float | None, intent: str = "refund", time: int = int(NOW)) -> KeptPost:
    return KeptPost(
        f"answer-{name}",
        f"text of {name}",
        hash_of(name),
        MODEL.key,
        '{"labels": {}}',
        time,
        usefulness,
        {"intent": intent, "urgency": "low"},
    )


@pytest.fixture
def posts(store: FeedbackStore) -> ReviewList:
    return ReviewList(store, CLAIM)


def names(found: list) -> list[str]:  # type: ignore[type-arg]  # of open posts
    return [each.answer.removeprefix("answer-") for each in found]


def test_the_most_useful_come_first_spread_over_the_labels(posts: ReviewList) -> None:
    posts.keep([post("a", 0.9), post("b", 0.8), post("c", 0.7), post("d", 0.3, "outage"), post("e", 0.2, "outage")])
    assert names(posts.open(10, {}, NOW)) == ["a", "d", "b", "e", "c"]
    assert names(posts.open(2, {}, NOW)) == ["a", "d"]
    assert names(posts.open(10, {"intent": "outage"}, NOW)) == ["d", "e"]
    assert names(posts.open(10, {"intent": "outage", "urgency": "high"}, NOW)) == []


def test_posts_that_nobody_is_asked_about_are_kept_and_not_shown(posts: ReviewList) -> None:
    posts.keep([post("a", None)])
    assert posts.models() == set()
    posts.keep([post("b", 0.1)])
    assert names(posts.open(10, {}, NOW)) == ["b"]
    assert posts.counts(NOW) == (1, 0)
    assert posts.models() == {MODEL.key}


def test_a_claimed_post_is_nobody_elses_until_the_claim_ends(posts: ReviewList) -> None:
    posts.keep([post("a", 0.9), post("b", 0.8), post("c", 0.7)])
    assert names(posts.claim("ana", 2, {}, NOW)) == ["a", "b"]
    assert names(posts.claim("bob", 2, {}, NOW)) == ["c"]
    assert posts.claim_these("bob", ["answer-a"], NOW) == []
    assert posts.counts(NOW) == (3, 3)
    [first, *_] = posts.open(10, {}, NOW)
    assert (first.claimed_by, first.claimed_until) == ("ana", NOW + CLAIM)
    later = NOW + CLAIM + 1
    assert names(posts.claim_these("bob", ["answer-a"], later)) == ["a"]
    assert posts.open(10, {}, later)[1].claimed_by is None


def test_who_claims_again_keeps_what_was_claimed(posts: ReviewList) -> None:
    posts.keep([post("a", 0.9), post("b", 0.8), post("c", 0.7)])
    posts.claim("ana", 1, {}, NOW)
    [a, b] = posts.claim("ana", 2, {}, NOW + 60)
    assert names([a, b]) == ["a", "b"]
    assert a.claimed_until == NOW + 60 + CLAIM


def test_what_is_released_is_free(posts: ReviewList) -> None:
    posts.keep([post("a", 0.9), post("b", 0.8)])
    posts.claim("ana", 2, {}, NOW)
    assert posts.release("bob", ["answer-a"]) == 0
    assert posts.release("ana", ["answer-a", "answer-x"]) == 1
    assert names(posts.claim("bob", 5, {}, NOW)) == ["a"]


def test_feedback_settles_a_post_whoever_has_it(posts: ReviewList, store: FeedbackStore) -> None:
    posts.keep([post("a", 0.9), post("b", 0.8)])
    posts.claim("ana", 2, {}, NOW)
    store.add([judged("1", post="a", reviewer="bob")])
    assert names(posts.open(10, {}, NOW)) == ["b"]
    assert posts.claim_these("ana", ["answer-a"], NOW) == []


def test_old_posts_are_forgotten_and_their_feedback_keeps_the_text(posts: ReviewList, store: FeedbackStore) -> None:
    posts.keep([post("a", 0.9, time=int(NOW) - 86_400 * 31), post("b", 0.8, time=int(NOW) - 86_400 * 29)])
    store.add([judged("1", post="a")])
    assert posts.forget(30, 1000, NOW) == 1
    assert names(posts.open(10, {}, NOW)) == ["b"]
    assert [row["text"] for row in store.rows()] == ["text of a"]


def test_reviewers_who_claim_at_the_same_time_never_get_the_same_post(posts: ReviewList) -> None:
    posts.keep([post(f"{number:02}", number / 40) for number in range(40)])
    with ThreadPoolExecutor(8) as threads:
        claimed = [*threads.map(lambda reviewer: names(posts.claim(f"reviewer {reviewer}", 5, {}, NOW)), range(8))]
    flat = [name for part in claimed for name in part]
    assert len(flat) == len(set(flat)) == 40


def test_a_text_that_came_often_is_asked_of_once_and_settled_as_one(posts: ReviewList, store: FeedbackStore) -> None:
    same = post("a", 0.9)
    posts.keep([same, replace(same, answer="answer-a2"), post("b", 0.8)])
    posts.keep([replace(same, answer="answer-a3")])
    assert names(posts.open(10, {}, NOW)) == ["a", "b"]
    store.add([judged("1", post="a")])
    posts.keep([replace(same, answer="answer-a4")])
    assert names(posts.open(10, {}, NOW)) == ["b"]


def test_who_claims_gets_their_own_posts_first(posts: ReviewList) -> None:
    posts.keep([post("a", 0.9), post("b", 0.8), post("c", 0.7)])
    posts.claim_these("ana", ["answer-c"], NOW)
    assert names(posts.claim("ana", 2, {}, NOW)) == ["c", "a"]


def test_a_name_may_hold_any_character(posts: ReviewList) -> None:
    posts.keep([post("a", 0.9)])
    assert names(posts.claim("a\0na", 1, {}, NOW)) == ["a"]
    assert posts.release("a\0na", ["answer-a"]) == 1


def test_of_many_open_posts_only_the_best_are_read(tmp_path: Path) -> None:
    store = FeedbackStore.open(str(tmp_path / "feedback.db"))
    plans = []
    with store.transaction(reads=True) as connection:
        for query in (
            "SELECT answer FROM posts WHERE usefulness IS NOT NULL AND kind = 'x' ORDER BY usefulness DESC, answer",
            "SELECT count(kind) FROM posts WHERE usefulness IS NOT NULL",
            "SELECT DISTINCT model FROM posts WHERE usefulness IS NOT NULL",
            "SELECT answer FROM posts WHERE usefulness IS NOT NULL AND claimed_by = 'ana' AND claimed_until > 0",
        ):
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}")
            plans.append(" ".join(str(row[-1]) for row in plan))
    store.close()
    best, count, answered, own = plans
    assert "COVERING INDEX open_posts_of_a_kind" in best
    assert "COVERING INDEX open_posts_of_a_kind" in count
    assert "COVERING INDEX open_posts_of_a_kind" in answered
    assert "INDEX posts_by_reviewer" in own
    assert "TEMP B-TREE" not in best


def test_reviewers_who_claim_and_release_at_the_same_time_do_not_hold_each_other_up(posts: ReviewList) -> None:
    posts.keep([post(f"{number:03}", 0.5) for number in range(300)])
    answers = [f"answer-{number:03}" for number in range(300)]

    def work(reviewer: str) -> None:
        for turn in range(10):
            posts.claim(reviewer, 100, {})
            posts.release(reviewer, answers[:: 1 if turn % 2 else -1])
            posts.forget(1e6, 1000)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, ["ana", "bob", "eve", "joe"]))
    assert posts.counts() == (300, 0)


def test_posts_are_forgotten_in_portions_as_large_as_is_wished(posts: ReviewList) -> None:
    posts.keep([post(f"{number}", None) for number in range(2500)])
    posts.keep([post("new", 0.5, time=int(NOW + 10 * 86_400))])
    assert [posts.forget(5, 1000, NOW + 10 * 86_400) for _ in range(4)] == [1000, 1000, 500, 0]
    assert names(posts.open(10, {}, NOW)) == ["new"]
