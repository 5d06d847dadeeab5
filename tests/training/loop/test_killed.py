"""The short form of `python -m tests.training.loop.kill_runs`."""

from pathlib import Path
from random import Random

import pytest

from model.registry import Registry
from tests.training.loop.kill_runs import TOLERANCE
from tests.training.loop.killed import NAME, Small, is_done, killed_run, largest_difference, strays

SETTINGS = ("epochs=3", "batch_size=8", "encoder_dropout=0.1", "patience=2")


@pytest.mark.slow
def test_a_job_that_is_killed_and_resumed_gives_the_bundle_of_one_that_was_not(tmp_path: Path) -> None:
    flags = tuple(flag for setting in SETTINGS for flag in ("--set", setting))
    job = Small(tmp_path / "job", posts=150, options=flags, seconds_between=0.1)
    job.prepare()
    seconds = job.run(tmp_path / "alone")
    random = Random(3)  # noqa: S311  # nothing secret
    moments = [random.uniform(0.3, 1.0) * seconds for _ in range(3)]
    met = killed_run(job, tmp_path / "killed", moments)
    where = f"{met} kills, after {moments} of {seconds} s"
    assert met, where
    assert is_done(tmp_path / "killed"), where
    assert largest_difference(tmp_path / "alone", tmp_path / "killed") <= TOLERANCE, where
    assert Registry(tmp_path / "killed").references() == [f"{NAME}@1"], where
    assert strays(tmp_path / "killed") == [], where
