"""The parts of a split, written as files with a manifest beside them."""

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.checking.survey import Report
from data.errors import DataError
from data.examples import to_row
from data.files import file_sha256, whole_folder, write_whole
from data.posts import PARTS
from data.splitting.dealing import Deal
from data.tables.writing import table_writer
from data.taxonomy import Taxonomy

MANIFEST = "split.json"

_CHUNK = 500


def write_parts(deal: Deal, folder: Path, about: Mapping[str, Any], report: Report | None = None) -> dict[str, Any]:
    """Write each part as a JSONL file and then the manifest.

    Until all parts are written, the folder stays as it was. While they take the place of those of an earlier split,
    which is a matter of moments, no manifest stands there: parts with a manifest belong together.

    Args:
        about: what the manifest says besides the parts.

    Returns:
        The manifest: `about`, and by part its `posts` and `sha256`.

    Raises:
        DataError: a part is empty, or a file was changed since it was surveyed. Nothing is written.
    """
    counts = np.bincount(deal.part[deal.part >= 0], minlength=len(deal.shares))
    empty = [name for name, count in zip(deal.shares, counts, strict=True) if not count]
    if empty:
        raise DataError(f"nothing fell into {empty}; give more data, or other --shares; nothing was written")
    for left in folder.glob(".incomplete-*"):  # by a split that was killed
        shutil.rmtree(left, ignore_errors=True)
    with whole_folder(folder) as temporary:
        paths = {name: temporary / f"{name}.jsonl" for name in deal.shares}
        _write_rows(deal, list(paths.values()), report)
        for number, path in enumerate(paths.values()):
            _bring_into_order(path, number, deal)
            _sync(path)
        parts = {
            name: {"posts": int(count), "sha256": file_sha256(path)}
            for (name, path), count in zip(paths.items(), counts, strict=True)
        }
        manifest = {**about, "parts": parts}
        (folder / MANIFEST).unlink(missing_ok=True)
        for name in PARTS:
            if name in paths:
                paths[name].replace(folder / f"{name}.jsonl")
            else:
                (folder / f"{name}.jsonl").unlink(missing_ok=True)
    write_whole(folder / MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
    return manifest


def missing_labels(deal: Deal, taxonomy: Taxonomy) -> dict[str, dict[str, list[str]]]:
    """By part and head the labels that stand in the data, but not in that part."""
    missing: dict[str, dict[str, list[str]]] = {}
    for number, name in enumerate(deal.shares):
        for column, head in enumerate(taxonomy):
            given = deal.survey.labels[:, column]
            lacking = np.setdiff1d(given[given >= 0], given[deal.part == number])
            if len(lacking):
                missing.setdefault(name, {})[head.name] = [head.labels[label] for label in lacking.tolist()]
    return missing


def _write_rows(deal: Deal, paths: list[Path], report: Report | None) -> None:
    part = deal.part.tolist()
    with ExitStack() as files:
        writers = [files.enter_context(table_writer(path, "jsonl", {})) for path in paths]
        for post, example in enumerate(chain.from_iterable(deal.survey.parts.values())):
            if part[post] >= 0:
                writers[part[post]].write(to_row(example))
            if report and post % _CHUNK == 0:
                report("writing", min(_CHUNK, len(part) - post), len(part))


def _bring_into_order(path: Path, number: int, deal: Deal) -> None:
    """Rewrite a part, whose rows stand in the order of the sources, in that of the deal."""
    ordered = deal.order[deal.part[deal.order] == number]
    if (np.diff(ordered) > 0).all():
        return
    with path.open("rb") as file:
        lengths: NDArray[np.int64] = np.fromiter((len(line) for line in file), np.int64, len(ordered))
    places = np.searchsorted(np.sort(ordered), ordered)
    starts = np.cumsum(lengths) - lengths
    source, target = path.rename(path.with_suffix(".unordered")), path
    with source.open("rb") as unordered, target.open("wb") as file:
        for start, length in zip(starts[places].tolist(), lengths[places].tolist(), strict=True):
            file.write(os.pread(unordered.fileno(), length, start))
    source.unlink()


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
