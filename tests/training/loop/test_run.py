import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.metrics import f1_score

from data.errors import Interrupted
from data.splitting.parts import Parts
from data.taxonomy import Taxonomy
from model.network import TriageNetwork
from model.scores import UNLABELLED
from tests.training.runs import Run, prepare
from training.recipe import Recipe

STEPS = 8  # of a whole run: two epochs of four

NewRun = Callable[..., Run]
StoppingAt = Callable[..., AbstractContextManager[None]]


@dataclass(frozen=True)
class Finished:
    """A run that nobody stopped, and what it gave."""

    run: Run
    outcome: dict[str, float]


@pytest.fixture(scope="module")
def finished(taxonomy: Taxonomy, parts: Parts, quick: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    run = prepare(quick.encoder, taxonomy, parts, quick, tmp_path_factory.mktemp("run"))
    return Finished(run, run())


def same_weights(network: TriageNetwork, other: TriageNetwork) -> bool:
    return all(map(torch.equal, network.state_dict().values(), other.state_dict().values()))


def checkpoints(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def unlabelled(parts: Parts) -> Parts:
    """The same with a dev part that cannot tell one epoch from another."""
    return replace(parts, dev=[replace(example, labels={}) for example in parts.dev])


def test_a_run_makes_all_its_steps_and_keeps_its_best_and_last_checkpoints(finished: Finished) -> None:
    assert finished.run.steps == STEPS
    assert finished.outcome["best_epoch"] in {1.0, 2.0}
    assert checkpoints(finished.run.folder) == ["checkpoint-4", "checkpoint-8"]


def test_the_score_of_the_best_epoch_is_that_of_the_weights_that_are_left(finished: Finished) -> None:
    network = finished.run.network
    network.train(False)
    scores = []
    for column, (name, _) in enumerate(network.config.heads):
        pairs = []
        for row in finished.run.dev_set:
            ids = torch.tensor([row["input_ids"]])
            with torch.no_grad():
                answer = int(network(ids, torch.ones_like(ids)).logits[name].argmax())
            pairs.append((row["labels"][column], answer))
        targets, answers = np.array([pair for pair in pairs if pair[0] != UNLABELLED]).T
        scores.append(f1_score(targets, answers, labels=np.unique(targets), average="macro", zero_division=0.0))
    assert finished.outcome["dev_macro_f1"] == pytest.approx(np.mean(scores), abs=1e-9)


def test_the_weights_of_the_best_epoch_are_left_and_not_those_of_the_last(new_run: NewRun, parts: Parts) -> None:
    run = new_run(parts=unlabelled(parts))
    outcome = run()
    assert outcome == {"best_epoch": 1.0, "epochs": 2.0, "dev_macro_f1": 0.0}  # no later epoch is better than the first
    assert checkpoints(run.folder) == ["checkpoint-4", "checkpoint-8"]
    weights = run.network.state_dict()
    best, last = (load_file(run.folder / name / "model.safetensors") for name in ("checkpoint-4", "checkpoint-8"))
    assert all(torch.equal(weights[name], best[name]) for name in weights)
    assert not all(torch.equal(weights[name], last[name]) for name in weights)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    finished: Finished, new_run: NewRun, quick: Recipe
) -> None:
    same, other = new_run(), new_run(replace(quick, seed=quick.seed + 1))
    same()
    other()
    assert same_weights(finished.run.network, same.network)
    assert not same_weights(finished.run.network, other.network)


def test_training_leaves_a_network_that_computes_in_float32(finished: Finished) -> None:
    ids = torch.tensor([[2, 10, 11, 6, 3]])
    output = finished.run.network(ids, torch.ones_like(ids))
    assert {values.dtype for values in (output.embedding, *output.logits.values())} == {torch.float32}


def test_a_head_without_any_label_is_left_as_it_was(new_run: NewRun, parts: Parts, quick: Recipe) -> None:
    without = [replace(example, labels={"intent": example.labels["intent"]}) for example in parts.train]
    run = new_run(replace(quick, epochs=1, weight_decay=0.0), replace(parts, train=without))
    before = {name: parameter.clone() for name, parameter in run.network.heads.named_parameters()}
    run()
    after = dict(run.network.heads.named_parameters())
    assert {name for name in before if not torch.equal(before[name], after[name])} == {"intent.weight", "intent.bias"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_run_that_is_stopped_says_how_to_go_on_and_gives_the_signals_back(
    new_run: NewRun, stopping_at: StoppingAt, number: signal.Signals
) -> None:
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    run = new_run()
    with stopping_at(2, number), pytest.raises(Interrupted, match=r"stopped at step 2 of 8; .*with --resume to go on"):
        run()
    assert run.steps == 2
    assert checkpoints(run.folder) == ["checkpoint-2"]
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers


@pytest.mark.parametrize("stop", [1, 4, 6], ids=["first step", "end of an epoch", "within an epoch"])
def test_a_stopped_run_is_resumed_where_it_was_and_ends_with_the_weights_of_one_that_was_not(
    finished: Finished, new_run: NewRun, stopping_at: StoppingAt, stop: int
) -> None:
    with stopping_at(stop), pytest.raises(Interrupted):
        new_run()()
    resumed = new_run()
    outcome = resumed(resume=True)
    assert resumed.steps == STEPS - stop
    assert outcome == finished.outcome
    assert same_weights(finished.run.network, resumed.network)
    assert checkpoints(resumed.folder)[-1] == "checkpoint-8"


def test_a_run_that_was_done_is_resumed_without_a_step_and_gives_the_same(finished: Finished, new_run: NewRun) -> None:
    new_run()()
    resumed = new_run()
    assert resumed(resume=True) == finished.outcome
    assert resumed.steps == 0
    assert same_weights(finished.run.network, resumed.network)


def test_what_is_minimised_may_be_given(finished: Finished, new_run: NewRun) -> None:
    run = new_run()
    run(objective=lambda output, labels: (output.logits or {})["urgency"].square().mean())
    assert not same_weights(finished.run.network, run.network)
    ids = torch.tensor([[2, 10, 11, 6, 3]])
    flat, taught = (
        network(ids, torch.ones_like(ids)).logits["urgency"].abs().max()
        for network in (run.network, finished.run.network)
    )
    assert flat < 0.1 < taught


def test_where_a_run_was_stopped_is_no_epoch_that_could_be_the_best(
    new_run: NewRun, stopping_at: StoppingAt, parts: Parts
) -> None:
    with stopping_at(2), pytest.raises(Interrupted):
        new_run(parts=unlabelled(parts))()
    outcome = new_run(parts=unlabelled(parts))(resume=True)
    assert outcome["best_epoch"] == 1.0  # as without the stop


def test_a_signal_in_the_last_step_stops_nothing(new_run: NewRun, stopping_at: StoppingAt) -> None:
    run = new_run()
    with stopping_at(STEPS):
        outcome = run()
    assert outcome["best_epoch"] in {1.0, 2.0}
    assert run.steps == STEPS


def test_resuming_nothing_starts_anew(new_run: NewRun, quick: Recipe) -> None:
    run = new_run(replace(quick, epochs=1))
    run(resume=True)
    assert run.steps == STEPS / 2


def test_without_resume_earlier_checkpoints_are_thrown_away(new_run: NewRun, stopping_at: StoppingAt) -> None:
    with stopping_at(2), pytest.raises(Interrupted):
        new_run()()
    again = new_run()
    again()
    assert again.steps == STEPS
    assert "checkpoint-2" not in checkpoints(again.folder)


def test_training_away_from_the_main_thread_leaves_the_signals_alone(new_run: NewRun, quick: Recipe) -> None:
    run = new_run(replace(quick, epochs=1))
    with ThreadPoolExecutor(1) as thread:
        thread.submit(run).result()
    assert run.steps == STEPS / 2
