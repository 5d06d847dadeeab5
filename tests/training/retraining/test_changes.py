"""What was renamed or dropped, in posts, taxonomies and the answers of an old model."""

import numpy as np
import pytest

from data.errors import ConfigurationError
from data.posts import Example, Post
from data.taxonomy import Taxonomy
from model.decision import decide
from model.policy import Novelty, Policy
from model.scores import Scores
from training.retraining.changes import Changes


def changes(*renames: str, drop: tuple[str, ...] = (), keep: tuple[str, ...] = ()) -> Changes:
    return Changes.parse(renames, drop, keep)


def example(**labels: str | None) -> Example:
    return Example(Post("text"), labels)


def scores(taxonomy: Taxonomy, **said: int) -> Scores:
    """One post; the label of each head by its place."""
    logits = {head.name: 9 * np.eye(len(head.labels), dtype=np.float32)[[said.get(head.name, 0)]] for head in taxonomy}
    return Scores(logits, np.zeros((1, 2), np.float32))


@pytest.mark.parametrize(
    ("renames", "drops", "keeps", "said"),
    [
        (["intent.refund"], [], [], "expected HEAD.OLD=NEW"),
        (["=x"], [], [], "expected HEAD.OLD=NEW"),
        (["intent.=x"], [], [], "expected HEAD.OLD=NEW"),
        (["intent.refund= "], [], [], "expected HEAD.OLD=NEW"),
        ([], ["intent."], [], "expected HEAD.LABEL"),
        (["intent.a=b", "intent.a=c"], [], [], "intent.a is renamed to 'b' already"),
        (["intent.a=b", "intent.b=c"], [], [], "intent.b is an old name and a new one"),
        (["intent.a=a"], [], [], "intent.a is an old name and a new one"),
        (["intent.a=b"], ["intent.a"], [], "--drop intent.a: it is renamed too"),
        ([], ["intent.a"], ["intent.a"], "--drop and --keep both name intent.a"),
    ],
)
def test_what_contradicts_itself_is_refused(renames: list[str], drops: list[str], keeps: list[str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Changes.parse(renames, drops, keeps)


def test_labels_of_a_renamed_head_may_stand_under_either_name() -> None:
    under_old, under_new = (changes("topic=intent", f"{name}.refund=money back") for name in ("topic", "intent"))
    assert under_old == under_new
    assert under_old.head("topic") == "intent"
    assert under_old.label("intent", "refund") == "money back"
    assert under_old.old_heads("intent") == ["intent", "topic"]


def test_posts_get_the_new_names_and_lose_what_is_dropped() -> None:
    given = changes("intent.refund=money_back", "team=department", drop=("urgency", "intent.spam"))
    found, changed = given.labels_of(
        [
            example(intent="refund", urgency="high"),
            example(intent="outage", team="it"),
            example(intent="spam", team=None),
            example(intent="spam"),
        ]
    )
    assert [each.labels for each in found] == [
        {"intent": "money_back"},
        {"intent": "outage", "department": "it"},
        {"department": None},
    ]
    assert changed == {
        "intent.refund is now intent.money_back": 1,
        "urgency.high dropped": 1,
        "team.it is now department.it": 1,
        "team is now department": 1,
        "intent.spam dropped": 2,
    }


def test_a_post_that_has_both_names_of_a_head_keeps_the_label_of_the_new_one() -> None:
    [found], changed = changes("team=department").labels_of([example(team="it", department="support")])
    assert found.labels == {"department": "support"}
    assert not changed


def test_a_taxonomy_keeps_kinds_definitions_and_routing(taxonomy: Taxonomy) -> None:
    found = changes("intent.refund=money_back", "intent.spam=junk", "department=team", drop=("urgency.low",)).taxonomy(
        taxonomy
    )
    assert [head.name for head in found] == ["intent", "urgency", "team"]
    assert found.head("intent").labels == ("money_back", "outage", "junk")
    assert found.head("intent").definitions == ("wants money back", "", "")
    assert (found.head("urgency").kind, found.head("urgency").labels) == ("ordinal", ("normal", "high"))
    assert found.head("team").optional
    assert found.routing is not None
    assert (found.routing.owner, dict(found.routing.unowned)) == ("team", {"intent": ("junk",)})


def test_without_the_owning_head_there_is_no_routing(taxonomy: Taxonomy) -> None:
    assert changes(drop=("department",)).taxonomy(taxonomy).routing is None
    without_spam = changes(drop=("intent.spam",)).taxonomy(taxonomy).routing
    assert without_spam is not None
    assert without_spam.unowned == {}


def test_labels_of_one_name_are_one(taxonomy: Taxonomy) -> None:
    found = changes("intent.outage=refund").taxonomy(taxonomy).head("intent")
    assert found.labels == ("refund", "spam")
    assert found.definitions == ("wants money back", "")


def test_an_old_model_answers_as_it_did_under_the_new_names(taxonomy: Taxonomy) -> None:
    policy = Policy.plain(taxonomy, "m").model_copy(update={"novelty": Novelty(head="intent", threshold=100.0)})
    given = changes("intent.spam=junk", "intent=topic", "department.it=tech")
    for said, action in ((0, "auto"), (2, "ignore")):
        raw = scores(taxonomy, intent=said, department=1)
        [before] = decide(raw, policy)
        [after] = decide(*given.answers(raw, policy))
        assert (after.action, before.action) == (action, action)
        assert after.heads["topic"].label == {0: "refund", 2: "junk"}[said]
        assert after.heads["topic"].confidence == before.heads["intent"].confidence
        assert after.heads["topic"].threshold == before.heads["intent"].threshold
        assert after.heads["department"].label == "tech"
    assert given.answers(raw, policy)[1].heads["topic"].threshold_of("junk") == 0.8


def test_of_labels_that_become_one_the_more_cautious_threshold_holds(taxonomy: Taxonomy) -> None:
    policy = Policy.plain(taxonomy, "m")  # spam, which nobody owns, has 0.8
    raw = scores(taxonomy, intent=0)
    [decision] = decide(*changes("intent.spam=refund").answers(raw, policy))
    assert (decision.heads["intent"].label, decision.heads["intent"].threshold) == ("refund", 0.8)
