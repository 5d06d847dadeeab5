"""The labels that a review found wrong, corrected in the parts of a split, but for the test part."""

import json
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from data.errors import DataError
from data.files import file_sha256, publish_folder, whole_folder
from data.normalise import fingerprint
from data.posts import PARTS
from data.reviewing.suspects import Labelling, Review
from data.splitting.part_files import MANIFEST
from data.tables.reading import count_rows, read_rows
from data.tables.rows import BadRow, Row
from data.tables.writing import table_writer
from data.taxonomy import NO_LABEL

TEST = "test"
_CHUNK = 500
_SHOWN = 10


@dataclass(slots=True)
class Corrected:
    """What was changed.

    Attributes:
        posts: how many, by part.
        labels: how often, by head, given label and correct label.
        in_test: corrections whose posts stand in the test part, where they were left alone.
        unmatched: where the review has a correction that no post matches.
    """

    posts: dict[str, int] = field(default_factory=dict)
    labels: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    in_test: int = 0
    unmatched: list[str] = field(default_factory=list)


def correct_parts(
    parts: Path, review: Review, review_file: Path, output: Path, report: Callable[[str, int, int | None], None]
) -> Corrected:
    """Copy a folder of parts with the corrections of a review applied to all of them but the test part.

    All posts of a correction's fingerprint that carry its given label change together; a post whose label is another by
    now is left alone. The test part is copied to the byte: labels changed where a model had a suspicion would flatter
    that model. A manifest is copied with the new checksums and with what was corrected. Rows are streamed.

    Args:
        report: told of progress.

    Raises:
        DataError: the folder has no parts, or one that cannot be read; a correct label is none of its head's; no post
            matches any correction; `output` has something in it. Nothing is written then.
    """
    files = {name: parts / f"{name}.jsonl" for name in PARTS if (parts / f"{name}.jsonl").is_file()}
    if not files.keys() - {TEST}:
        names = ", ".join(f"{name}.jsonl" for name in PARTS if name != TEST)
        raise DataError(f"{parts}: expected a folder with parts of a split ({names}), found none")
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise DataError(f"{output}: exists; name a new folder, so that the parts as they were are kept")
    manifest = _manifest(parts / MANIFEST)
    work = _Work(review)
    total = sum(count_rows(path) or 0 for path in files.values())
    with whole_folder(output.parent) as temporary:
        for name, path in files.items():
            target = temporary / path.name
            if name == TEST:
                shutil.copyfile(path, target)
                work.look_over_test(_reported(path, report, total))
            else:
                with table_writer(target, "jsonl", {}) as writer:
                    for values in work.corrected(name, _reported(path, report, total)):
                        writer.write(values)
        corrected = work.result(parts)
        if manifest is not None:
            new = _with_correction(manifest, temporary, corrected, review_file)
            (temporary / MANIFEST).write_text(json.dumps(new, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        publish_folder(temporary, output)
    return corrected


class _Work:
    """Corrections as they are applied row by row."""

    def __init__(self, review: Review) -> None:
        self._corrections = review.corrections
        # A fingerprint takes longer than all else, and most labels are under no suspicion.
        self._given: defaultdict[str, set[str]] = defaultdict(set)
        for labelling in review.corrections:
            self._given[labelling.head].add(labelling.given)
        self._labels: defaultdict[str, set[str]] = defaultdict(set)
        self._matched: set[Labelling] = set()
        self._in_test: set[Labelling] = set()
        self._done = Corrected()

    def corrected(self, part: str, rows: Iterator[Row]) -> Iterator[dict[str, Any]]:
        """The values of each row, corrected where the review says so."""
        self._done.posts[part] = 0
        for row in rows:
            wrong = self._corrections_of(row)
            for labelling in wrong:
                label = self._corrections[labelling].label
                row.values[labelling.head] = None if label == NO_LABEL else label
                self._done.labels[labelling.head, labelling.given, label] += 1
            self._matched.update(wrong)
            self._done.posts[part] += bool(wrong)
            yield row.values

    def look_over_test(self, rows: Iterator[Row]) -> None:
        for row in rows:
            self._in_test.update(self._corrections_of(row))

    def result(self, parts: Path) -> Corrected:
        """What was done, once all rows have been seen.

        Raises:
            DataError: a label that no post of the head carries; corrections of which none matches.
        """
        strange = [
            f"  {correction.where}: label: {correction.label!r} is no label of {labelling.head}, whose posts carry "
            f"{', '.join(sorted(self._labels[labelling.head])) or 'none at all'}"
            for labelling, correction in self._corrections.items()
            if correction.label not in self._labels[labelling.head]
        ]
        if strange:
            more = [f"  … and {len(strange) - _SHOWN} more"] if len(strange) > _SHOWN else []
            raise DataError("\n".join([f"{parts}: labels that the data does not know:", *strange[:_SHOWN], *more]))
        found = self._matched | self._in_test
        if self._corrections and not found:
            raise DataError(
                f"{parts}: none of the {len(self._corrections)} corrections matches a post (by its text, head and "
                "given label); is it the folder that was reviewed, and not corrected yet?"
            )
        self._done.in_test = len(self._in_test)
        self._done.unmatched = [
            correction.where for labelling, correction in self._corrections.items() if labelling not in found
        ]
        return self._done

    def _corrections_of(self, row: Row) -> list[Labelling]:
        doubted = []
        for head, given in self._given.items():
            if head in row.values:
                word = _word(row.values[head])
                if word:
                    self._labels[head].add(word)
                if word in given:
                    doubted.append((head, word))
        text = row.values.get("text")
        if not doubted or not isinstance(text, str):
            return []
        known = fingerprint(text)
        labellings = [Labelling(known, head, word) for head, word in doubted]
        return [labelling for labelling in labellings if labelling in self._corrections]


def _word(value: Any) -> str:
    """The label as a review names it; empty where it is unknown."""
    return NO_LABEL if value is None else value.strip() if isinstance(value, str) else ""


def _reported(path: Path, report: Callable[[str, int, int | None], None], total: int) -> Iterator[Row]:
    rows = _rows(path)
    while chunk := list(islice(rows, _CHUNK)):
        yield from chunk
        report("correcting", len(chunk), total)


def _rows(path: Path) -> Iterator[Row]:
    for row in read_rows(path):
        if isinstance(row, BadRow):
            raise DataError(f"{row}; expected a part as `triage data split` writes it: split anew")
        yield row


def _manifest(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        parts = manifest["parts"]
        if all(isinstance(part, dict) for part in parts.values()):
            return dict(manifest)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    raise DataError(f"{path}: expected the manifest that `triage data split` writes; split anew, or remove it")


def _with_correction(
    manifest: Mapping[str, Any], folder: Path, corrected: Corrected, review_file: Path
) -> dict[str, Any]:
    """The manifest with new checksums; what an earlier correction left there is kept under `corrected_before`."""
    parts = {
        name: {**part, "sha256": file_sha256(folder / f"{name}.jsonl")}
        for name, part in manifest["parts"].items()
        if (folder / f"{name}.jsonl").is_file()
    }
    before = {name: manifest[name] for name in ("corrected", "review") if name in manifest}
    earlier = [*manifest.get("corrected_before", []), *([before] if before else [])]
    return {
        **manifest,
        "parts": parts,
        "corrected": corrected.posts,
        "review": {"file": str(review_file), "sha256": file_sha256(review_file)},
        **({"corrected_before": earlier} if earlier else {}),
    }
