from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard

from tests.training.card.conftest import FILES, MakeFacts
from tests.training.card.test_facts import STARTER
from training.card.facts import Facts
from training.card.front_matter import front_matter


def read(facts: Facts) -> dict[str, Any]:
    """As the hub's own library reads it."""
    text = front_matter(facts, "onnx")
    plain: dict[str, Any] = ModelCard(text).data.to_dict()  # type: ignore[no-untyped-call]  # as huggingface_hub has it
    assert plain == yaml.safe_load(text.strip("-"))
    return plain


def test_the_hub_reads_what_the_model_is_and_what_it_scored(facts: MakeFacts) -> None:
    found = read(facts())
    assert found["base_model"] == "sentence-transformers/all-MiniLM-L6-v2"
    assert (found["pipeline_tag"], found["library_name"]) == ("text-classification", "onnx")
    assert found["tags"] == ["triage", "intent", "urgency", "department"]
    [index] = found["model-index"]
    assert index["name"] == "posts@3"
    scores = {
        (result["dataset"]["config"], metric["type"]): metric["value"]
        for result in index["results"]
        for metric in result["metrics"]
    }
    assert scores == {
        ("intent", "accuracy"): 0.9167,
        ("intent", "f1"): 0.8004,
        ("urgency", "accuracy"): 0.7,
        ("urgency", "f1"): 0.65,
    }


def test_what_is_not_known_is_left_out(facts: MakeFacts, bare: Facts) -> None:
    assert not {"license", "base_model"} & set(read(facts(encoder="/home/me/encoder")))
    assert set(read(bare)) == {"library_name", "pipeline_tag", "tags", "metrics"}


@pytest.mark.parametrize(
    ("data", "language", "licence"),
    [
        ({"files": STARTER}, ["en"], "apache-2.0"),
        ({"files": FILES, "languages": {"en": 5, "pt-BR": 3, "tlh1": 1}}, ["en", "pt"], None),
        ({"files": FILES}, None, None),
    ],
)
def test_languages_are_those_that_the_files_name_and_only_the_starter_corpus_has_a_licence(
    facts: MakeFacts, data: dict[str, Any], language: list[str] | None, licence: str | None
) -> None:
    found = read(facts(data=data))
    assert (found.get("language"), found.get("license")) == (language, licence)
