"""A short version of `python -m tests.chaos.feedback`, and whether it would notice what it looks for."""

import asyncio
from pathlib import Path
from random import Random

import pytest

from data.feedback.store import FeedbackStore
from model.bundle import Bundle
from tests.chaos.feedback import Written, _look, _places, write_and_kill
from tests.chaos.versions import make_versions
from tests.data.feedback.conftest import judged


@pytest.mark.slow
@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_what_was_acknowledged_is_there_once_whatever_was_killed(bundle: Bundle, tmp_path: Path, store: str) -> None:
    models = tmp_path / "models"
    make_versions(bundle, models)
    with _places(store, tmp_path) as (location, server):
        found = asyncio.run(write_and_kill(models, tmp_path, location, 2_000, 4, Random(13), server))  # noqa: S311  # nothing secret
    assert found.faults == []
    assert len(found.acknowledged) == 2_000
    assert found.kills == 4
    assert found.unanswered > 0, "no kill met a client that was writing"


def test_what_is_lost_or_altered_is_noticed(tmp_path: Path) -> None:
    location = str(tmp_path / "feedback.db")
    store = FeedbackStore.open(location)
    store.add([judged("1"), judged("2", reviewer="bob")])
    store.close()
    written = Written(acknowledged={"1": "ana", "2": "ana", "3": "ana"})
    _look(location, written, 3)
    assert written.faults == [
        "1 lost, the first is 3",
        "1 stored otherwise, the first is 2",
        "3 sent, 3 acknowledged, 2 stored",
    ]
