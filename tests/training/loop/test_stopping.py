from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest
import torch

from data.errors import Interrupted
from data.splitting.parts import Parts
from tests.training.runs import Run
from training.recipe import Recipe

NewRun = Callable[..., Run]
StoppingAt = Callable[..., AbstractContextManager[None]]


@pytest.fixture
def flat(parts: Parts) -> Parts:
    """With a dev part whose score never grows."""
    return replace(parts, dev=[replace(example, labels={}) for example in parts.dev])


@pytest.fixture
def patient(quick: Recipe) -> Recipe:
    """Six epochs of four steps, two of them in vain at most."""
    return replace(quick, epochs=6, patience=2)


def test_patience_ends_a_run_and_the_best_weights_are_left(
    new_run: NewRun, patient: Recipe, flat: Parts, capsys: pytest.CaptureFixture[str]
) -> None:
    run = new_run(patient, flat)
    assert run() == {"best_epoch": 1.0, "epochs": 3.0, "dev_macro_f1": 0.0}
    assert run.steps == 12
    assert "ended: no better score on the dev part for 2 epochs" in capsys.readouterr().err


def test_without_patience_all_epochs_are_made(new_run: NewRun, patient: Recipe, flat: Parts) -> None:
    assert new_run(replace(patient, patience=None), flat)()["epochs"] == 6.0


@pytest.mark.parametrize("stop", [6, 8, 10])
def test_patience_is_not_renewed_by_a_stop(
    new_run: NewRun, stopping_at: StoppingAt, patient: Recipe, flat: Parts, stop: int
) -> None:
    with stopping_at(stop), pytest.raises(Interrupted):
        new_run(patient, flat)()
    resumed = new_run(patient, flat)
    assert resumed(resume=True)["epochs"] == 3.0
    assert resumed.steps == 12 - stop


def test_a_run_that_its_patience_has_ended_is_not_gone_on_with(new_run: NewRun, patient: Recipe, flat: Parts) -> None:
    run, resumed = new_run(patient, flat), new_run(patient, flat)
    outcome = run()
    assert resumed(resume=True) == outcome
    assert resumed.steps == 0
    weights = zip(run.network.state_dict().values(), resumed.network.state_dict().values(), strict=True)
    assert all(torch.equal(one, other) for one, other in weights)


def test_a_signal_in_the_step_that_ends_the_patience_loses_nothing(
    new_run: NewRun, stopping_at: StoppingAt, patient: Recipe, flat: Parts
) -> None:
    with stopping_at(12), pytest.raises(Interrupted, match="stopped at step 12 of 24"):
        new_run(patient, flat)()
    resumed = new_run(patient, flat)
    assert resumed(resume=True)["epochs"] == 3.0
    assert resumed.steps == 0
