"""What changes for users, and how it is told."""

from dataclasses import replace

import numpy as np
import pytest

from data.posts import Example, Post
from data.splitting.parts import Parts
from data.taxonomy import Taxonomy
from evaluation.comparison.compare import Contender
from evaluation.comparison.verdict import Margins
from model.bundle import Bundle
from model.policy import Policy
from model.scores import Scores
from training.retraining.changes import Changes
from training.retraining.judging import judge
from training.retraining.measuring import Trained
from training.retraining.mixing import Added, Mix
from training.retraining.report import Judged, Retraining, labels, markdown, users

POSTS = 40


def contender(taxonomy: Taxonomy, intent: list[int], department: list[int], sure: float = 9.0) -> Contender:
    said = {"intent": intent, "urgency": [1] * POSTS, "department": department}
    logits = {
        head.name: np.float32(sure) * np.eye(len(head.labels), dtype=np.float32)[said[head.name]] for head in taxonomy
    }
    return Contender(Scores(logits, np.zeros((POSTS, 1), np.float32)), Policy.plain(taxonomy, "m"))


@pytest.fixture
def judged(taxonomy: Taxonomy) -> Judged:
    """The challenger sends five posts to it instead of support, and takes three for spam; ten are reviewed."""
    examples = [
        Example(Post("secret"), {"intent": "outage", "department": "support"}, origin=f"x:{row}")
        for row in range(POSTS)
    ]
    before = contender(taxonomy, [1] * POSTS, [0] * POSTS)
    after = contender(taxonomy, [2] * 3 + [1] * 37, [0] * 3 + [1] * 5 + [0] * 32)
    unsure = {name: values.copy() for name, values in after.scores.logits.items()}
    unsure["urgency"][-10:] = 0.0
    after = replace(after, scores=Scores(unsure, after.scores.embedding))
    comparison, found = judge(examples, before, after, Margins())
    return Judged("mine@1", comparison, found, set_aside=2, tuned=True, left_out=["a | b"])


def test_what_changes_for_users_is_counted(judged: Judged) -> None:
    found = judged.users
    assert found.posts == POSTS
    assert found.owners == 8  # five to it, three to nobody
    assert found.heads["intent"].most == [("outage", "spam", 3)]
    assert (found.heads["department"].changed, found.heads["department"].most) == (5, [("support", "it", 5)])
    assert (found.reviewed_before, found.reviewed_after, found.more_reviewed) == (0, 10, 250)
    assert sum(flip.posts for flip in found.routes) == 18
    lines = "\n".join(users(judged))
    assert "another intent: 3 of 40 posts (7.5%); the most frequent: outage → spam 3" in lines
    assert "a person looks at 10 of 40 posts instead of 0: 250 more of every 1,000" in lines
    assert "the thresholds of mine@1 were tuned" in lines


def test_the_same_model_changes_nothing(taxonomy: Taxonomy) -> None:
    examples = [Example(Post("x"), {"intent": "outage"})] * POSTS
    same = contender(taxonomy, [1] * POSTS, [0] * POSTS)
    _, found = judge(examples, same, same, Margins())
    assert (found.owners, found.more_reviewed, list(found.routes)) == (0, 0, [])
    assert all(answers.changed == 0 for answers in found.heads.values())


@pytest.fixture
def told(judged: Judged, bundle: Bundle, parts: Parts) -> Retraining:
    trained = [Trained(Mix(name, parts, {"history": 30, "old": 5}), bundle) for name in ("history", "history+old")]
    return Retraining(
        challenger="mine@2",
        parts={"train": 30, "dev": 9, "calibration": 9, "test": 12},
        trained=trained,
        chosen="history+old",
        added={"old": Added([Example(Post("secret"), {})], 4, {"intent.praise": 7})},
        changes=Changes.parse(["intent.refund=money"], ["urgency.low"], []),
        changed={"intent.refund is now intent.money": 12},
        new=[("intent", "ask"), ("tone", None)],
        unseen=[("intent", "spam")],
        judged=judged,
        figures=bundle.metrics(),
    )


def test_a_report_holds_what_was_done_and_no_text(told: Retraining) -> None:
    report = markdown(told)
    assert report.startswith("# mine@2 against mine@1\n\n**The challenger is worse.** (")
    assert "; 2 others taught one of the two, and are set aside." in report
    assert "| **history+old** | 35 | " in report
    assert "old: 1 posts more that can teach; 4 left out" in report
    assert "- not compared: a \\| b" in report
    for line in labels(told):
        assert f"- {line}\n" in report
    assert labels(told) == [
        "new: intent.ask",
        "new: tone",
        "renamed: intent.refund is now intent.money",
        "dropped: urgency.low",
        "in the posts, intent.refund is now intent.money: 12",
        "asked, though the history has no post of it: intent.spam",
        "old: labels that are not asked, and teach nothing: intent.praise",
    ]
    assert not told.passed
    assert "secret" not in report


def test_without_a_champion_the_figures_stand_by_themselves(told: Retraining) -> None:
    alone = replace(told, judged=None)
    report = markdown(alone)
    assert report.startswith("# mine@2\n\n**There is no champion to compare it with:**")
    assert "| intent | 12 | " in report
    assert (alone.passed, alone.verdict) == (True, "no champion")
