"""The parts of a split, written as files with a manifest beside them."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from itertools import chain
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.checking.survey import Report, Source
from data.errors import DataError
from data.examples import LabelledFile, to_row
from data.files import file_sha256, remove_leftovers, whole_folder, write_whole
from data.posts import PARTS
from data.splitting.dealing import Deal
from data.tables.writing import table_writer
from data.taxonomy import Taxonomy

MANIFEST = "split.json"

_CHUNK = 500
_TEMPORARY = "split"


def check_folder(folder: Path, sources: Iterable[Source]) -> None:
    """Make sure that parts written to a folder replace nothing but an earlier split.

    Raises:
        DataError: one of the sources would be replaced; or files named as parts stand there without a manifest.
    """
    there = [path for path in (folder / f"{name}.jsonl" for name in PARTS) if path.exists()]
    for source in sources:
        for path in there:
            if isinstance(source, LabelledFile) and source.path.exists() and path.samefile(source.path):
                raise DataError(f"{path}: is to be split, and would be replaced by a part; name another folder")
    if there and not (folder / MANIFEST).exists():
        raise DataError(
            f"{folder}: expected no parts, or those of an earlier split with its {MANIFEST}; found "
            f"{', '.join(path.name for path in there)} without it (they are no split, or of one that was cut off); "
            "name another folder, or remove them"
        )


def write_parts(deal: Deal, folder: Path, about: Mapping[str, Any], report: Report | None = None) -> dict[str, Any]:
    """Write each part as a JSONL file and then the manifest.

    Until all parts are written, the folder stays as it was. While they take the place of those of an earlier split,
    which is a matter of moments, no manifest stands there: parts with a manifest belong together.

    Args:
        about: what the manifest says besides the parts.

    Returns:
        The manifest: `about`, and by part its `posts` and `sha256`.

    Raises:
        DataError: as `check_folder`; a part is empty, or a file was changed since it was surveyed. Nothing is written.
    """
    check_folder(folder, deal.survey.parts.values())
    counts = np.bincount(deal.part[deal.part >= 0], minlength=len(deal.shares))
    empty = [name for name, count in zip(deal.shares, counts, strict=True) if not count]
    if empty:
        raise DataError(f"nothing fell into {empty}; {_why_empty(deal)}; nothing was written")
    remove_leftovers(folder / _TEMPORARY)
    with whole_folder(folder, _TEMPORARY) as temporary:
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


def _why_empty(deal: Deal) -> str:
    posts, largest, left_out = len(deal.part), deal.largest, deal.left_out()
    told = [
        f"{count} of {posts} posts were left out ({why.replace('_', ' ')})" for why, count in left_out.items() if count
    ]
    told += [f"the largest group holds {largest} of {posts}"] if largest > 1 else []
    near = largest > 1 or left_out["near_copy_in_an_earlier_part"]
    ways = ["more data", "other --shares", *(["--no-near-copies"] if near else [])]
    return "; ".join([*told, f"give {', '.join(ways)} or, where a part is split again, another --seed"])


def _values_of(source: Source) -> Iterator[dict[str, Any]]:
    """The rows as they stand in the source, so that no column is lost that is no head of today's."""
    if isinstance(source, LabelledFile):
        for values, _ in source.with_values():
            # JSON has no NaN, which Parquet files may have.
            yield {name: None if isinstance(value, float) and isnan(value) else value for name, value in values.items()}
    else:
        yield from map(to_row, source)


def _write_rows(deal: Deal, paths: list[Path], report: Report | None) -> None:
    part = deal.part.tolist()
    with ExitStack() as files:
        writers = [files.enter_context(table_writer(path, "jsonl", {})) for path in paths]
        for post, values in enumerate(chain.from_iterable(map(_values_of, deal.survey.parts.values()))):
            if part[post] >= 0:
                writers[part[post]].write(values)
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
