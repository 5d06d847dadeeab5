import time

import pytest

from api.answers import Labelled
from api.feedback.answer_ids import (
    AnswerId,
    AnswerIds,
    InvalidAnswerError,
    hash_of,
)
from data.feedback.records import Respondent
from model.bundle import Bundle
from model.decision import Decision, decide

NOW = 1_700_000_000.0


@pytest.fixture(scope="module")
def decision(bundle: Bundle) -> Decision:
    engine = bundle.engine()
    try:
        [decided] = decide(engine.score(["my order is late"]), bundle.policy)
    finally:
        engine.close()
    return decided


@pytest.fixture
def ids(bundle: Bundle) -> AnswerIds:
    return AnswerIds.of(bundle)


def test_an_id_says_what_was_answered(ids: AnswerIds, decision: Decision) -> None:
    said = AnswerId.read(ids.make("my order is late", decision, NOW)).said(ids.respondent)
    assert said.model == ids.respondent.key
    assert said.text_hash == hash_of("my order is late") != hash_of("my order is Late")
    assert said.time == NOW
    assert said.action == decision.action
    assert {head: label for head, (label, _) in said.labels.items()} == {
        name: head.label for name, head in decision.heads.items()
    }
    for name, (_, confidence) in said.labels.items():
        assert confidence == pytest.approx(decision.heads[name].confidence, abs=1e-4)


def test_two_answers_to_one_text_have_two_ids_of_safe_characters(ids: AnswerIds, decision: Decision) -> None:
    made = {ids.make("😡", decision, NOW) for _ in range(100)}
    assert len(made) == 100
    assert all(id_.replace("-", "").replace("_", "").isalnum() and id_.isascii() for id_ in made)
    assert max(map(len, made)) < 80


def test_a_change_of_any_character_is_noticed(ids: AnswerIds, decision: Decision) -> None:
    answer = ids.make("my order is late", decision, NOW)
    # The last character may hold bits that say nothing.
    for place in range(len(answer) - 1):
        other = "A" if answer[place] != "A" else "B"
        with pytest.raises(InvalidAnswerError):
            AnswerId.read(answer[:place] + other + answer[place + 1 :])


@pytest.mark.parametrize("answer", ["", "x", "é" * 67, "A" * 67, "A" * 500, "====", "not an id at all!"])
def test_what_is_no_id_is_refused(answer: str) -> None:
    with pytest.raises(InvalidAnswerError, match="send `answer` as /classify gave it"):
        AnswerId.read(answer)


def test_an_id_of_a_model_with_other_heads_is_damaged(ids: AnswerIds, decision: Decision) -> None:
    few = Respondent(ids.respondent.key, "toy", "1", "", "", "", {"intent": ("only",)})
    with pytest.raises(InvalidAnswerError):
        AnswerId.read(ids.make("x", decision, NOW)).said(few)


def test_answers_of_the_command_line_have_none(decision: Decision, bundle: Bundle) -> None:
    encoded = bundle.engine().tokenizer.encode(["x"])[0]
    assert Labelled(decision, encoded, 0.0).answer_id is None


def test_making_one_costs_little_beside_the_answer(ids: AnswerIds, decision: Decision, bundle: Bundle) -> None:
    def seconds(times: int) -> float:
        began = time.perf_counter()
        for _ in range(times):
            ids.make("my order is late", decision, NOW)
        return time.perf_counter() - began

    engine = bundle.engine()
    try:
        scores = engine.score(["my order is late"] * 200)
        began = time.perf_counter()
        decide(scores, bundle.policy)
        deciding = time.perf_counter() - began
    finally:
        engine.close()
    assert min(seconds(200) for _ in range(5)) < 5 * deciding
