"""Routes as arrays are those of `decide`, post by post."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from data.posts import Example, Post
from data.taxonomy import Taxonomy
from evaluation.routes import NEVER, passes, route_answers, thresholds_of
from evaluation.scored import ScoredPosts
from model.decision import decide
from model.policy import HeadPolicy, Novelty, Policy
from model.scores import Scores

UNOWNED: dict[str, list[str]] = {"intent": ["spam", "chatter"], "urgency": ["never"]}
TAXONOMY = Taxonomy.from_dict(
    {
        "name": "t",
        "heads": [
            {"name": "intent", "labels": ["refund", "spam", "chatter"]},
            {"name": "urgency", "kind": "ordinal", "labels": ["never", "low", "high"]},
            {"name": "owner", "optional": True, "labels": ["support", "it"]},
        ],
        "routing": {"owner": "owner", "unowned": UNOWNED},
    }
)

# Few different values, so that ties occur, of confidences among themselves and with thresholds.
_logit = st.sampled_from([-40.0, -1.0, 0.0, 1.0, 3.0, 40.0])
_share = st.sampled_from([0.0, 0.3, 0.5, 0.7, 0.9, 1.0])
_row = st.tuples(st.tuples(*[_logit] * 8), st.sampled_from(["support", "it", None, "unknown"]))


@st.composite
def _heads(draw: st.DrawFn, name: str) -> HeadPolicy:
    labels = TAXONOMY.head(name).labels
    matrix = st.tuples(*[st.tuples(*[st.sampled_from([0.0, 1.0, 5.0])] * len(labels))] * len(labels))
    return HeadPolicy(
        labels=labels,
        temperature=draw(st.sampled_from([0.5, 1.0, 2.0])),
        threshold=draw(_share),
        label_thresholds=draw(st.dictionaries(st.sampled_from(labels), _share)),
        costs=draw(st.just(()) | matrix),
    )


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    return Policy(
        model_sha256="m",
        taxonomy_sha256=TAXONOMY.sha256,
        heads={head.name: draw(_heads(head.name)) for head in TAXONOMY},
        owner="owner",
        unowned={name: tuple(labels) for name, labels in UNOWNED.items() if draw(st.booleans())},
        novelty=draw(st.none() | st.just(Novelty(head="intent", threshold=-1.5))),
    )


def scored(rows: Sequence[tuple[tuple[float, ...], str | None]]) -> ScoredPosts:
    values = np.array([row for row, _ in rows], np.float32).reshape(-1, 8)
    logits = {"intent": values[:, :3], "urgency": values[:, 3:6], "owner": values[:, 6:]}
    labels: list[dict[str, str | None]] = [{} if owner == "unknown" else {"owner": owner} for _, owner in rows]
    return ScoredPosts([Example(Post("x"), each) for each in labels], Scores(logits, np.zeros((len(rows), 1), "f4")))


def under(policy: Policy, least: Mapping[str, NDArray[np.float64]]) -> Policy:
    heads = {name: head.with_thresholds(least[name].tolist()) for name, head in policy.heads.items()}
    return policy.model_copy(update={"heads": heads})


def raised(policy: Policy, threshold: float) -> Policy:
    """As the promise about the route raises thresholds: of the owning head, and of what nobody owns."""
    least = thresholds_of(policy)
    for name, head in policy.heads.items():
        for place, label in enumerate(head.labels):
            if name == policy.owner or label in policy.unowned.get(name, ()):
                least[name][place] = max(least[name][place], threshold)
    return under(policy, least)


@settings(deadline=None)
@given(st.lists(_row, max_size=12), policies())
def test_what_passes_is_what_the_one_function_that_decides_lets_pass(
    rows: list[tuple[tuple[float, ...], str | None]], policy: Policy
) -> None:
    posts = scored(rows)
    found = passes(posts, policy, TAXONOMY, thresholds_of(policy))
    assert found.tolist() == [decision.action != "review" for decision in decide(posts.scores, policy)]


@settings(deadline=None)
@given(st.lists(_row, max_size=12), policies(), policies())
def test_the_thresholds_given_hold_in_place_of_the_policys(
    rows: list[tuple[tuple[float, ...], str | None]], policy: Policy, other: Policy
) -> None:
    posts, least = scored(rows), thresholds_of(other)
    found = passes(posts, policy, TAXONOMY, least)
    decisions = decide(posts.scores, under(policy, least))
    assert found.tolist() == [decision.action != "review" for decision in decisions]


@settings(deadline=None)
@given(st.lists(_row, max_size=12), policies(), st.sampled_from([0.0, 0.4, 0.5, 0.7, 0.95, 1.0]))
def test_a_post_passes_up_to_its_confidence_and_goes_where_it_is_sent(
    rows: list[tuple[tuple[float, ...], str | None]], policy: Policy, threshold: float
) -> None:
    """At each threshold of the route, not only at that of the policy."""
    posts = scored(rows)
    known = [example.labels["owner"] for example in posts.examples if "owner" in example.labels]
    places = [place for place, example in enumerate(posts.examples) if "owner" in example.labels]
    confidence, wrong = route_answers(posts, policy, TAXONOMY, thresholds_of(policy))
    everything = decide(posts.scores, raised(policy, threshold))
    decisions = [everything[place] for place in places]
    passing = [decision.action != "review" for decision in decisions]
    assert (confidence >= threshold).tolist() == passing
    sent = [decision.owner for decision in decisions]
    misled = [to != label for to, label in zip(sent, known, strict=True)]
    assert [bad for bad, passed in zip(wrong.tolist(), passing, strict=True) if passed] == [
        bad for bad, passed in zip(misled, passing, strict=True) if passed
    ]


# Logits of a sure answer, and of one of 0.73.
_REFUND, _SPAM, _PERHAPS_SPAM = (9.0, 0.0, 0.0), (0.0, 9.0, 0.0), (-40.0, 1.0, 0.0)
_LOW, _UNCLEAR = (0.0, 9.0, 0.0), (0.0, 0.1, 0.0)
_SUPPORT, _PERHAPS_SUPPORT = (9.0, 0.0), (1.0, 0.0)


@pytest.mark.parametrize(
    ("logits", "gold", "confidence", "wrong"),
    [
        pytest.param((*_REFUND, *_LOW, *_SUPPORT), "support", 0.9998766, False, id="automatic, and right"),
        pytest.param((*_REFUND, *_LOW, *_PERHAPS_SUPPORT), "it", 0.7310586, True, id="automatic, and wrong"),
        pytest.param((*_REFUND, *_LOW, *_SUPPORT), None, 0.9998766, True, id="nobody's, and sent to somebody"),
        pytest.param((*_SPAM, *_LOW, *_SUPPORT), None, 0.9997532, False, id="ignored before it is automatic"),
        pytest.param((*_SPAM, *_LOW, *_PERHAPS_SUPPORT), "support", 0.9997532, True, id="ignored, and somebody's"),
        pytest.param((*_SPAM, *_UNCLEAR, *_PERHAPS_SUPPORT), None, 0.9997532, False, id="ignored whatever else"),
        pytest.param((*_REFUND, *_UNCLEAR, *_SUPPORT), "support", NEVER, False, id="held back by another head"),
        pytest.param((*_PERHAPS_SPAM, *_LOW, *_SUPPORT), None, NEVER, True, id="perhaps nobody's"),
    ],
)
def test_by_hand(logits: tuple[float, ...], gold: str | None, confidence: float, wrong: bool) -> None:
    policy = Policy(
        model_sha256="m",
        taxonomy_sha256=TAXONOMY.sha256,
        heads={
            "intent": HeadPolicy(labels=TAXONOMY.head("intent").labels, threshold=0.8),
            "urgency": HeadPolicy(labels=TAXONOMY.head("urgency").labels, threshold=0.6),
            "owner": HeadPolicy(labels=TAXONOMY.head("owner").labels, threshold=0.5),
        },
        owner="owner",
        unowned={"intent": ("spam", "chatter")},
    )
    found = route_answers(scored([(logits, gold)]), policy, TAXONOMY, thresholds_of(policy))
    assert found[0].tolist() == pytest.approx([confidence], abs=1e-6)
    assert found[1].tolist() == [wrong]


def test_posts_whose_owner_is_unknown_tell_nothing() -> None:
    policy = Policy.plain(TAXONOMY, "m")
    rows = [((*_REFUND, *_LOW, *_SUPPORT), owner) for owner in ("unknown", "it", "unknown")]
    confidence, wrong = route_answers(scored(rows), policy, TAXONOMY, thresholds_of(policy))
    assert (confidence.shape, wrong.tolist()) == ((1,), [True])
    assert passes(scored(rows), policy, TAXONOMY, thresholds_of(policy)).tolist() == [True] * 3


def test_what_is_out_of_scope_passes_at_no_threshold() -> None:
    policy = Policy.plain(TAXONOMY, "m").model_copy(update={"novelty": Novelty(head="intent", threshold=-9.5)})
    rows = [((size, 0.0, 0.0, *_LOW, *_SUPPORT), "support") for size in (9.0, 12.0)]  # minus that is their novelty
    confidence, _ = route_answers(scored(rows), policy, TAXONOMY, thresholds_of(policy))
    assert confidence[0] == NEVER
    assert confidence[1] > 0.99
    assert passes(scored(rows), policy, TAXONOMY, thresholds_of(policy)).tolist() == [False, True]


def test_where_two_heads_say_that_nobody_owns_it_the_surer_one_lets_it_pass() -> None:
    policy = Policy.plain(TAXONOMY, "m")
    sure, less_sure = 0.9997532, 0.8436238
    for intent, urgency in (((0.0, 9.0, 0.0), (2.38, 0.0, 0.0)), ((0.0, 2.38, 0.0), (9.0, 0.0, 0.0))):
        posts = scored([((*intent, *urgency, *_SUPPORT), None)])
        confidence, _ = route_answers(posts, policy, TAXONOMY, thresholds_of(policy))
        assert confidence[0] == pytest.approx(sure, abs=1e-6)
        between = raised(policy, (sure + less_sure) / 2)
        assert [decision.action for decision in decide(posts.scores, between)] == ["ignore"]
