from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from data.errors import Interrupted
from data.examples import posts_of
from data.splitting.parts import Parts
from tests.training.runs import Run
from training.recipe import Recipe

NewRun = Callable[..., Run]
StoppingAt = Callable[..., AbstractContextManager[None]]


def read(folder: Path) -> dict[str, list[tuple[int, float]]]:
    events = EventAccumulator(str(folder)).Reload()
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_loss_rates_and_dev_scores_are_logged_by_step(new_run: NewRun, quick: Recipe, tmp_path: Path) -> None:
    outcome = new_run()(logs=tmp_path / "logs")
    figures = read(tmp_path / "logs")
    assert figures.keys() == {
        "train/loss",
        "train/grad_norm",
        "learning_rate/encoder",
        "learning_rate/heads",
        "dev/loss",
        "dev/macro_f1/mean",
        "dev/macro_f1/intent",
        "dev/macro_f1/urgency",
        "dev/macro_f1/department",
    }
    assert [step for step, _ in figures["train/loss"]] == [4, 8]
    assert figures["train/loss"][0][1] > figures["train/loss"][1][1] > 0
    assert figures["learning_rate/heads"][0][1] == pytest.approx(
        figures["learning_rate/encoder"][0][1] * quick.head_lr / quick.encoder_lr
    )
    assert max(score for _, score in figures["dev/macro_f1/mean"]) == pytest.approx(outcome["dev_macro_f1"])


def test_a_resumed_run_goes_on_with_its_logs_and_says_nothing_twice(
    new_run: NewRun, stopping_at: StoppingAt, quick: Recipe, tmp_path: Path
) -> None:
    long = replace(quick, epochs=3)
    new_run(long)(logs=tmp_path / "undisturbed")
    with stopping_at(6), pytest.raises(Interrupted):
        new_run(long)(logs=tmp_path / "logs")
    new_run(long)(resume=True, logs=tmp_path / "logs")
    expected, found = read(tmp_path / "undisturbed"), read(tmp_path / "logs")
    assert found["dev/macro_f1/intent"] == expected["dev/macro_f1/intent"]
    assert [step for step, _ in found["train/loss"]] == [4, 8, 12]


def test_no_text_of_a_post_is_logged(new_run: NewRun, parts: Parts, tmp_path: Path) -> None:
    new_run()(logs=tmp_path / "logs")
    written = b"".join(path.read_bytes() for path in (tmp_path / "logs").iterdir())
    assert written
    assert not [text for text in posts_of([*parts.train, *parts.dev]) if text.encode() in written]


def test_without_a_folder_nothing_is_logged(new_run: NewRun, tmp_path: Path) -> None:
    new_run()()
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoints"]
