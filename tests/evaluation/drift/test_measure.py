"""Drift in a world whose truth is known: labels are clouds, and the model gives their exact probabilities."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from numpy.typing import NDArray
from rich.console import Console

from data.errors import DataError
from data.taxonomy import Taxonomy
from evaluation.drawing import draw_drift
from evaluation.drift.measure import Drift, drift
from evaluation.drift.tables import effects, moved_labels, verdicts
from evaluation.drift.verdict import NOTHING, TOO_FEW, head_verdict, verdict
from model.policy import Policy
from model.reference import ReferencePosts
from model.scores import Scores

SIZE = 16
WORLD = Taxonomy.from_dict(
    {
        "name": "clouds",
        "heads": [
            {"name": "intent", "labels": [f"intent_{number}" for number in range(6)]},
            {"name": "urgency", "kind": "ordinal", "labels": ["low", "normal", "high"]},
        ],
    }
)
POLICY = Policy.plain(WORLD, "0" * 64)
INTENTS = np.random.default_rng(1).normal(0, 1, (6, SIZE // 2))
URGENCIES = np.random.default_rng(2).normal(0, 1, (3, SIZE // 2))
EQUAL = {"intent": np.full(6, 1 / 6), "urgency": np.full(3, 1 / 3)}


def posts(number: int, seed: int, *, strange: float = 0.0, **shares: NDArray[np.float64]) -> ReferencePosts:
    """Posts whose labels stand in the given shares, by default in equal ones.

    Args:
        strange: share of posts from a place where none was before.
    """
    random = np.random.default_rng(seed)
    chosen = {**EQUAL, **shares}
    intents, urgencies = (random.choice(len(chosen[name]), number, p=chosen[name]) for name in ("intent", "urgency"))
    embedding = np.concatenate([INTENTS[intents], URGENCIES[urgencies]], axis=1) + random.normal(0, 0.7, (number, SIZE))
    embedding[random.random(number) < strange] += 2.0
    halves = embedding[:, : SIZE // 2], embedding[:, SIZE // 2 :]
    logits = {
        name: (-((half[:, None] - centres) ** 2).sum(axis=2) / (2 * 0.7**2)).astype(np.float32)
        for name, half, centres in zip(("intent", "urgency"), halves, (INTENTS, URGENCIES), strict=True)
    }
    tokens = random.integers(5, 60, number)
    return ReferencePosts(Scores(logits, embedding.astype(np.float32)), tokens)


def against(recent: ReferencePosts, reference: int = 1_200) -> Drift:
    return drift(posts(reference, seed=99), recent, WORLD, POLICY)


@pytest.fixture(scope="module")
def mixed() -> Drift:
    """Only the intents stand in other shares."""
    return against(posts(2_000, 3, intent=np.array([0.5, 0.1, 0.1, 0.1, 0.1, 0.1])))


@pytest.fixture(scope="module")
def strange() -> Drift:
    return against(posts(2_000, 4, strange=0.5))


@pytest.mark.parametrize("number", [200, 2_000, 20_000])
def test_posts_of_the_same_kind_are_no_alarm(number: int) -> None:
    for seed in range(3):
        found = against(posts(number, seed))
        assert not found.alarm
        assert verdict(found) == (TOO_FEW if number == 200 else NOTHING)


@pytest.mark.parametrize("number", [200, 2_000])
def test_other_shares_of_labels_are_told_from_other_posts(number: int) -> None:
    found = against(posts(number, 3, intent=np.array([0.6, 0.08, 0.08, 0.08, 0.08, 0.08])))
    assert found.inputs.alarm
    assert found.heads["intent"].left.negligible
    assert verdict(found) == "only the mix of labels (intent) changed"
    assert head_verdict(found, "intent") == "only the mix of labels changed"
    assert head_verdict(found, "urgency") == "the posts changed only in the mix of intent"


def test_the_new_shares_are_estimated(mixed: Drift) -> None:
    head = mixed.heads["intent"]
    assert head.estimated == pytest.approx(np.array([0.5, 0.1, 0.1, 0.1, 0.1, 0.1]), abs=0.03)
    assert head.mix.low < 1 / 3 < head.mix.high
    assert 100 < head.weighing < 1_200


@pytest.mark.parametrize("number", [200, 2_000])
def test_other_posts_are_an_alarm_that_no_mix_of_labels_explains(number: int) -> None:
    found = against(posts(number, 4, strange=0.5))
    assert found.alarm
    assert verdict(found).startswith("the posts themselves changed")
    assert all(head_verdict(found, name).startswith("the posts themselves changed") for name in found.heads)


def test_both_at_once_are_both_told() -> None:
    found = against(posts(2_000, 5, strange=0.5, intent=np.array([0.8, 0.04, 0.04, 0.04, 0.04, 0.04])))
    assert verdict(found).startswith("the posts themselves changed, and the mix of labels (intent")


def test_a_few_strange_posts_among_many_are_no_alarm() -> None:
    found = against(posts(20_000, 6, strange=0.03), reference=2_000)
    assert not found.alarm


def test_a_model_that_is_less_sure_is_an_alarm() -> None:
    recent = posts(1_000, 7)
    doubtful = {name: logits / np.float32(3) for name, logits in recent.scores.logits.items()}
    found = against(ReferencePosts(Scores(doubtful, recent.scores.embedding), recent.tokens))
    assert not found.inputs.alarm
    assert found.heads["intent"].confidence.distance.alarm
    assert head_verdict(found, "intent") == "the model is less sure of its answers"
    told = "what the posts are about hardly changed, but how sure the model is of intent, urgency did"
    assert verdict(found) == told


def test_longer_posts_are_an_alarm() -> None:
    recent = posts(500, 8)
    found = against(ReferencePosts(recent.scores, recent.tokens * 2))
    assert verdict(found) == "what the posts are about hardly changed, but their length did"
    assert found.tokens.mean.size == pytest.approx(32, abs=4)


def test_too_few_posts_are_refused() -> None:
    with pytest.raises(DataError, match="there are 49 posts; expected at least 50"):
        against(posts(49, 1))
    with pytest.raises(DataError, match="the reference has 10 posts"):
        against(posts(100, 1), reference=10)


def test_the_tables_fit_a_terminal_and_name_the_alarms(mixed: Drift) -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    for table in (effects(mixed), moved_labels(mixed.heads["intent"]), verdicts(mixed)):
        console.print(table)
    shown = console.export_text()
    assert "…" not in shown
    assert "mix of labels" in shown
    assert "ALARM 0.1" in shown
    assert "intent_0" in shown
    assert "only the mix of labels changed" in shown


def test_it_is_drawn(strange: Drift, tmp_path: Path) -> None:
    plain = json.loads(json.dumps(strange.to_dict()))
    draw_drift({**plain, "verdict": verdict(strange), "bundle": {"reference": "toy@1"}}, tmp_path / "drift.png")
    picture = imread(tmp_path / "drift.png")[..., :3]
    red = (picture[..., 0] > 0.6) & (picture[..., 1] < 0.2) & (picture[..., 2] < 0.3)
    assert red.any()
    assert picture.shape[1] == 1_200
