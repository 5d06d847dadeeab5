"""A comparison as a person reads it in a terminal."""

import io

import numpy as np
import pytest
from rich.console import Console, RenderableType

from data.posts import Example, Post
from data.taxonomy import Taxonomy
from evaluation.comparison import tables
from evaluation.comparison.compare import Comparison, Contender, compare
from model.policy import Policy
from model.scores import Scores


def rendered(*parts: RenderableType, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(*parts)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.fixture
def comparison(taxonomy: Taxonomy) -> Comparison:
    """Of 400 posts, all of support's, the challenger gives ten to another department."""
    policy = Policy.plain(taxonomy, "m")
    sides = []
    for wrong in (0, 10):
        places = np.array([1] * wrong + [0] * (400 - wrong))
        logits = {head.name: np.zeros((400, len(head.labels)), np.float32) for head in taxonomy}
        logits["intent"][:, 0] = logits["urgency"][:, 1] = 9
        logits["department"][np.arange(400), places] = 9
        sides.append(Contender(Scores(logits, np.zeros((400, 1), np.float32)), policy))
    labels: dict[str, str | None] = {"intent": "refund", "urgency": "normal", "department": "support"}
    examples = [Example(Post("x"), labels, origin=f"f.csv:{line}") for line in range(1, 401)]
    return compare(examples, sides[0], sides[1], most_flips=1)


def test_a_difference_is_told_in_points(comparison: Comparison) -> None:
    found = rendered(tables.figures(comparison))
    department = next(line for line in found.splitlines() if "department accuracy" in line)
    assert department.split() == [
        "department",
        "accuracy",
        "100.0",
        "97.5",
        "-2.5",
        "-4.5",
        "to",
        "-1.0",
        "0.012",
        "worse",
    ]
    automatic = next(line for line in found.splitlines() if "automatic share" in line)
    assert automatic.split()[-2:] == ["not", "worse"]


def test_who_is_right_where_the_other_is_not(comparison: Comparison) -> None:
    found = rendered(tables.right_and_wrong(comparison))
    assert next(line for line in found.splitlines() if "department" in line).split() == [
        "department",
        "400",
        "10",
        "0",
        "0.002",
    ]


def test_recall_has_a_line_a_label(comparison: Comparison) -> None:
    found = rendered(tables.recalls("department", comparison.heads["department"]))
    assert next(line for line in found.splitlines() if "support" in line).split()[:4] == [
        "support",
        "400",
        "100.0",
        "97.5",
    ]


def test_changed_decisions_are_counted_and_named(comparison: Comparison) -> None:
    found = rendered(tables.flips(comparison))
    assert "changed decisions: 10 of 400" in found
    assert next(line for line in found.splitlines() if "auto: it" in line).split() == [
        *("auto:", "support", "auto:", "it"),
        *("10", "0", "10"),
    ]
    named = rendered(tables.flipped_posts(comparison.surest_flips, None))
    assert "f.csv:1 " in named
    assert "[b]secret" not in named
    assert "[b]secret" in rendered(tables.flipped_posts(comparison.surest_flips, ["[b]secret"]))


def test_the_verdict_says_what_it_rests_on_and_by_which_rule(comparison: Comparison) -> None:
    found = rendered(tables.verdict(comparison), width=2_000)
    assert found.startswith("verdict: worse (department accuracy, department macro F1, wrong owner)\n")
    assert "the labels' recall is another" in found


def test_every_table_fits_a_terminal(comparison: Comparison) -> None:
    recalls = [tables.recalls(name, head) for name, head in comparison.heads.items()]
    found = rendered(tables.figures(comparison), tables.right_and_wrong(comparison), tables.flips(comparison), *recalls)
    assert max(map(len, found.splitlines())) <= 80
    assert "…" not in found
