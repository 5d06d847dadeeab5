"""Each mix trained, the best of them by the dev part published; interrupted, all of it goes on where it was."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.files import write_whole
from model.bundle import CARD, Bundle, inherit, seal
from model.registry import Registry
from training.card.document import card
from training.pipeline import LOGS, RUNS, Job, is_begun, train_bundle
from training.retraining.mixing import Mix

PROVENANCE = "retraining"
"""Where the manifest of a challenger tells how it came about."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A mix that was trained.

    Attributes:
        bundle: in the work folder.
    """

    mix: Mix
    bundle: Bundle

    @property
    def dev_score(self) -> float:
        """Macro F1 of the dev part, mean over heads, of the best epoch."""
        return float(self.bundle.manifest.provenance["dev_macro_f1"])

    @property
    def best_epoch(self) -> int:
        return int(self.bundle.manifest.provenance["best_epoch"])


class Challengers:
    """The mixes of one retraining and its work folder, which is that of just these data, recipe and first weights.

    Attributes:
        begun: work of an interrupted run lies there.
    """

    def __init__(self, jobs: Sequence[tuple[Mix, Job]], models: Registry) -> None:
        """
        Args:
            jobs: the same name, parts that differ in the posts that teach.
        """
        identities = [job.identity(whole=True) for _, job in jobs]
        name = jobs[0][1].name
        self.identity = hashlib.sha256(json.dumps([name, *identities]).encode()).hexdigest()[:16]
        self._jobs = jobs
        self._models = models
        self._work = models.root / RUNS / f"retrain-{self.identity}"
        self.begun = self._work.exists()

    def train(self, announce: Callable[[int, Mix], None]) -> list[Trained]:
        """Train each mix that is not trained yet.

        Args:
            announce: told of each training that begins: its number from 1, and its mix.

        Raises:
            EncoderError, ExportError, Interrupted: as `train_bundle`.
        """
        trained = []
        for number, (mix, job) in enumerate(self._jobs, start=1):
            work = Registry(self._work / mix.name)
            done = f"{job.name}@1" in work.references()
            if not done:
                announce(number, mix)
            folder = work.resolve(f"{job.name}@1") if done else train_bundle(job, work, resume=is_begun(job, work))
            trained.append(Trained(mix, Bundle.load(folder)))
        return trained

    def publish(self, trained: Sequence[Trained]) -> Bundle:
        """Write the best mix as the next version of its name, unless an interrupted run of this very one did.

        Of mixes that score the same the smallest wins, which is the first.
        """
        chosen = best(trained)
        name = chosen.bundle.manifest.name
        published = self._models.find(name, self._made) if self.begun else None
        if published:
            return Bundle.load(published)
        told = {"identity": self.identity, "mix": chosen.mix.name, "mixes": [_told(each) for each in trained]}
        return Bundle.load(self._models.publish(name, lambda folder, version: _fill(folder, version, chosen, told)))

    def clear(self) -> None:
        """Remove the work folder, and with it the mixes that lost; the logs of their runs stay, where others lie."""
        for logs in self._work.glob(f"*/{RUNS}/{LOGS}/*"):
            target = self._models.root / RUNS / LOGS / logs.name
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                logs.rename(target)
        done = self._work.with_name(f"{self._work.name}.done")  # a folder half removed is no work to go on with
        shutil.rmtree(done, ignore_errors=True)
        if self._work.exists():
            self._work.rename(done)
            shutil.rmtree(done, ignore_errors=True)

    def _made(self, provenance: Mapping[str, Any]) -> bool:
        return bool(provenance.get(PROVENANCE, {}).get("identity") == self.identity)


def best(trained: Sequence[Trained]) -> Trained:
    """The mix of the highest dev score; of equal ones the first."""
    return max(trained, key=lambda each: each.dev_score)


def _told(trained: Trained) -> dict[str, Any]:
    return {
        "mix": trained.mix.name,
        "taught": dict(trained.mix.taught),
        "dev_macro_f1": trained.dev_score,
        "best_epoch": trained.best_epoch,
    }


def _fill(folder: Path, version: int, chosen: Trained, told: Mapping[str, Any]) -> None:
    made = chosen.bundle.manifest
    names = sorted({name.partition("/")[0] for name in made.files} - {CARD})
    inherit(chosen.bundle, folder, tuple(names))
    about = made.made_anew(version=version, provenance={**made.provenance, PROVENANCE: dict(told)})
    write_whole(folder / CARD, card(folder, about))
    seal(folder, about)
