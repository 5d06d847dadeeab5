from dataclasses import replace

from model.policy import Novelty
from tests.training.card.conftest import MakeFacts
from tests.training.card.test_facts import STARTER
from training.card.description import details, limits, uses
from training.card.facts import Facts


def test_each_head_is_told_with_its_thresholds(facts: MakeFacts) -> None:
    text = details(facts())
    assert "| `intent` | nominal | 3 |  | 0.500; 1 labels 0.800 |" in text
    assert "| `urgency` | ordinal | 3 |  | 0.500 |" in text
    assert "| `department` | nominal | 2 | yes | 0.500 |" in text
    assert "A post accepted as `spam` is nobody's and is ignored." in text
    assert "a post is read up to 128 tokens" in text


def test_windows_of_long_posts_are_told(facts: MakeFacts) -> None:
    known = facts()
    windows = replace(known, about=known.about.model_copy(update={"max_windows": 4}))
    assert "a post of more than 128 tokens is read in up to 4 windows" in details(windows)
    assert "Of a post of more than 512 tokens a part is not read" in limits(windows)


def test_a_folder_of_ones_own_is_told_by_its_last_name_alone(facts: MakeFacts) -> None:
    text = details(facts(encoder="/home/somebody/encoders/mine/"))
    assert "Encoder: `mine`, from a folder" in text
    assert "somebody" not in text


def test_uses_name_the_questions_and_what_it_is_not_for(facts: MakeFacts) -> None:
    text = uses(facts())
    assert "by `intent`, `urgency`, `department`, post by post" in text
    assert "### Out-of-scope use" in text


def test_languages_are_told_as_they_were_named_or_as_unknown(facts: MakeFacts, bare: Facts) -> None:
    assert "Languages as the files name them, not checked: `en` 800, `pt-BR` 90, of 1470 posts." in limits(facts())
    assert "Which languages the posts are in was not recorded, and not checked." in limits(bare)


def test_posts_that_were_written_and_not_collected_are_told_of(facts: MakeFacts) -> None:
    assert "written, not collected" not in limits(facts())
    text = limits(facts(data={"files": STARTER}))
    assert "It learned from the starter corpus alone: English posts that were **written, not collected**" in text
    assert "English only" in text
    assert "from the starter corpus too" in limits(facts(data={"files": [*STARTER, {"name": "a", "sha256": "b"}]}))


def test_confidences_hold_for_posts_like_those_that_calibrated_them(facts: MakeFacts) -> None:
    assert "calibrated on the 120 posts of the calibration part" in limits(facts())
    exported = {"files": [], "posts": {"calibration": 77, "test": 80}}
    assert "calibrated on the 77 posts" in limits(facts(exported_with=exported))


def test_labels_that_few_posts_taught_are_named(facts: MakeFacts) -> None:
    assert "`intent`: fewer than 20 posts taught `spam` (9); expect little of these." in limits(facts())


def test_a_policy_that_knows_what_is_out_of_scope_is_told(facts: MakeFacts) -> None:
    known = facts()
    policy = known.policy.model_copy(update={"novelty": Novelty(head="intent", threshold=1.0)})
    assert "out_of_scope" in limits(replace(known, policy=policy))
    assert "out_of_scope" not in limits(known)
