"""Small real things that many tests need: an encoder of a few kilobytes, a taxonomy, posts, and a trained bundle."""

import os
from pathlib import Path

import pytest
import torch

from data.posts import Example, Post
from data.splitting.parts import Parts
from data.taxonomy import Taxonomy
from model.bundle import Bundle
from model.registry import Registry
from tests.tiny import WORDS, write_tiny_encoder
from training.pipeline import Job, train_bundle
from training.recipe import Recipe

os.environ.pop("COLUMNS", None)  # read once, by what is imported first: what a test sets would come too late
torch.set_num_threads(1)  # threads that wait for each other over tensors of a few hundred numbers only cost time


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with long tests come first, so that of several processes none is left alone with one of them."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def taxonomy() -> Taxonomy:
    """Three heads as in the default taxonomy, with few labels."""
    return Taxonomy.from_dict(
        {
            "name": "toy",
            "heads": [
                {"name": "intent", "labels": [{"refund": "wants money back"}, "outage", "spam"]},
                {"name": "urgency", "kind": "ordinal", "labels": ["low", "normal", "high"]},
                {"name": "department", "optional": True, "labels": ["support", "it"]},
            ],
            "routing": {"owner": "department", "unowned": {"intent": ["spam"]}},
        }
    )


@pytest.fixture(scope="session")
def examples() -> list[Example]:
    """Sixty posts whose words tell the labels."""
    kinds = [
        ("refund please order {} is late", "refund", "normal", "support"),
        ("site is down again {}", "outage", "high", "it"),
        ("win cash now {}", "spam", "low", None),
    ]
    words = WORDS.split()
    return [
        Example(
            Post(text.format(f"{words[index % len(words)]} {words[index // 3 % len(words)]}"), id=str(index)),
            {"intent": intent, "urgency": urgency, "department": department},
            group=f"story-{index}",
        )
        for index in range(60)
        for text, intent, urgency, department in [kinds[index % 3]]
    ]


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two narrow layers with random weights, as a folder that `find_encoder` takes."""
    folder = tmp_path_factory.mktemp("encoder")
    return write_tiny_encoder(folder)


@pytest.fixture(scope="session")
def recipe(tiny_encoder: Path) -> Recipe:
    """A few quick steps that learn the toy posts, with a seed that leaves some doubt, which thresholds need."""
    return Recipe(
        encoder=str(tiny_encoder), epochs=4, batch_size=8, encoder_lr=2e-3, head_lr=1e-2, max_tokens=32, seed=15
    )


@pytest.fixture(scope="session")
def parts(examples: list[Example]) -> Parts:
    """The toy posts in four parts, every kind in each."""
    return Parts(train=examples[:30], dev=examples[30:39], calibration=examples[39:48], test=examples[48:])


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory, taxonomy: Taxonomy, parts: Parts, recipe: Recipe) -> Registry:
    """A folder of models with one promoted bundle, `toy@1`, trained for real. Not to be changed: copy it."""
    found = Registry(tmp_path_factory.mktemp("models"))
    source = tmp_path_factory.mktemp("source") / "posts.jsonl"
    source.write_text("{}\n")
    train_bundle(Job("toy", taxonomy, parts, recipe, [source]), found)
    return found


@pytest.fixture(scope="session")
def bundle(registry: Registry) -> Bundle:
    """The bundle `toy@1`. Not to be changed: copy it."""
    return Bundle.load(registry.resolve("toy@1"))
