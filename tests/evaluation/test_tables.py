"""Figures as a person reads them in a terminal."""

import io
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from rich.table import Table

from data.taxonomy import Head, Kind
from evaluation.metrics import head_figures
from evaluation.scored import HeadAnswers
from evaluation.tables import confidence, levels, overview, per_label, routing, slices, summary, too_rare


def rendered(table: Table) -> list[list[str]]:
    """The cells of each line of text."""
    console = Console(file=io.StringIO(), width=200)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().replace("┃", "│").splitlines()
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "│" in line]


def figures(kind: Kind, labels: tuple[str, ...] = ("low", "normal", "high")) -> dict[str, Any]:
    """Of four posts by a model that is always sure: low, low said high, normal, high."""
    said = np.array([0, 2, 1, 2])
    answers = HeadAnswers(
        head=Head("urgency", labels, ("", "", ""), kind),
        rows=np.arange(4),
        gold=np.array([0, 0, 1, 2]),
        said=said,
        probabilities=np.eye(3)[said],
        confidence=np.ones(4),
        accepted=np.ones(4, np.bool_),
    )
    uncalibrated = {"ece": 0.125, "brier": 0.5, "log_loss": 0.75}
    return {**head_figures(answers), "uncalibrated": uncalibrated}


def test_the_overview_has_a_line_a_head() -> None:
    heads = {"intent": figures("nominal"), "urgency": figures("ordinal")}
    first, intent, urgency = rendered(overview({"n": 4, "heads": heads}))
    assert first == ["head", "n", "accuracy", "95 %", "macro F1", "95 %"]
    low, high = heads["intent"]["macro_f1_ci95"]
    assert intent == ["intent", "4", "0.750", "0.194-0.994", "0.778", f"{low:.3f}-{high:.3f}"]
    assert urgency[0] == "urgency"


def test_labels_that_the_policy_chose_otherwise_have_a_line_of_their_own() -> None:
    head = figures("ordinal")
    decided = {**head, "accuracy": 0.25, "top_missed": 0.125, "confusion": {"labels": [], "counts": []}}
    changed = {"n": 4, "heads": {"urgency": head}, "decided": {"urgency": decided}}
    assert [row[:3] for row in rendered(overview(changed))[1:]] == [
        ["urgency", "4", "0.750"],
        ["urgency, decided", "4", "0.250"],
    ]
    assert [row[5] for row in rendered(levels(changed))[1:]] == ["0.000", "0.125"]
    assert len(rendered(overview({**changed, "decided": {"urgency": head}}))) == 2


def test_confidence_stands_beside_what_it_was_before_calibration() -> None:
    first, row = rendered(confidence({"heads": {"intent": figures("nominal")}}))
    assert first == ["head", "ECE", "before", "log loss", "before", "Brier", "AURC"]
    # One of four is wrong and all are equally sure.
    assert row[:3] == ["intent", "0.250", "0.125"]
    assert row[4:] == ["0.750", "0.500", "0.2500"]


def test_levels_are_those_of_ordinal_heads_alone() -> None:
    rows = rendered(levels({"heads": {"intent": figures("nominal"), "urgency": figures("ordinal")}}))
    assert rows[0] == ["head", "MAE", "kappa", "two off", "95 %", "top missed", "95 %"]
    assert rows[1:] == [["urgency", "0.500", "0.385", "0.250", "0.006-0.806", "0.000", "0.000-0.975"]]


def test_the_summary_has_what_there_is() -> None:
    nominal = {"n": 4, "heads": {"intent": figures("nominal")}}
    assert len(summary(nominal)) == 2
    assert len(summary({**nominal, "heads": {"urgency": figures("ordinal")}})) == 3


def test_the_labels_of_a_head_have_a_line_each() -> None:
    assert rendered(per_label("urgency", figures("ordinal"))) == [
        ["label", "precision, 95 %", "recall, 95 %", "F1", "n"],
        ["low", "1.00 0.03-1.00", "0.50 0.01-0.99", "0.67", "2"],
        ["normal", "1.00 0.03-1.00", "1.00 0.03-1.00", "1.00", "1"],
        ["high", "0.50 0.01-0.99", "1.00 0.03-1.00", "0.67", "1"],
    ]


def test_tables_of_the_longest_labels_fit_into_80_columns() -> None:
    head = figures("ordinal", ("content_or_ip_claim", "b", "c"))
    head["per_label"]["b"]["support"] = 9999
    console = Console(file=io.StringIO(), width=80)
    everything = {"n": 99_999, "heads": {"department": {**head, "n": 99_999}}}
    for table in (*summary(everything), per_label("department", head)):
        console.print(table)
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "content_or_ip_claim" in shown
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_slices_have_a_table_a_head_and_small_ones_a_mark() -> None:
    row = {"n": 7, "accuracy": 0.5, "accuracy_ci95": [0.1, 0.9], "too_small": True}
    found = {
        "tweet": {"n": 9, "heads": {"intent": row, "urgency": row}},
        "e[mail]": {"n": 2, "heads": {"intent": {**row, "too_small": False}}},
    }
    intent, urgency = (rendered(table) for table in slices("channel", found))
    assert intent == [
        ["channel", "posts", "accuracy", "95 %", ""],
        ["tweet", "7", "0.500", "0.100-0.900", "?"],
        ["e[mail]", "7", "0.500", "0.100-0.900", ""],
    ]
    assert len(urgency) == 2


def test_labels_too_rare_to_say_anything_are_named_up_to_five() -> None:
    rows: dict[str, Any] = {f"l{number}": {"recall_ci95": [0.2, 0.5]} for number in range(7)}
    rows |= {"common": {"recall_ci95": [0.8, 0.9]}, "absent": {"recall_ci95": None}}
    [line] = too_rare({"heads": {"intent": {"per_label": rows}, "sure": {"per_label": {"common": rows["common"]}}}})
    assert line.startswith("intent: 8 of 9 labels are too rare")
    assert line.endswith(": l0, l1, l2, l3, l4 and 3 more")


@pytest.mark.parametrize("label", ["refund [eu]", "[red]", "[/b]", "a\\[b]"])
def test_a_label_with_brackets_is_shown_as_it_is_written(label: str) -> None:
    assert [row[0] for row in rendered(per_label("topic", figures("nominal", (label, "b", "c"))))][1] == label


def test_routing_tells_what_would_be_done_and_how_well() -> None:
    rows = {
        "auto_rate": 0.4,
        "auto_error": 0.5,
        "auto_error_ci95": [0.118, 0.882],
        "ignored_rate": 0.3,
        "none_precision": 2 / 3,
        "none_recall": 0.5,
    }
    assert rendered(routing({"routing": rows})) == [
        ["automatic", "0.400"],
        ["ignored (nobody owns it)", "0.300"],
        ["wrong owner among these", "0.500"],
        ["95 % interval", "0.118 to 0.882"],
        ["nobody: precision", "0.667"],
        ["nobody: recall", "0.500"],
    ]


def test_a_figure_with_nothing_to_count_is_a_dash() -> None:
    names = ("auto_error", "auto_error_ci95", "none_precision", "none_recall")
    rows = {"auto_rate": 0.0, "ignored_rate": 0.0, **dict.fromkeys(names)}
    assert [row[1] for row in rendered(routing({"routing": rows}))] == ["0.000", "0.000", "-", "-", "-", "-"]
