from copy import deepcopy

from tests.training.card.conftest import FIGURES, MakeFacts
from training.card.facts import Facts
from training.card.scored import evaluation


def test_each_head_has_a_row_of_figures_with_intervals_and_an_ordered_one_a_kappa(facts: MakeFacts) -> None:
    text = evaluation(facts())
    assert "| intent | 240 | 0.917 | 0.880 to 0.946 | 0.800 | 0.750 to 0.852 | 0.032 |  |  |" in text
    assert "| urgency | 250 | 0.700 |  | 0.650 | 0.600 to 0.700 | 0.100 | 0.778 | 0.700 to 0.800 |" in text
    assert "Scored on 250 posts of the test part, which neither taught, picked nor calibrated the model." in text


def test_every_row_of_a_table_has_as_many_cells_as_its_head(facts: MakeFacts) -> None:
    for block in evaluation(facts()).split("\n\n"):
        if block.startswith("|"):
            assert len({line.count("|") for line in block.splitlines()}) == 1, block


def test_the_weakest_labels_are_named_and_those_that_nothing_is_known_of(facts: MakeFacts) -> None:
    text = evaluation(facts())
    unknown = "nothing is known of `spam`, which no post of the test part carries."
    assert f"- `intent`: weakest `outage` 0.55 (12, too few to tell); {unknown}" in text
    assert "| `refund` | 100 | 0.900 |  | 0.950 | 0.900 to 0.980 | 0.920 |" in text


def test_a_head_without_figures_is_named_with_the_reason(facts: MakeFacts) -> None:
    assert "No figures for `department`: no post of the test part carries its label." in evaluation(facts())
    tuned = evaluation(facts(tuned=[{}]))
    assert "No figures for `department`: it was calibrated anew since, or no post" in tuned


def test_calibration_is_told_before_and_after(facts: MakeFacts) -> None:
    text = evaluation(facts())
    assert "| intent | one temperature | 0.750 | 0.091 | 0.032 | 0.400 | 0.300 | 0.130 | 0.120 |" in text


def test_the_routing_is_told_with_the_interval_of_its_errors(facts: MakeFacts) -> None:
    text = evaluation(facts())
    assert "Under the policy 61.2% of the posts are handled without a person, 5.0% are ignored" in text
    assert "3.1% (95 % interval 1.0% to 6.0%) go to a wrong owner" in text


def test_errors_that_no_post_shows_and_figures_of_another_policy_are_not_told(facts: MakeFacts) -> None:
    figures = deepcopy(FIGURES)
    figures["routing"] |= {"auto_error": None, "auto_error_ci95": None}
    assert "How many go to a wrong owner is not known" in evaluation(facts(figures))
    del figures["routing"]
    assert "Not measured under this policy" in evaluation(facts(figures))
    made = facts(figures)
    unrouted = facts(figures, made.policy.model_copy(update={"owner": None, "unowned": {}}))
    assert "nothing is routed" in evaluation(unrouted)


def test_rows_weighted_to_a_stream_are_told(facts: MakeFacts) -> None:
    weighted = {**FIGURES, "weighted": {"intent": {"accuracy": 0.9, "ece": 0.02}}}
    assert "With the rows weighted to the shares of an unfiltered stream: intent accuracy 0.900, ECE 0.020." in (
        evaluation(facts(weighted))
    )


def test_the_gate_tells_how_int8_agrees_with_float32_or_why_float32_is_served(facts: MakeFacts) -> None:
    passed = {"int8_against_float32": {"posts": 250, "label_agreement": {"intent": 0.9932, "urgency": 0.99}}}
    text = evaluation(facts(graph=passed))
    assert "int8 gives the label of float32 for these shares of the posts: intent 99.3%, urgency 99.0%." in text
    assert "Served in float32" not in text
    text = evaluation(facts(graph={"fp32_because": ["one fault", "another"]}))
    assert "Served in float32, because int8 did not pass its gate: one fault; another." in text


def test_figures_after_an_export_are_of_its_own_posts(facts: MakeFacts) -> None:
    text = evaluation(facts(exported_with={"files": [], "posts": {"calibration": 77, "test": 250}}))
    assert "Scored on 250 posts of the files that it was exported with" in text


def test_a_bundle_without_figures_says_how_to_make_them(bare: Facts) -> None:
    assert "No figures are recorded" in evaluation(bare)
