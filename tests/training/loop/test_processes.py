"""The command under `torchrun`, with two processes on the CPU, beside the same in one."""

import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from model.bundle import Bundle
from model.encoders import find_encoder
from model.network import TriageNetwork
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


@pytest.mark.slow
def test_two_processes_draw_posts_of_one_label_together_as_one_does(tmp_path: Path, bundle: Bundle) -> None:
    settings = ("epochs=0", "contrastive_epochs=1", "probe=true", "batch_size=14", "dropout=0", "encoder_lr=0.001")
    flags = tuple(flag for setting in settings for flag in ("--set", setting))
    alone = Small(tmp_path / "job", posts=60, options=flags)
    alone.prepare()
    alone.run(tmp_path / "one")
    replace(alone, launcher=TORCHRUN).run(tmp_path / "two")
    learned = [
        TriageNetwork.from_pretrained(Bundle.load(Registry(tmp_path / name).resolve(f"{NAME}@1")).weights())
        for name in ("one", "two")
    ]
    fresh = TriageNetwork.from_encoder(find_encoder(str(tmp_path / "job" / "encoder")), bundle.taxonomy)
    one, two, none = map(_embeddings, (*learned, fresh))
    assert (one - two).abs().max() < 0.02 * (one - none).abs().max()
    assert strays(tmp_path / "two") == []


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


def _embeddings(network: TriageNetwork) -> Tensor:
    """`(40, hidden_size)`, of posts of one word each."""
    network.train(False)
    ids = torch.tensor([[2, word, 3] for word in range(4, 44)])
    with torch.no_grad():
        answer: Tensor = network(ids, torch.ones_like(ids)).embedding
    return answer
