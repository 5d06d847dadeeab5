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
from data.files import file_sha256, publish_folder, remove_leftovers, whole_folder
from data.normalise import fingerprint
from data.posts import PARTS
from data.reviewing.suspects import Labelling, Review
from data.splitting.part_files import MANIFEST
from data.tables.reading import count_rows, read_rows
from data.tables.rows import BadRow, Row
from data.tables.writing import table_writer
from data.taxonomy import NO_LABEL, Taxonomy

TEST = "test"
_CHUNK = 500
_SHOWN = 10
_SHOWN_LABELS = 30
_LONGEST_LABEL = 40  # in characters, of those that are shown: a longer one may be a text in the wrong column


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
    parts: Path,
    review: Review,
    review_file: Path,
    output: Path,
    report: Callable[[str, int, int | None], None],
    taxonomy: Taxonomy | None = None,
) -> Corrected:
    """Copy a folder of parts with the corrections of a review applied to all of them but the test part.

    All posts of a correction's fingerprint that carry its given label change together; a post whose label is another by
    now is left alone. The test part is copied to the byte: labels changed where a model had a suspicion would flatter
    that model. A manifest is copied with the new checksums and with what was corrected. Rows are streamed.

    Args:
        report: told of progress.
        taxonomy: says which labels a head has; without, or where it has no such head, those that its posts carry.

    Raises:
        DataError: the folder has no parts, or one that cannot be read; the test part is not the one of the manifest; a
            correct label is none of its head's; no post matches any correction; `output` has something in it. Nothing
            is written then.
    """
    files = {name: parts / f"{name}.jsonl" for name in PARTS if (parts / f"{name}.jsonl").is_file()}
    if not files.keys() - {TEST}:
        names = ", ".join(f"{name}.jsonl" for name in PARTS if name != TEST)
        raise DataError(f"{parts}: expected a folder with parts of a split ({names}), found none")
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise DataError(f"{output}: exists; name a new folder, so that the parts as they were are kept")
    manifest = _manifest(parts / MANIFEST)
    if manifest and TEST in files:
        _same_test(files[TEST], manifest)
    work = _Work(review, taxonomy)
    total = sum(count_rows(path) or 0 for path in files.values())
    remove_leftovers(output)
    with whole_folder(output.parent, output.name) as temporary:
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

    def __init__(self, review: Review, taxonomy: Taxonomy | None) -> None:
        self._corrections = review.corrections
        # A fingerprint takes longer than all else, and most labels are under no suspicion.
        self._given: defaultdict[str, set[str]] = defaultdict(set)
        for labelling in review.corrections:
            self._given[labelling.head].add(labelling.given)
        self._labels: defaultdict[str, set[str]] = defaultdict(set)  # that stand in the data
        self._allowed = {head.name: {*head.labels, *([NO_LABEL] if head.optional else [])} for head in taxonomy or ()}
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
            DataError: a label that its head does not have; corrections of which none matches.
        """
        self._refuse_strange(parts)
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

    def _refuse_strange(self, parts: Path) -> None:
        labels = {labelling.head: self._labels[labelling.head] for labelling in self._corrections} | self._allowed
        strange = {
            correction.where: labelling.head
            for labelling, correction in self._corrections.items()
            if correction.label not in labels[labelling.head]
        }
        if not strange:
            return
        # What stands in the cell is not told: it may be a remark, and hold a text.
        lines = [f"  {where}: label: no label of {head}" for where, head in strange.items()]
        more = [f"  … and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
        heads = [f"  {head} has {_listed(labels[head])}" for head in sorted(set(strange.values()))]
        told = f"{parts}: corrections to unknown labels; for one that no post carries yet (null too), name a taxonomy"
        raise DataError("\n".join([f"{told} that has it, --taxonomy FILE:", *lines[:_SHOWN], *more, *heads]))

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


def _listed(labels: set[str]) -> str:
    short = sorted(label for label in labels if len(label) <= _LONGEST_LABEL)[:_SHOWN_LABELS]
    return ", ".join([*short, *([f"{len(labels) - len(short)} more"] if len(short) < len(labels) else [])]) or "none"


def _same_test(test: Path, manifest: Mapping[str, Any]) -> None:
    listed = manifest["parts"].get(TEST)
    if listed is not None and listed.get("sha256") != file_sha256(test):
        raise DataError(
            f"{test}: not the file that {MANIFEST} tells of, whose SHA-256 is another: it was changed since the split; "
            "put it back, or split anew"
        )


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
