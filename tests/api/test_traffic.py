import json
import math
import shutil
from collections import Counter as Tally
from pathlib import Path

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.traffic import BLOCK_POSTS, KEPT, LEAST_POSTS, Baseline, RecentTraffic
from data.files import file_sha256
from data.posts import Example
from model.bundle import MANIFEST, REFERENCE, Bundle
from model.decision import decide
from model.reference import scored
from tests.api.conftest import serving_app

BASELINE = Baseline({"urgency": ("low", "high")}, {"urgency": np.array([0.8, 0.2])}, {"urgency": 0.7}, np.zeros(1))
LATE = "refund please order late late"
DOWN = "site is down again help"


def counts(given: dict[tuple[str, ...], int]) -> "Tally[tuple[str, ...]]":
    return Tally(given)


HALVES = counts({("urgency", "low", "accept"): 30, ("urgency", "low", "review"): 20, ("urgency", "high", "accept"): 50})


@pytest.fixture
def knowing(bundle: Bundle, examples: list[Example], tmp_path: Path) -> Bundle:
    """`toy@1` as if it had been calibrated on all sixty posts."""
    folder = Path(shutil.copytree(bundle.path, tmp_path / "knowing"))
    engine = bundle.engine(workers=1)
    scored(engine, [example.post.text for example in examples]).write(folder / REFERENCE)
    engine.close()
    plain = json.loads((folder / MANIFEST).read_text())
    plain["files"][REFERENCE] = file_sha256(folder / REFERENCE)
    (folder / MANIFEST).write_text(json.dumps(plain))
    return Bundle.load(folder)


def gauges(metrics: str, name: str) -> dict[str, float]:
    """By head."""
    families = text_string_to_metric_families(metrics)
    return {
        sample.labels["head"]: sample.value for family in families for sample in family.samples if family.name == name
    }


def test_shares_and_confidence_are_told_once_there_are_enough_posts() -> None:
    told: list[tuple[str, float, float]] = []
    traffic = RecentTraffic(BASELINE, lambda *drift: told.append(drift))
    for _ in range(LEAST_POSTS // 100 - 1):
        traffic.add(100, HALVES, {"urgency": 90.0})
    assert told == []
    traffic.add(100, HALVES, {"urgency": 90.0})
    [(head, distance, confidence)] = told
    assert head == "urgency"
    assert (distance, confidence) == pytest.approx((0.3, 0.2))


def test_older_posts_count_for_less_and_less() -> None:
    told: list[float] = []
    traffic = RecentTraffic(BASELINE, lambda head, distance, confidence: told.append(distance))
    blocks = [counts({("urgency", "high", "accept"): BLOCK_POSTS})] * 4 + [
        counts({("urgency", "low", "accept"): BLOCK_POSTS})
    ] * 2
    for block in blocks:
        traffic.add(BLOCK_POSTS, block, {})
    weights = np.array([KEPT**age for age in (5, 4, 3, 2, 1, 0)])
    assert told[-1] == pytest.approx(abs(weights[:4].sum() / weights.sum() - 0.2))
    for _ in range(300):
        traffic.add(BLOCK_POSTS, blocks[-1], {})
    assert told[-1] == pytest.approx(0.2)


def test_the_half_of_all_weight_lies_on_the_last_7000_posts() -> None:
    older = KEPT ** (7_000 / BLOCK_POSTS)
    assert older == pytest.approx(0.5, abs=0.02)


def test_labels_and_heads_of_a_replaced_model_do_no_harm() -> None:
    told: list[float] = []
    traffic = RecentTraffic(BASELINE, lambda head, distance, confidence: told.append(distance))
    gone = counts({("urgency", "gone", "accept"): 1, ("topic", "gone", "accept"): 1})
    for _ in range(3):
        traffic.add(BLOCK_POSTS, counts({("urgency", "low", "accept"): BLOCK_POSTS}) + gone, {"topic": 1.0})
    assert told[-1] == pytest.approx(0.2)


def test_the_baseline_is_what_the_policy_says_to_the_calibration_posts(
    knowing: Bundle, examples: list[Example]
) -> None:
    baseline = Baseline.of(knowing)
    engine = knowing.engine(workers=1)
    decisions = decide(engine.score([example.post.text for example in examples]), knowing.policy)
    engine.close()
    assert baseline is not None
    for name, labels in baseline.labels.items():
        found = Tally(decision.heads[name].label for decision in decisions)
        assert baseline.shares[name].tolist() == pytest.approx([found[label] / 60 for label in labels])
        assert baseline.confidence[name] == pytest.approx(
            np.mean([decision.heads[name].confidence for decision in decisions])
        )


def test_a_bundle_that_knows_too_few_posts_has_no_baseline(bundle: Bundle) -> None:
    assert len(bundle.reference() or ()) == 9
    assert Baseline.of(bundle) is None


def test_the_gauge_is_absent_until_there_are_enough_posts_and_then_tells_the_distance(knowing: Bundle) -> None:
    with serving_app(knowing, max_posts=LEAST_POSTS, max_queued_posts=LEAST_POSTS) as client:
        client.post("/classify", json={"posts": [{"text": DOWN}] * (LEAST_POSTS - 1)}).raise_for_status()
        assert gauges(client.get("/metrics").text, "triage_drift") == {}
        client.post("/classify", json={"posts": [{"text": DOWN}] * BLOCK_POSTS}).raise_for_status()
        metrics = client.get("/metrics").text
    # A third of the calibration posts were like these.
    assert gauges(metrics, "triage_drift")["intent"] == pytest.approx(2 / 3)
    assert gauges(metrics, "triage_drift").keys() == {"intent", "urgency", "department"}
    assert all(math.isfinite(shift) for shift in gauges(metrics, "triage_confidence_shift").values())


def test_without_a_reference_there_is_no_gauge(bundle: Bundle) -> None:
    with serving_app(bundle, max_posts=2 * LEAST_POSTS, max_queued_posts=2 * LEAST_POSTS) as client:
        client.post("/classify", json={"posts": [{"text": LATE}] * 2 * LEAST_POSTS}).raise_for_status()
        assert gauges(client.get("/metrics").text, "triage_drift") == {}
