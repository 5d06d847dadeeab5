from typing import Any

import pytest

from tests.training.card.conftest import MakeFacts
from training.card.facts import Facts
from training.card.origin import origin

TUNED = {
    "targets": [
        {
            "target": "department:error<=0.02@0.95",
            "kept": True,
            "threshold": 0.75123,
            "posts": 800,
            "seen": {"posts": 800, "counted": 700, "wrong": 7, "rate": 0.01, "rate_ci95": [0.004, 0.02]},
            "tested": {"posts": 9, "counted": 0, "wrong": 0, "rate": None, "rate_ci95": None},
        },
        {"target": "intent:error<=0.001", "kept": False, "threshold": None, "posts": 800, "seen": None},
    ],
    "files": [{"name": "calibration.jsonl", "sha256": "ef" * 32}],
    "posts": {"independent": 780},
}


def test_a_first_bundle_has_no_origin_to_tell(facts: MakeFacts, bare: Facts) -> None:
    assert origin(facts()) == ""
    assert origin(bare) == ""


def test_the_parent_is_named(facts: MakeFacts) -> None:
    assert origin(facts(parent="posts@2")).endswith("Made from `posts@2`: training went on from its weights.")
    assert "Made from `posts@2`." in origin(facts(parent="posts@2", tuned=[TUNED]))


def test_a_retraining_tells_the_mixes_that_were_tried(facts: MakeFacts) -> None:
    tried = [
        {"mix": "history", "taught": {"history": 700}, "dev_macro_f1": 0.8, "best_epoch": 3},
        {"mix": "all", "taught": {"history": 700, "starter": 19000}, "dev_macro_f1": 0.8456, "best_epoch": 2},
    ]
    text = origin(facts(retraining={"identity": "ab", "mix": "all", "mixes": tried}))
    assert "Of the mixes of posts that were tried, `all` did best on the dev part." in text
    assert "| `all` | history 700, starter 19000 | 0.846 |" in text
    assert "### Retraining" in origin(facts(retraining={"mix": "all"}))


def test_an_export_tells_which_posts_calibrated_and_scored_it(facts: MakeFacts) -> None:
    exported = {"files": [{"name": "more.jsonl", "sha256": "ef" * 32}], "posts": {"calibration": 77, "test": 80}}
    text = origin(facts(exported_with=exported))
    assert "calibrated on 77 and scored on 80 posts of `more.jsonl` (sha256 efefefefefef)" in text


def test_a_tuned_policy_tells_what_it_promises_and_what_it_refused(facts: MakeFacts) -> None:
    text = origin(facts(tuned=[{"targets": []}, TUNED]))
    assert (
        "they were tuned on 780 independent posts of `calibration.jsonl` (sha256 efefefefefef), the last of 2" in text
    )
    kept = "- `department:error<=0.02@0.95`: kept, from 0.751 on, on 800 posts"
    assert f"{kept}; on these it is 1.0% (95 % interval 0.4% to 2.0%)." in text
    assert "- `intent:error<=0.001`: **refused**: the posts cannot bear it, on 800 posts." in text


@pytest.mark.parametrize("tuning", [{}, {"targets": None}, {"targets": ["a:error<=0.1"], "seed": 13, "posts": 12}])
def test_a_tuning_of_another_form_breaks_nothing(facts: MakeFacts, tuning: dict[str, Any]) -> None:
    assert "they were tuned of files not recorded" in origin(facts(tuned=[tuning]))


def test_what_the_card_does_not_know_by_name_is_told_as_it_stands(facts: MakeFacts) -> None:
    text = origin(facts(processes={"champion": "posts@2", "verdict": "better"}))
    assert "<details><summary>processes</summary>" in text
    assert '"verdict": "better"' in text
