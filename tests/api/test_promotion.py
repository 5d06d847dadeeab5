import json
import shutil
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from model.bundle import MANIFEST, MODEL, Bundle
from model.registry import POINTER, Registry
from tests.api.conftest import Client, serving_app, until


@pytest.fixture
def versions(registry: Registry, tmp_path: Path) -> Registry:
    """`toy@1`, which is promoted, and the same as `toy@2` and `toy@3`."""
    root = tmp_path / "models"
    shutil.copytree(registry.root, root)
    for version in (2, 3):
        folder = root / "toy" / str(version)
        shutil.copytree(root / "toy" / "1", folder)
        manifest = json.loads((folder / MANIFEST).read_text())
        (folder / MANIFEST).write_text(json.dumps(manifest | {"version": version}))
    return Registry(root)


def serving_promoted(versions: Registry, **settings: Any) -> Any:
    bundle = Bundle.load(versions.resolve())
    return serving_app(bundle, registry=versions, watch_seconds=0.02, **settings)


def served(client: httpx.Client) -> str:
    return str(client.get("/readyz").json()["model"])


def test_what_is_promoted_is_served_and_rolled_back_by_the_same_way(versions: Registry) -> None:
    with serving_promoted(versions) as client:
        assert served(client) == "toy@1"
        versions.promote("toy@2")
        until(lambda: served(client) == "toy@2")
        answer = client.post("/classify", json={"text": "site is down"}).json()
        assert answer["model"]["version"] == client.get("/model").json()["model"]["version"] == "2"
        versions.rollback()
        until(lambda: served(client) == "toy@1")
        lines = client.get("/metrics").text.splitlines()
    assert 'triage_model_replacements_total{outcome="done"} 2.0' in lines
    assert 'triage_model{name="toy",precision="int8",version="1"} 1.0' in lines
    assert 'triage_model{name="toy",precision="int8",version="2"} 0.0' in lines


def test_a_bundle_that_fails_stays_out_and_is_told(versions: Registry) -> None:
    with serving_promoted(versions) as client:
        versions.promote("toy@2")
        until(lambda: served(client) == "toy@2")
        with (versions.root / "toy" / "3" / MODEL).open("r+b") as graph:
            graph.write(b"torn")
        pointer = {"current": "toy@3", "previous": ["toy@1", "toy@2"]}  # `promote` would see that it is torn
        (versions.root / POINTER).write_text(json.dumps(pointer))
        until(lambda: "fault" in client.get("/readyz").json())
        ready = client.get("/readyz").json()
        assert ready["model"] == "toy@2"
        assert ready["fault"] == {"bundle": "toy@3"}  # and no more: it is told to anybody
        fault = client.get("/model").json()["fault"]
        assert fault["bundle"] == "toy@3"
        assert "torn or altered" in fault["message"]
        assert client.post("/classify", json={"text": "late"}).json()["model"]["version"] == "2"
        versions.rollback()
        until(lambda: "fault" not in client.get("/readyz").json())
        assert served(client) == "toy@2"


def test_a_request_under_way_ends_with_the_model_that_it_began_with(versions: Registry) -> None:
    with serving_promoted(versions) as client:
        service = client.service
        with service.model() as before:
            versions.promote("toy@2")
            until(lambda: served(client) == "toy@2")
            assert before.bundle.manifest.version == 1
            threads = before.engine._threads
            assert before.engine.score(["late"]).embedding.shape[0] == 1  # still in service for this one
        until(lambda: not any(thread.is_alive() for thread in threads))


def test_nothing_is_lost_or_mixed_while_models_are_swapped_under_load(versions: Registry) -> None:
    texts = ["site is down again", "refund please", "win cash now"] * 5
    done = threading.Event()
    answers: list[httpx.Response] = []

    def ask(url: httpx.URL) -> None:
        with httpx.Client(base_url=url, timeout=30) as own:
            while not done.is_set():
                answers.append(own.post("/classify", json={"posts": [{"text": text} for text in texts]}))

    with serving_promoted(versions, cached_posts=0) as client:
        askers = [threading.Thread(target=ask, args=(client.base_url,)) for _ in range(3)]
        for asker in askers:
            asker.start()
        for turn in range(20):
            target = f"toy@{2 + turn % 2}"
            versions.promote(target)
            until(lambda: served(client) == target)  # noqa: B023  # it is called before the next turn
        done.set()
        for asker in askers:
            asker.join(30)
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["model"]["version"] for answer in answers} >= {"2", "3"}
    first = answers[0].json()["results"]
    assert all(len(answer.json()["results"]) == len(texts) for answer in answers)
    for result, other in zip(first, answers[-1].json()["results"], strict=True):
        assert result["labels"]["intent"]["label"] == other["labels"]["intent"]["label"]


def test_a_pointer_that_cannot_be_read_changes_nothing(versions: Registry) -> None:
    with serving_promoted(versions) as client:
        pointer = versions.root / POINTER
        whole = pointer.read_bytes()
        pointer.write_bytes(b"{")
        looks = _looks(client, versions)
        assert served(client) == "toy@1"
        pointer.write_bytes(whole)
        versions.promote("toy@2")
        until(lambda: served(client) == "toy@2")
    assert looks > 1


def _looks(client: Client, versions: Registry) -> int:
    """Wait until the pointer was looked at a few times."""
    seen = 0
    original = versions.promoted

    def counted() -> str | None:
        nonlocal seen
        seen += 1
        return original()

    versions.promoted = counted  # type: ignore[method-assign]  # to see that it is asked
    until(lambda: seen > 1)
    del versions.promoted
    return seen
