import json
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import torch

from data.errors import Interrupted
from data.splitting.parts import Parts
from model.network import TriageNetwork
from tests.training.runs import Run
from training.loop.checkpoints import newest_whole

NewRun = Callable[..., Run]
StoppingAt = Callable[..., AbstractContextManager[None]]


@pytest.fixture
def at_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.loop.checkpoints.SECONDS_BETWEEN", 0.0)


@pytest.fixture
def stopped(new_run: NewRun, stopping_at: StoppingAt) -> Run:
    """A run of two epochs of four steps, stopped in its sixth, and not yet resumed."""
    with stopping_at(6), pytest.raises(Interrupted):
        new_run()()
    return new_run()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def same_weights(network: TriageNetwork, other: TriageNetwork) -> bool:
    return all(map(torch.equal, network.state_dict().values(), other.state_dict().values()))


@pytest.mark.usefixtures("at_each_step")
def test_checkpoints_are_written_in_time_and_change_nothing(new_run: NewRun, parts: Parts, tmp_path: Path) -> None:
    often, seldom = new_run(), new_run()
    seldom.folder = tmp_path / "seldom"
    often()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.loop.checkpoints.SECONDS_BETWEEN", 1e9)
        seldom()
    assert names(seldom.folder) == ["checkpoint-4", "checkpoint-8"]
    assert (
        {"checkpoint-7", "checkpoint-8"}
        <= set(names(often.folder))
        <= {
            "checkpoint-4",
            "checkpoint-7",
            "checkpoint-8",
        }
    )
    assert same_weights(often.network, seldom.network)


@pytest.mark.usefixtures("at_each_step")
def test_the_best_checkpoint_outlives_the_last_two(new_run: NewRun, stopping_at: StoppingAt) -> None:
    run = new_run()
    with stopping_at(7), pytest.raises(Interrupted):
        run()
    assert names(run.folder) == ["checkpoint-4", "checkpoint-6", "checkpoint-7"]


@pytest.mark.parametrize("tear", [Path.unlink, cut], ids=["missing", "cut"])
@pytest.mark.parametrize(
    "file",
    [
        "model.safetensors",
        "optimizer.pt",
        "scheduler.pt",
        "rng_state.pth",
        "trainer_state.json",
        "training_args.bin",
        "whole.json",
    ],
)
def test_a_torn_checkpoint_is_removed_for_the_one_before(
    stopped: Run, file: str, tear: Callable[[Path], None], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(stopped.folder, tmp_path / "copy"))
    tear(folder / "checkpoint-6" / file)
    newest = newest_whole(folder)
    assert newest == folder / "checkpoint-4"
    assert names(folder) == ["checkpoint-4"]


def test_a_checkpoint_whose_best_one_is_torn_is_none_to_go_on_from(stopped: Run) -> None:
    cut(stopped.folder / "checkpoint-4" / "model.safetensors")
    assert newest_whole(stopped.folder) is None
    stopped(resume=True)
    assert stopped.steps == 8


def test_what_kills_have_left_is_removed(stopped: Run) -> None:
    (stopped.folder / "checkpoint-5").mkdir()
    (stopped.folder / "checkpoint-5" / "model.safetensors").write_bytes(b"half")
    (stopped.folder / "tmp-checkpoint-7").mkdir()
    (stopped.folder / "half.json").write_text("{")
    assert newest_whole(stopped.folder) == stopped.folder / "checkpoint-6"
    assert names(stopped.folder) == ["checkpoint-4", "checkpoint-6"]


def test_a_folder_that_is_not_there_holds_nothing_to_go_on_from(tmp_path: Path) -> None:
    assert newest_whole(tmp_path / "absent") is None


def test_a_run_that_was_moved_still_ends_with_its_best_weights(
    new_run: NewRun, stopping_at: StoppingAt, parts: Parts, tmp_path: Path
) -> None:
    with stopping_at(6), pytest.raises(Interrupted):
        new_run()()
    folder = new_run().folder
    state = json.loads((folder / "checkpoint-6" / "trainer_state.json").read_text(encoding="utf-8"))
    assert state["best_global_step"] == 4
    here, moved = new_run(), new_run()
    moved.folder = Path(shutil.copytree(folder, tmp_path / "moved"))
    here(resume=True)
    shutil.rmtree(folder)
    moved(resume=True)
    assert same_weights(here.network, moved.network)
