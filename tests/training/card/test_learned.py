from tests.training.card.conftest import MakeFacts
from tests.training.card.test_facts import STARTER
from training.card.facts import Facts
from training.card.learned import training


def test_files_parts_and_rows_are_told_with_their_hashes(facts: MakeFacts) -> None:
    text = training(facts())
    assert f"| `history.jsonl` | `{'ab' * 32}` |" in text
    assert "| calibration | 120 | fits the confidences |" in text
    assert f"`{'0123456789abcdef' * 4}`" in text
    assert "starter" not in text


def test_labels_are_counted_by_part_with_their_definitions(facts: MakeFacts) -> None:
    text = training(facts())
    assert "| label | train | test | definition |" in text
    assert "| `refund` | 700 | 700 | wants money back |" in text
    assert "| not labelled | 1 | 10 |  |" in text
    assert "none of them" not in text


def test_many_files_are_folded(facts: MakeFacts) -> None:
    many = [{"name": f"{place}.jsonl", "sha256": f"{place:064x}"} for place in range(21)]
    assert "<details><summary>21 files</summary>" in training(facts(data={"files": many}))
    assert "files</summary>" not in training(facts(data={"files": many[:20]}))


def test_files_of_the_starter_corpus_are_counted(facts: MakeFacts) -> None:
    assert "They are the starter corpus" in training(facts(data={"files": STARTER}))
    mixed = [*STARTER, {"name": "mine.csv", "sha256": "ab"}]
    assert "2 of them are the starter corpus's." in training(facts(data={"files": mixed}))


def test_the_recipe_stands_there_in_full_with_the_run_and_the_versions(facts: MakeFacts) -> None:
    text = training(facts(processes=2))
    for row in (
        "| `epochs` | `8` |",
        "| `encoder_lr` | `0.0001` |",
        "| `seed` | `13` |",
        "| `most_posts` | `None` |",
        "| `best_epoch` | `6` |",
        "| `dev_macro_f1` | `0.851235` |",
        "| `processes` | `2` |",
        f"| `code_sha256` | `{'cd' * 32}` |",
        "| python | 3.11.7 |",
        "| torch | 2.13.0 |",
    ):
        assert row in text


def test_heads_that_were_fitted_are_no_epoch_that_was_picked(facts: MakeFacts) -> None:
    assert "the weights of the best epoch of the dev part are kept" in training(facts())
    fitted = training(facts(recipe={"epochs": 0, "contrastive_epochs": 10, "probe": True}))
    assert "bring posts of one label together; then each head was fitted" in fitted
    assert "| dev | 100 | tells how the heads do, and picks nothing |" in fitted
    assert "of the best epoch" not in fitted
    still = training(facts(recipe={"epochs": 0, "contrastive_epochs": 0, "probe": True}))
    assert "The encoder was left as it was" in still


def test_a_path_in_the_recipe_is_told_by_its_last_name_alone(facts: MakeFacts) -> None:
    text = training(facts(recipe={"encoder": "/home/somebody/mine"}))
    assert "| `encoder` | `mine` |" in text
    assert "somebody" not in text


def test_what_an_old_bundle_does_not_know_is_left_out(bare: Facts) -> None:
    assert "The files were not recorded." in training(bare)
