import re

from model.bundle import CARD, Bundle
from training.card import card

FIGURES = {
    "n": 250,
    "heads": {
        "intent": {"n": 240, "accuracy": 0.91666, "macro_f1": 0.8004, "macro_f1_ci95": [0.75, 0.8519], "ece": 0.0316},
        "urgency": {
            "n": 250,
            "accuracy": 0.7,
            "macro_f1": 0.65,
            "macro_f1_ci95": [0.6, 0.7],
            "ece": 0.1,
            "qwk": 0.7777,
        },
    },
}
PROVENANCE = {
    "encoder": "all-MiniLM-L6-v2",
    "recipe": {"epochs": 8, "seed": 13},
    "best_epoch": 6.0,
    "data": {"posts": {"train": 1000}, "learned_sha256": "0123456789abcdef" * 4},
    "graph": {},
}


def test_a_card_says_where_the_model_came_from() -> None:
    text = card("posts@3", FIGURES, PROVENANCE)
    assert text.startswith("# posts@3\n")
    assert (
        "Encoder all-MiniLM-L6-v2, 8 epochs (best: 6), seed 13, on 1000 posts; hash of the rows 0123456789ab." in text
    )
    assert "Scored on 250 posts" in text


def test_a_card_has_a_row_of_figures_for_each_head_and_a_kappa_for_an_ordered_one() -> None:
    text = card("posts@3", FIGURES, PROVENANCE)
    assert "| intent | 240 | 0.917 | 0.800 | 0.750 to 0.852 | 0.032 |  |" in text
    assert "| urgency | 250 | 0.700 | 0.650 | 0.600 to 0.700 | 0.100 | 0.778 |" in text


def test_a_card_says_how_int8_agrees_with_float32() -> None:
    graph = {"int8_against_float32": {"label_agreement": {"intent": 0.9932, "urgency": 0.99}}}
    text = card("posts@3", FIGURES, PROVENANCE | {"graph": graph})
    assert "int8 gives the label of float32 for these shares of the posts: intent 99.3%, urgency 99.0%." in text
    assert "Served in float32" not in text


def test_a_card_says_why_float32_is_served() -> None:
    text = card("posts@3", FIGURES, PROVENANCE | {"graph": {"fp32_because": ["one fault", "another"]}})
    assert "Served in float32, because int8 did not pass its gate: one fault; another." in text


def test_every_row_of_the_table_has_as_many_cells_as_its_head() -> None:
    rows = [line for line in card("posts@3", FIGURES, PROVENANCE).splitlines() if line.startswith("|")]
    assert [row.count("|") for row in rows] == [8] * 4


def test_the_card_of_a_bundle_holds_the_figures_of_its_metrics(bundle: Bundle) -> None:
    text = (bundle.path / CARD).read_text(encoding="utf-8")
    for name, head in bundle.metrics()["heads"].items():
        assert re.search(rf"^\| {name} \| {head['n']} \| {head['accuracy']:.3f} \| ", text, re.MULTILINE)
    assert text.startswith(f"# {bundle.manifest.reference}\n")
