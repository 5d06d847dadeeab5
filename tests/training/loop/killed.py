"""A small job as a process of its own, killed at random moments until it is done, beside one that nobody disturbs."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import psutil
import torch
from safetensors.torch import load_file

from model.bundle import Bundle
from model.registry import POINTER, Registry
from tests.tiny import WORDS, write_tiny_encoder
from training.pipeline import LOGS, RUNS

NAME = "small"
LABELS = {"intent": ("refund", "outage", "spam"), "urgency": ("low", "normal", "high")}

_COMMAND = """from api.cli import main
from training.loop import checkpoints

checkpoints.SECONDS_BETWEEN = {}
main()
"""


@dataclass(frozen=True)
class Small:
    """A job of a few seconds, with dropout, noise and missing labels: all that could tell a resumed run from another.

    Attributes:
        root: a folder of its own.
        posts: how many there are.
        options: more of the command's.
        launcher: what starts a Python file.
        seconds_between: checkpoints; a user's run writes them in minutes.
    """

    root: Path
    posts: int = 400
    options: tuple[str, ...] = ()
    launcher: tuple[str, ...] = (sys.executable,)
    seconds_between: float = 0.2

    def prepare(self) -> None:
        """Write the encoder, the posts, and a file that is the command itself."""
        (self.root / "temporary").mkdir(parents=True)
        (self.root / "triage.py").write_text(_COMMAND.format(self.seconds_between), encoding="utf-8")
        write_tiny_encoder(self.root / "encoder")
        random = Random(5)  # noqa: S311  # nothing secret
        rows = []
        for index in range(self.posts):
            labels: dict[str, str | None] = {name: random.choice(names) for name, names in LABELS.items()}
            said = [*(labels[name] or "" for name in LABELS), *random.choices(WORDS.split(), k=random.randint(2, 12))]
            if random.random() < 0.2:
                labels["urgency"] = None
            rows.append(json.dumps({"text": f"{' '.join(said)} {index}", **labels}))
        (self.root / "posts.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")

    def start(self, models: Path, *, resume: bool) -> "subprocess.Popen[str]":
        """The command, in a process of its own."""
        command = [
            *self.launcher,
            str(self.root / "triage.py"),
            "train",
            str(self.root / "posts.jsonl"),
            "--name",
            NAME,
        ]
        command += ["--encoder", str(self.root / "encoder")]
        command += ["--models", str(models), *self.options, *(["--resume"] if resume else [])]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(self.root / "temporary")}
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )

    def run(self, models: Path, *, resume: bool = False) -> float:
        """Undisturbed, to its end.

        Returns:
            The seconds that it took.
        """
        begun = time.monotonic()
        process = self.start(models, resume=resume)
        said, _ = process.communicate()
        if process.returncode:
            raise RuntimeError(f"exit status {process.returncode}: {said}")
        return time.monotonic() - begun


def killed_run(job: Small, models: Path, moments: Sequence[float]) -> int:
    """Run the job, killed after each of so many seconds and resumed, and at last to its end.

    Returns:
        How many of the kills met it at work; the others came too late.
    """
    for killed, moment in enumerate(moments):
        process = job.start(models, resume=killed > 0)
        try:
            said, _ = process.communicate(timeout=moment)
        except subprocess.TimeoutExpired:
            kill(process)
            if is_done(models):
                return killed
            continue
        if process.returncode:
            raise RuntimeError(f"exit status {process.returncode} after {killed} kills: {said}")
        return killed
    job.run(models, resume=True)
    return len(moments)


def is_done(models: Path) -> bool:
    """Whether the bundle is there and nothing is left to go on with."""
    return bool(Registry(models).references()) and not list((models / RUNS).glob(f"{NAME}-*"))


def temporary_files(job: Small) -> set[str]:
    """What the job's processes have left in their folder for temporary files."""
    return {path.name for path in (job.root / "temporary").iterdir()}


def kill(process: "subprocess.Popen[str]") -> None:
    """SIGKILL to a process and to those that it has started."""
    for each in [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    process.communicate()


def largest_difference(models: Path, others: Path) -> float:
    """Between any two weights of the first versions in two registries."""
    one, other = (
        load_file(Bundle.load(Registry(root).resolve(f"{NAME}@1")).weights() / "model.safetensors")
        for root in (models, others)
    )
    return max(float(torch.abs(one[name] - other[name]).max()) for name in one)


def strays(models: Path) -> list[str]:
    """What lies in a registry beside one whole bundle, its pointer, and the logs."""
    bundle = Bundle.load(Registry(models).resolve(f"{NAME}@1"))
    bundle.weights()  # verifies them
    known = {f"{NAME}/1/{name}" for name in (*bundle.manifest.files, "manifest.json")} | {POINTER, ".lock"}
    found = {path.relative_to(models).as_posix() for path in models.rglob("*") if path.is_file()}
    found |= {path.relative_to(models).as_posix() for path in models.rglob(".*") if path.is_dir() and path.name != RUNS}
    found |= {path.relative_to(models).as_posix() for path in (models / RUNS).iterdir() if path.name != LOGS}
    return sorted(path for path in found - known if not path.startswith(f"{RUNS}/{LOGS}/"))
