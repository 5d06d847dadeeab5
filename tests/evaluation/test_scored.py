"""Answers as arrays are those of `decide`, post by post."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from data.posts import Example, Post
from data.taxonomy import Head, Taxonomy
from evaluation.scored import ScoredPosts, answers_of
from model.decision import decide
from model.policy import HeadPolicy, Policy
from model.scores import Scores

LABELS = ("a", "b", "c")
HEAD = Head("intent", LABELS, ("", "", ""), optional=True)
TAXONOMY = Taxonomy("t", (HEAD,))

# Few different values, so that ties occur.
_logit = st.sampled_from([-40.0, -1.0, 0.0, 0.5, 1.0, 3.0, 40.0])
_share = st.sampled_from([0.0, 0.3, 0.5, 0.9, 1.0])
_rows = st.lists(st.tuples(_logit, _logit, _logit, st.sampled_from([*LABELS, None, "unknown"])), max_size=12)


@st.composite
def policies(draw: st.DrawFn) -> HeadPolicy:
    vector = draw(st.booleans())
    costs = draw(st.none() | st.tuples(*[st.tuples(*[st.sampled_from([0.0, 1.0, 5.0])] * 3)] * 3))
    return HeadPolicy(
        labels=LABELS,
        temperature=draw(st.sampled_from([0.5, 1.0, 2.0])),
        scales=(0.5, 1.0, 2.0) if vector else (),
        biases=(0.3, 0.0, -0.3) if vector else (),
        threshold=draw(_share),
        label_thresholds=draw(st.dictionaries(st.sampled_from(LABELS), _share)),
        costs=costs or (),
    )


def scored(rows: list[tuple[float, float, float, str | None]]) -> ScoredPosts:
    labels = [row[3] for row in rows]
    examples = [Example(Post("x"), {} if label == "unknown" else {"intent": label}) for label in labels]
    logits = np.array([row[:3] for row in rows], np.float32).reshape(-1, 3)
    return ScoredPosts(examples, Scores({"intent": logits}, np.arange(len(rows), dtype=np.float32)[:, None]))


@settings(deadline=None)
@given(_rows, policies())
def test_answers_are_those_of_the_one_function_that_decides(
    rows: list[tuple[float, float, float, str | None]], head: HeadPolicy
) -> None:
    posts = scored(rows)
    policy = Policy(model_sha256="m", taxonomy_sha256=TAXONOMY.sha256, heads={"intent": head})
    decided = [decision.heads["intent"] for decision in decide(posts.scores, policy)]
    answers = answers_of(posts, HEAD, head)
    known = [row for row, example in enumerate(posts.examples) if example.labels.get("intent")]
    assert answers.rows.tolist() == known
    assert [LABELS[place] for place in answers.gold] == [posts.examples[row].labels["intent"] for row in known]
    assert [LABELS[place] for place in answers.said] == [decided[row].label for row in known]
    assert answers.confidence.tolist() == [decided[row].confidence for row in known]
    assert answers.accepted.tolist() == [decided[row].accepted for row in known]
    for row, probabilities in zip(known, answers.probabilities, strict=True):
        assert probabilities.tolist() == decided[row].probabilities.tolist()
    assert answers.wrong.tolist() == [decided[row].label != posts.examples[row].labels["intent"] for row in known]
    assert answers.most_probable.tolist() == [int(decided[row].probabilities.argmax()) for row in known]


def test_some_posts_are_taken_in_the_given_order_with_their_own_scores() -> None:
    posts = scored([(1, 0, 0, "a"), (0, 1, 0, "b"), (0, 0, 1, "c")])
    some = posts.take(np.array([2, 0]))
    assert len(some) == 2
    assert [example.labels["intent"] for example in some.examples] == ["c", "a"]
    assert some.scores.logits["intent"].tolist() == [[0, 0, 1], [1, 0, 0]]
    assert some.scores.embedding.tolist() == [[2], [0]]
    assert len(posts.take(np.array([], np.int64))) == 0
