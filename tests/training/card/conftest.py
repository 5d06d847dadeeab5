"""A bundle's facts without a bundle: each test says what its own are."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from data.taxonomy import Taxonomy
from model.bundle import About
from model.policy import Policy
from training.card.facts import Facts

FIGURES: dict[str, Any] = {
    "n": 250,
    "heads": {
        "intent": {
            "n": 240,
            "accuracy": 0.91666,
            "accuracy_ci95": [0.88, 0.9455],
            "macro_f1": 0.8004,
            "macro_f1_ci95": [0.75, 0.8519],
            "ece": 0.0316,
            "log_loss": 0.3,
            "brier": 0.12,
            "uncalibrated": {"ece": 0.0909, "log_loss": 0.4, "brier": 0.13},
            "per_label": {
                "refund": {"support": 100, "precision": 0.9, "recall": 0.95, "f1": 0.92, "recall_ci95": [0.9, 0.98]},
                "outage": {"support": 12, "precision": 0.6, "recall": 0.5, "f1": 0.545},
                "spam": {"support": 0, "precision": 0.0, "recall": 0.0, "f1": 0.0, "recall_ci95": None},
            },
        },
        "urgency": {
            "n": 250,
            "accuracy": 0.7,
            "macro_f1": 0.65,
            "macro_f1_ci95": [0.6, 0.7],
            "ece": 0.1,
            "qwk": 0.7777,
            "qwk_ci95": [0.7, 0.8],
        },
    },
    "routing": {"auto_rate": 0.612, "ignored_rate": 0.05, "auto_error": 0.031, "auto_error_ci95": [0.01, 0.06]},
}
FILES = [{"name": "history.jsonl", "sha256": "ab" * 32}]
PROVENANCE: dict[str, Any] = {
    "encoder": "all-MiniLM-L6-v2",
    "recipe": {"epochs": 8, "encoder": "all-MiniLM-L6-v2", "encoder_lr": 1e-4, "seed": 13, "most_posts": None},
    "best_epoch": 6.0,
    "dev_macro_f1": 0.8512345,
    "data": {
        "files": FILES,
        "posts": {"train": 1000, "dev": 100, "calibration": 120, "test": 250},
        "learned_sha256": "0123456789abcdef" * 4,
        "labels": {
            part: {"intent": {"labels": {"refund": 700, "outage": 290, "spam": 9}, "none": 0, "unknown": unknown}}
            for part, unknown in (("train", 1), ("test", 10))
        },
        "languages": {"en": 800, "pt-BR": 90},
    },
    "graph": {},
    "code_sha256": "cd" * 32,
    "packages": {"torch": "2.13.0"},
    "python": "3.11.7",
}

MakeFacts = Callable[..., Facts]


@pytest.fixture
def facts(taxonomy: Taxonomy) -> MakeFacts:
    """Make facts; `figures`, `policy` and `parent` replace those given, all else stands in the provenance."""

    def make(
        figures: dict[str, Any] = FIGURES, policy: Policy | None = None, parent: str | None = None, **provenance: Any
    ) -> Facts:
        about = About(
            name="posts",
            version=3,
            parent=parent,
            precision="int8",
            max_tokens=128,
            provenance={**PROVENANCE, **provenance},
        )
        plain = Policy.plain(taxonomy, "of the model", {"intent": 0.75})
        return Facts(about, taxonomy, policy or plain, figures)

    return make


@pytest.fixture
def bare(facts: MakeFacts) -> Facts:
    """All that is known of a very old bundle, shipped without figures."""
    made = facts()
    return replace(made, about=made.about.model_copy(update={"provenance": {}}), figures={})
