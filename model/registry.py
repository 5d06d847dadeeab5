"""The bundles of one folder, `NAME/VERSION`, and the one that is promoted."""

import fcntl
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from data.errors import BundleError, RegistryError
from data.files import publish_folder, remove_leftovers, whole_folder, write_whole
from model.bundle import CARD, MANIFEST, METRICS, MODEL, POLICY, About, Bundle, inherit, seal
from model.policy import HeadPolicy, Policy

POINTER = "promoted.json"

_REMEMBERED = 100  # promotions that can be rolled back

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class _Pointer(BaseModel):
    """The promoted bundle and, newest last, those that were promoted before it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    current: str
    previous: tuple[str, ...] = ()


def check_name(name: str) -> None:
    """Accept what can be the name of a bundle, and so of a folder.

    Raises:
        RegistryError: it cannot.
    """
    if not _NAME.fullmatch(name):
        raise RegistryError(f"{name!r} cannot be a bundle's name: expected letters, digits, '.', '_' and '-'")


class Registry:
    """Bundles below one folder. Changes are atomic and safe between processes."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def references(self) -> list[str]:
        """All bundles as `NAME@VERSION`, by name and then by version."""
        found = []
        for manifest in self.root.glob(f"*/*/{MANIFEST}"):
            version = manifest.parent.name
            if version.isdecimal():
                found.append((manifest.parent.parent.name, int(version)))
        return [f"{name}@{version}" for name, version in sorted(found)]

    def resolve(self, reference: str | None = None) -> Path:
        """The folder of a bundle.

        Args:
            reference: a path, `NAME` (its newest version), `NAME@VERSION`, or nothing: the promoted one.

        Raises:
            RegistryError: there is none.
        """
        if reference is None:
            promoted = self.promoted()
            if promoted is None:
                raise RegistryError(f"{self.root}: no bundle is promoted; train one (triage train) or name one")
            return self.resolve(promoted)
        if (Path(reference) / MANIFEST).is_file():
            return Path(reference)
        name, _, version = reference.partition("@")
        versions = self._versions(name) if _NAME.fullmatch(name) else []
        if version in map(str, versions):
            return self.root / name / version
        if versions and not version:
            return self.root / name / str(versions[-1])
        known = ", ".join(self.references()) or "none"
        raise RegistryError(f"no bundle {reference!r}: expected the path of a bundle, or one of {self.root}: {known}")

    def find(self, name: str, wanted: Callable[[Mapping[str, Any]], bool]) -> Path | None:
        """The oldest whole bundle of a name whose provenance is the wanted one."""
        for reference in self.references():
            if reference.partition("@")[0] == name:
                with suppress(BundleError):  # torn since
                    if wanted(Bundle.load(self.resolve(reference)).manifest.provenance):
                        return self.resolve(reference)
        return None

    def publish(self, name: str, fill: Callable[[Path, int], None]) -> Path:
        """Write the next version of a name, whole or not at all. The very first bundle of the folder is promoted.

        Args:
            fill: writes and seals the bundle in the folder given, for the version given.

        Raises:
            RegistryError: the name cannot be a folder's.
        """
        check_name(name)
        with self._locked(), whole_folder(self.root, name) as folder:
            for path in (self.root / name, self.root / POINTER):
                remove_leftovers(path)
            first = self.promoted() is None
            version = max(self._versions(name), default=0) + 1
            fill(folder, version)
            target = self.root / name / str(version)
            target.parent.mkdir(exist_ok=True)
            publish_folder(folder, target)
            if first:
                self._write(_Pointer(current=f"{name}@{version}"))
        return target

    def publish_policy(
        self, bundle: Bundle, policy: Policy, tuning: Mapping[str, Any], card: Callable[[Path, About], str]
    ) -> Path:
        """Write the next version of a bundle's name: the same model under another policy.

        Args:
            tuning: how the policy came about, for the manifest, where it stands below what was done before.
            card: writes the card anew, as the old one tells of another policy, from the folder of the bundle and what
                its manifest will say of it; not asked where the bundle was shipped without one.

        Raises:
            PolicyError: the policy belongs to another model or taxonomy.
            BundleError: a file of the bundle is torn or altered.
        """
        parent = bundle.manifest
        policy.check(parent.files[MODEL], bundle.taxonomy)

        def fill(folder: Path, version: int) -> None:
            kept = {name.partition("/")[0] for name in parent.files} - {POLICY, METRICS, CARD}
            inherit(bundle, folder, tuple(sorted(kept)))
            policy.write(folder / POLICY)
            if METRICS in parent.files:
                write_whole(folder / METRICS, json.dumps(_still_true(bundle, policy), indent=2) + "\n")
            tuned = [*parent.provenance.get("tuned", []), dict(tuning)]
            about = parent.made_anew(
                version=version, parent=parent.reference, provenance={**parent.provenance, "tuned": tuned}
            )
            if CARD in parent.files:
                bundle.card()  # a torn one must not be replaced by a whole one, as if nothing had been
                write_whole(folder / CARD, card(folder, about))
            sealed = seal(folder, about)
            # What is torn there must not get a checksum of its own here.
            for name, sha256 in parent.files.items():
                if name.partition("/")[0] in kept and sealed.files.get(name) != sha256:
                    raise BundleError(f"{bundle.path / name}: torn or altered; copy the bundle again")

        return self.publish(parent.name, fill)

    def promoted(self) -> str | None:
        """The promoted bundle as `NAME@VERSION`, or `None`."""
        pointer = self._read()
        return pointer.current if pointer else None

    def promote(self, reference: str) -> str:
        """Point to a bundle of this registry, after verifying that it is whole.

        Returns:
            It as `NAME@VERSION`.

        Raises:
            RegistryError: there is no such bundle in this folder.
            BundleError: it is torn.
        """
        path = self.resolve(reference)
        bundle = Bundle.load(path)
        target = bundle.manifest.reference
        if target not in self.references() or not path.samefile(self.resolve(target)):
            raise RegistryError(
                f"{reference!r} does not lie in {self.root}; only bundles of the folder can be promoted"
            )
        with self._locked():
            pointer = self._read()
            if pointer is None:
                self._write(_Pointer(current=target))
            elif pointer.current != target:
                previous = (*pointer.previous, pointer.current)[-_REMEMBERED:]
                self._write(_Pointer(current=target, previous=previous))
        return target

    def rollback(self) -> str:
        """Point back to the bundle that was promoted before.

        Raises:
            RegistryError: there was none.
        """
        with self._locked():
            pointer = self._read()
            if pointer is None or not pointer.previous:
                raise RegistryError(f"{self.root}: nothing was promoted before; there is nothing to go back to")
            Bundle.load(self.resolve(pointer.previous[-1]))
            self._write(_Pointer(current=pointer.previous[-1], previous=pointer.previous[:-1]))
            return pointer.previous[-1]

    def _versions(self, name: str) -> list[int]:
        folder = self.root / name
        if not folder.is_dir():
            return []
        return sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal() and path.is_dir())

    def _read(self) -> _Pointer | None:
        path = self.root / POINTER
        try:
            return _Pointer.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError as error:
            raise RegistryError(
                f"{path}: not a pointer to a bundle; mend it: triage models promote NAME@VERSION "
                "after removing the file"
            ) from error

    def _write(self, pointer: _Pointer) -> None:
        write_whole(self.root / POINTER, pointer.model_dump_json(indent=2) + "\n")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _still_true(bundle: Bundle, policy: Policy) -> dict[str, Any]:
    """The figures of a bundle that hold under another policy too: of most probable labels, if calibrated as before."""
    figures = bundle.metrics()

    def calibration(head: HeadPolicy) -> tuple[object, ...]:
        return head.temperature, head.scales, head.biases

    heads = {
        name: head
        for name, head in figures.get("heads", {}).items()
        if calibration(policy.heads[name]) == calibration(bundle.policy.heads[name])
    }
    return {"n": figures["n"], "heads": heads}
