"""Everything that one model version needs, in one folder. Immutable; written whole or not at all."""

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from data.errors import BundleError
from data.files import file_sha256, write_whole
from data.taxonomy import Taxonomy
from model.engine import Engine, RunReport
from model.policy import Policy
from model.reference import ReferencePosts
from model.tokenizer import PostTokenizer

# The layout on disk, in this one place.
MANIFEST = "manifest.json"
MODEL = "model.onnx"
TOKENIZER = "tokenizer.json"
TAXONOMY = "taxonomy.json"
POLICY = "policy.json"
METRICS = "metrics.json"
CARD = "card.md"
TRAINING_ROWS = "training_rows.txt"
"""Hashes of the rows that taught the weights, a line each: no text, but enough to recognise a row that comes again."""
REFERENCE = "reference.npz"
"""What the calibration posts looked like to this very graph, in numbers. Older bundles have none."""
WEIGHTS = "weights"

SERVED = (MODEL, TOKENIZER, TAXONOMY, POLICY)


class Precision(StrEnum):
    """Of a graph."""

    INT8 = "int8"
    FP32 = "fp32"


class About(BaseModel):
    """What a bundle is and where it came from.

    Attributes:
        parent: the bundle that this one was made from (`NAME@VERSION`), if any.
        precision: of model.onnx.
        max_tokens: that the network reads at once.
        max_windows: that are read of a longer post; 1, as in older bundles: its beginning alone. See `PostTokenizer`.
        provenance: data, code, configuration and versions that lead to this model.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: int = Field(ge=1)
    parent: str | None = None
    precision: str
    max_tokens: int = Field(ge=3)
    max_windows: int = Field(default=1, ge=1)
    provenance: Mapping[str, Any] = {}

    @property
    def reference(self) -> str:
        return f"{self.name}@{self.version}"

    def made_anew(self, **changes: Any) -> "About":
        """The same of a bundle that is made of this one, but for the fields given: nothing else is lost on the way."""
        return About(**{name: getattr(self, name) for name in About.model_fields} | changes)


class Manifest(About):
    """What stands in manifest.json.

    Attributes:
        files: SHA-256 of every other file, by its path inside the bundle.
    """

    format: int = Field(default=1, ge=1, le=1)
    created: str
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A verified bundle on disk."""

    path: Path
    manifest: Manifest
    taxonomy: Taxonomy
    policy: Policy

    @classmethod
    def load(cls, path: Path) -> "Bundle":
        """Open a bundle and verify the checksums of all that serving reads.

        Raises:
            BundleError: it is not a bundle, or torn, or altered.
            PolicyError: its policy belongs to another model or taxonomy.
        """
        manifest = _read_manifest(path)
        for name in SERVED:
            _verify(path, name, manifest)
        taxonomy = Taxonomy.from_dict(json.loads((path / TAXONOMY).read_text(encoding="utf-8")))
        policy = Policy.read(path / POLICY)
        policy.check(manifest.files[MODEL], taxonomy)
        return cls(path, manifest, taxonomy, policy)

    def tokenizer(self) -> PostTokenizer:
        """The tokenizer that the model was trained with."""
        manifest = self.manifest
        return PostTokenizer.from_file(self.path / TOKENIZER, manifest.max_tokens, manifest.max_windows)

    def engine(
        self,
        workers: int | None = None,
        cached_posts: int = 0,
        report: Callable[[RunReport], None] = lambda run: None,
    ) -> Engine:
        """Load the graph; the arguments are those of `Engine`."""
        heads = [head.name for head in self.taxonomy]
        return Engine(self.path / MODEL, self.tokenizer(), heads, workers, cached_posts, report)

    def weights(self) -> Path:
        """The folder of the training weights, verified.

        Raises:
            BundleError: the bundle was shipped without them, or they are torn or altered.
        """
        names = [name for name in self.manifest.files if name.startswith(f"{WEIGHTS}/")]
        if not names:
            raise BundleError(f"{self.path}: no training weights in this bundle; expected a folder {WEIGHTS}/")
        for name in names:
            _verify(self.path, name, self.manifest)
        return self.path / WEIGHTS

    def training_rows(self) -> frozenset[str]:
        """The fingerprints of the rows that taught the weights or picked their best epoch.

        Raises:
            BundleError: the file is torn or altered.
        """
        return frozenset(self._read(TRAINING_ROWS).split())

    def card(self) -> str:
        """The card, in Markdown.

        Raises:
            BundleError: the file is torn or altered.
        """
        return self._read(CARD)

    def metrics(self) -> dict[str, Any]:
        """The figures of the test part.

        Raises:
            BundleError: the file is torn or altered.
        """
        metrics: dict[str, Any] = json.loads(self._read(METRICS))
        return metrics

    def reference(self) -> ReferencePosts | None:
        """Some of the posts that the model was calibrated on, as it sees them; `None` in a bundle without them.

        Raises:
            BundleError: the file is torn or altered.
        """
        if REFERENCE not in self.manifest.files:
            return None
        _verify(self.path, REFERENCE, self.manifest)
        return ReferencePosts.read(self.path / REFERENCE)

    def _read(self, name: str) -> str:
        _verify(self.path, name, self.manifest)
        return (self.path / name).read_text(encoding="utf-8")


def seal(folder: Path, about: About) -> Manifest:
    """Write the manifest over a folder that holds all other files; `Bundle.load` accepts it from then on.

    Raises:
        BundleError: a file that serving reads is missing.
    """
    missing = [served for served in SERVED if not (folder / served).is_file()]
    if missing:
        raise BundleError(f"{folder}: a bundle needs {missing}")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    manifest = Manifest(
        **dict(about.made_anew()),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        files={path.relative_to(folder).as_posix(): file_sha256(path) for path in files},
    )
    write_whole(folder / MANIFEST, manifest.model_dump_json(indent=2) + "\n")
    return manifest


def inherit(bundle: Bundle, folder: Path, names: tuple[str, ...]) -> None:
    """Take files or folders of a bundle over into a new one, without a second copy on disk where that can be."""
    for name in names:
        source, target = bundle.path / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, copy_function=_link)
        elif source.exists():
            _link(str(source), str(target))


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _read_manifest(path: Path) -> Manifest:
    try:
        return Manifest.model_validate_json((path / MANIFEST).read_bytes())
    except FileNotFoundError as error:
        raise BundleError(f"{path}: not a bundle: expected a file {MANIFEST} in it") from error
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise BundleError(f"{path / MANIFEST}: torn or of another format: {faults}") from error


def _verify(path: Path, name: str, manifest: Manifest) -> None:
    expected = manifest.files.get(name)
    if expected is None:
        raise BundleError(f"{path / MANIFEST}: no checksum for {name}")
    try:
        found = file_sha256(path / name)
    except OSError as error:
        raise BundleError(f"{path / name}: missing or unreadable; copy the whole bundle again") from error
    if found != expected:
        raise BundleError(
            f"{path / name}: torn or altered: sha256 is {found[:12]}…, the manifest says {expected[:12]}…; "
            "copy the bundle again or train it anew"
        )
