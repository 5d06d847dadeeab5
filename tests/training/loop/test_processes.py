"""The command under `torchrun`, with two processes on the CPU, beside the same in one."""

import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from model.bundle import Bundle
from model.registry import Registry
from tests.training.loop.killed import NAME, Small, largest_difference, strays
from training.loop import processes

# Without dropout, of which each process draws its own. Neither the posts nor their known labels can be halved evenly.
SETTINGS = ("epochs=3", "batch_size=7", "dropout=0", "noise=0.3")
TORCHRUN = (str(Path(sys.executable).with_name("torchrun")), "--nproc-per-node", "2")


@dataclass(frozen=True)
class Both:
    """The same job in one process, and in two that were stopped after their first epoch and resumed."""

    one: Path
    two: Path
    stopped: str
    resumed: str


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    root = tmp_path_factory.mktemp("both")
    flags = tuple(flag for setting in SETTINGS for flag in ("--set", setting))
    alone = Small(root / "job", posts=150, options=flags)
    alone.prepare()
    alone.run(root / "one")
    together = replace(alone, launcher=TORCHRUN)
    stopped = []
    with together.start(root / "two", resume=False) as process:
        assert process.stdout is not None
        for line in process.stdout:
            stopped.append(line)
            if line.startswith("epoch 1"):
                process.terminate()
    assert process.returncode
    assert not Registry(root / "two").references()
    with together.start(root / "two", resume=True) as process:
        resumed, _ = process.communicate()
    assert process.returncode == 0, resumed
    return Both(root / "one", root / "two", "".join(stopped), resumed)


@pytest.mark.slow
def test_two_processes_give_the_weights_of_one(both: Both) -> None:
    # They add the same numbers in another order; Adam turns that into more where a gradient is next to nothing.
    assert largest_difference(both.one, both.two) < 2e-3


@pytest.mark.slow
def test_two_processes_give_the_scores_of_one(both: Both) -> None:
    one, two = (Bundle.load(Registry(models).resolve(f"{NAME}@1")).manifest for models in (both.one, both.two))
    assert two.provenance["best_epoch"] == one.provenance["best_epoch"]
    assert two.provenance["dev_macro_f1"] == pytest.approx(one.provenance["dev_macro_f1"], abs=0.02)


@pytest.mark.slow
def test_two_processes_write_one_bundle_and_leave_nothing(both: Both) -> None:
    assert Registry(both.two).references() == [f"{NAME}@1"]
    assert strays(both.two) == []


@pytest.mark.slow
def test_of_two_processes_one_speaks(both: Both) -> None:
    assert len(re.findall(r"^error: stopped at step \d+ of \d+", both.stopped, re.MULTILINE)) == 1
    assert re.findall(r"^epoch (\d)", both.stopped + both.resumed, re.MULTILINE) == ["1", "2", "3"]
    assert both.resumed.count("posts: train") == both.resumed.count("wrote ") == 1


def test_a_single_process_is_the_main_one_and_waits_for_nobody() -> None:
    assert (processes.process_count(), processes.rank(), processes.is_main()) == (1, 0, True)
    assert processes.decided_by_main(lambda: "done") == "done"
    assert (processes.any_of(True), processes.any_of(False)) == (True, False)
    processes.wait_for_all()
    processes.only_main_goes_on()


@pytest.mark.usefixtures("_of_three")
def test_each_of_several_knows_its_number() -> None:
    assert (processes.process_count(), processes.rank(), processes.is_main()) == (3, 2, False)


@pytest.fixture
def _of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    monkeypatch.setenv("RANK", "2")
