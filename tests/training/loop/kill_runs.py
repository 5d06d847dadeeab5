"""`python -m tests.training.loop.kill_runs`: does a run that is killed and resumed end as one that nobody disturbed."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random

from api.commands.shared import note
from tests.training.loop.killed import Small, killed_run, largest_difference, strays, temporary_files

TOLERANCE = 1e-5


def main(arguments: Sequence[str] | None = None) -> int:
    """Kill, compare, and return the exit status: 1 where weights differ or a torn file is left."""
    parser = argparse.ArgumentParser(prog="python -m tests.training.loop.kill_runs", description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--posts", type=int, default=3000)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="of the recipe")
    options = parser.parse_args(arguments)
    settings = ["epochs=4", "batch_size=8", "encoder_dropout=0.1", *options.set]
    with tempfile.TemporaryDirectory(prefix="kill-runs-") as folder:
        flags = tuple(flag for setting in settings for flag in ("--set", setting))
        job = Small(Path(folder) / "job", posts=options.posts, options=flags)
        job.prepare()
        alone = Path(folder) / "alone"
        seconds = job.run(alone)
        note(f"undisturbed: {seconds:.1f} s")
        return _kill(job, Path(folder), alone, seconds, options.kills, Random(options.seed))  # noqa: S311  # nothing secret


def _kill(job: Small, folder: Path, alone: Path, seconds: float, kills: int, random: Random) -> int:
    """Runs, one after the other, until so many kills have met one at work."""
    done = runs = faults = 0
    temporary = temporary_files(job)  # some library leaves one undisturbed, too
    while done < kills:
        models = folder / f"killed-{runs}"
        moments = [random.uniform(0.2, 1.0) * seconds for _ in range(kills - done)]
        met = killed_run(job, models, moments)
        difference, left = largest_difference(models, alone), strays(models)
        note(f"run {runs + 1}: {met} kills; weights differ by up to {difference:g}; left over: {left or 'nothing'}")
        faults += difference > TOLERANCE or bool(left)
        done, runs = done + met, runs + 1
    strewn = temporary_files(job) - temporary
    note(f"{done} kills in {runs} runs, {faults} at fault; left among temporary files: {sorted(strewn) or 'nothing'}")
    return 1 if faults or strewn else 0


if __name__ == "__main__":
    sys.exit(main())
