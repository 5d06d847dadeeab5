"""Versions of a bundle that answer differently, so that an answer shows which of them gave it; and torn ones."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shutil import copyfile

import numpy as np
import onnx
from onnx import numpy_helper

from data.files import file_sha256
from model.bundle import MODEL, POLICY, TAXONOMY, TOKENIZER, Bundle, seal
from model.registry import Registry

_GOOD = 3
_COOLER = 0.25
"""Added to the share of the temperature by each version."""


@dataclass(frozen=True, slots=True)
class Versions:
    """What lies in a registry, as `NAME@VERSION`.

    Attributes:
        good: each with a graph and a policy of its own; the first is promoted.
        torn: must never be served.
    """

    registry: Registry
    good: tuple[str, ...]
    torn: tuple[str, ...]


def make_versions(bundle: Bundle, root: Path) -> Versions:
    """Fill a folder with versions of a bundle."""
    registry = Registry(root)

    def publish(fill: Callable[[Path, int], None]) -> str:
        found = registry.publish(bundle.manifest.name, fill)
        return f"{bundle.manifest.name}@{found.name}"

    good = tuple(publish(partial(_fill, bundle, step)) for step in range(_GOOD))
    torn = (
        partial(_fill, bundle, np.nan),
        *(partial(_tear, bundle, tear) for tear in (_alter, _cut, _lose, _no_graph)),
    )
    return Versions(registry, good, tuple(map(publish, torn)))


def _fill(bundle: Bundle, step: float, folder: Path, version: int) -> None:
    """A bundle whose first labels are the likelier and whose answers the less sure, the greater the step.

    With a step that is no number, all that it answers is none either.
    """
    for name in (TOKENIZER, TAXONOMY):
        copyfile(bundle.path / name, folder / name)
    graph = onnx.load(bundle.path / MODEL)
    heads = bundle.policy.heads
    for name, head in heads.items():
        _shift(graph.graph, name, step * head.temperature)
    onnx.save(graph, folder / MODEL)
    cooler = 1 + (0.0 if np.isnan(step) else _COOLER * step)
    changed = {
        "model_sha256": file_sha256(folder / MODEL),
        "heads": {
            name: head.model_copy(update={"temperature": cooler * head.temperature}) for name, head in heads.items()
        },
    }
    bundle.policy.model_copy(update=changed).write(folder / POLICY)
    _seal(bundle, folder, version)


def _shift(graph: onnx.GraphProto, head: str, by: float) -> None:
    """Add to the logit of a head's first label, in the bias of the product that gives it."""
    [product] = [node for node in graph.node if head in node.output]
    [bias] = [tensor for tensor in graph.initializer if tensor.name == product.input[2]]
    values = numpy_helper.to_array(bias).copy()
    values[0] += by
    bias.CopyFrom(numpy_helper.from_array(values, bias.name))


def _tear(bundle: Bundle, tear: Callable[[Bundle, Path, int], None], folder: Path, version: int) -> None:
    _fill(bundle, 0, folder, version)
    tear(bundle, folder, version)


def _alter(bundle: Bundle, folder: Path, version: int) -> None:
    with (folder / MODEL).open("r+b") as graph:
        graph.write(b"torn")


def _cut(bundle: Bundle, folder: Path, version: int) -> None:
    with (folder / MODEL).open("r+b") as graph:
        graph.truncate((folder / MODEL).stat().st_size // 2)


def _lose(bundle: Bundle, folder: Path, version: int) -> None:
    (folder / POLICY).unlink()


def _no_graph(bundle: Bundle, folder: Path, version: int) -> None:
    """What no checksum shows: a file that was no graph when the bundle was sealed."""
    (folder / MODEL).write_bytes(b"no graph")
    policy = bundle.policy.model_copy(update={"model_sha256": file_sha256(folder / MODEL)})
    policy.write(folder / POLICY)
    _seal(bundle, folder, version)


def _seal(bundle: Bundle, folder: Path, version: int) -> None:
    (folder / "manifest.json").unlink(missing_ok=True)
    seal(folder, bundle.manifest.made_anew(version=version, parent=None))
