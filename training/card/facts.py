"""What a card tells of: a bundle as it lies in its folder, and what is known of where it came from."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.taxonomy import Taxonomy
from model.bundle import METRICS, POLICY, TAXONOMY, About
from model.encoders import DEFAULT_ENCODER
from model.policy import Policy
from training.card.counts import count_starter_files


@dataclass(frozen=True, slots=True)
class Facts:
    """One bundle.

    Attributes:
        figures: metrics.json; those of an older bundle may lack any of them.
    """

    about: About
    taxonomy: Taxonomy
    policy: Policy
    figures: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path, about: About) -> "Facts":
        """From the files of a bundle, sealed or about to be; a bundle shipped without figures has none."""
        metrics = folder / METRICS
        return cls(
            about,
            Taxonomy.from_dict(json.loads((folder / TAXONOMY).read_text(encoding="utf-8"))),
            Policy.read(folder / POLICY),
            json.loads(metrics.read_text(encoding="utf-8")) if metrics.exists() else {},
        )

    @property
    def provenance(self) -> Mapping[str, Any]:
        return self.about.provenance

    @property
    def data(self) -> Mapping[str, Any]:
        """What is known of the posts, by its name in the provenance."""
        found: Mapping[str, Any] = self.provenance.get("data", {})
        return found

    @property
    def files(self) -> Sequence[Mapping[str, str]]:
        """Name and SHA-256 of each file that the posts were read from."""
        found: Sequence[Mapping[str, str]] = self.data.get("files", ())
        return found

    @property
    def encoder(self) -> str | None:
        found: str | None = self.provenance.get("encoder")
        return found

    @property
    def hub_encoder(self) -> str | None:
        """What the hub calls the encoder; `None` where it came from a folder, or is not known."""
        name = self.encoder
        if name is None or name.startswith((".", "/", "~")):
            return None
        return f"sentence-transformers/{name}" if name == DEFAULT_ENCODER else name

    @property
    def from_starter(self) -> int:
        """How many of the files are the starter corpus's."""
        known = self.data.get("starter_files")
        return count_starter_files(self.files) if known is None else int(known)

    @property
    def is_starter(self) -> bool:
        """Whether it learned from the starter corpus and from nothing else."""
        return bool(self.files) and self.from_starter == len(self.files) and "retraining" not in self.provenance

    def labelled(self, part: str, head: str) -> Mapping[str, int] | None:
        """How many posts of a part carry each label of a head; `None` where that was not noted."""
        found: Mapping[str, int] | None = self.data.get("labels", {}).get(part, {}).get(head, {}).get("labels")
        return found
