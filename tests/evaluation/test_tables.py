"""Figures as a person reads them in a terminal."""

import io
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from rich.table import Table

from data.taxonomy import Head, Kind
from evaluation.metrics import head_figures
from evaluation.tables import overview, per_label, routing


def rendered(table: Table) -> list[list[str]]:
    """The cells of each line of text."""
    console = Console(file=io.StringIO(), width=200)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().replace("┃", "│").splitlines()
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "│" in line]


def figures(kind: Kind, labels: tuple[str, ...] = ("low", "normal", "high")) -> dict[str, Any]:
    targets, predicted = np.array([0, 0, 1, 2]), np.array([0, 2, 1, 2])
    head = Head("urgency", labels, ("", "", ""), kind)
    return head_figures(head, targets, predicted, np.eye(3)[predicted])


def test_the_overview_has_a_line_a_head() -> None:
    heads = {"intent": figures("nominal"), "urgency": figures("ordinal")}
    first, intent, urgency = rendered(overview({"n": 4, "heads": heads}))
    assert first == ["head", "n", "accuracy", "macro F1", "95 %", "ECE", "MAE", "kappa"]
    low, high = heads["intent"]["macro_f1_ci95"]
    assert intent == ["intent", "4", "0.750", "0.778", f"{low:.3f}-{high:.3f}", "0.250", "-", "-"]
    assert urgency[0] == "urgency"
    assert urgency[-2:] == ["0.500", "0.385"]


def test_the_labels_of_a_head_have_a_line_each() -> None:
    assert rendered(per_label("urgency", figures("ordinal"))) == [
        ["label", "precision", "recall", "F1", "support"],
        ["low", "1.000", "0.500", "0.667", "2"],
        ["normal", "1.000", "1.000", "1.000", "1"],
        ["high", "0.500", "1.000", "0.667", "1"],
    ]


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
