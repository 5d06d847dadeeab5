from typing import Any

import pytest

from data.files import file_sha256
from data.starter_corpus import starter_files
from tests.training.card.conftest import FILES, PROVENANCE, MakeFacts

STARTER = [{"name": path.name, "sha256": file_sha256(path)} for path in starter_files()[:2]]


@pytest.mark.parametrize(
    ("encoder", "on_the_hub"),
    [
        ("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"),
        ("someone/encoder", "someone/encoder"),
        ("/home/me/encoder", None),
        ("./encoder", None),
        ("~/encoder", None),
    ],
)
def test_an_encoder_is_known_to_the_hub_unless_it_is_a_folder(
    facts: MakeFacts, encoder: str, on_the_hub: str | None
) -> None:
    assert facts(encoder=encoder).hub_encoder == on_the_hub


@pytest.mark.parametrize(
    ("files", "provenance", "is_starter"),
    [
        (STARTER, {}, True),
        ([*STARTER, *FILES], {}, False),
        (FILES, {}, False),
        ([], {}, False),
        (STARTER, {"retraining": {"parts": []}}, False),
    ],
)
def test_the_starter_corpus_is_known_by_its_files(
    facts: MakeFacts, files: list[dict[str, str]], provenance: dict[str, Any], is_starter: bool
) -> None:
    found = facts(data={"files": files}, **provenance)
    assert found.from_starter == sum(file in STARTER for file in files)
    assert found.is_starter is is_starter


def test_what_was_noted_when_the_corpus_was_another_holds(facts: MakeFacts) -> None:
    assert facts(data={"files": FILES, "starter_files": 1}).is_starter


def test_labels_are_counted_by_part_where_that_was_noted(facts: MakeFacts) -> None:
    found = facts()
    assert found.labelled("train", "intent") == PROVENANCE["data"]["labels"]["train"]["intent"]["labels"]
    assert found.labelled("dev", "intent") is None
    assert facts(data={}).labelled("train", "intent") is None
