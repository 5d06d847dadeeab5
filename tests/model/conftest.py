"""What the tests of the model share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from transformers import set_seed

from data.taxonomy import Taxonomy
from model.bundle import Bundle
from model.encoders import find_encoder
from model.engine import Engine
from model.network import TriageNetwork


@pytest.fixture
def network(tiny_encoder: Path, taxonomy: Taxonomy) -> TriageNetwork:
    """The tiny encoder with fresh heads, the same in every test, not in training."""
    set_seed(7)
    network = TriageNetwork.from_encoder(find_encoder(str(tiny_encoder)), taxonomy)
    network.train(False)
    return network


@pytest.fixture(scope="session")
def engine(bundle: Bundle) -> Iterator[Engine]:
    """The engine of `toy@1` on two threads."""
    engine = bundle.engine(workers=2)
    yield engine
    engine.close()


@pytest.fixture
def copied(bundle: Bundle, tmp_path: Path) -> Path:
    """A copy of `toy@1` that a test may damage."""
    return Path(shutil.copytree(bundle.path, tmp_path / "copied"))
