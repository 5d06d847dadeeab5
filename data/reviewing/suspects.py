"""Suspected label errors, written for a person to judge, and the judgements read back."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from data.errors import DataError
from data.files import remove_leftovers, whole_file
from data.normalise import fingerprint
from data.posts import Example
from data.tables.dialects import PLAIN
from data.tables.reading import read_rows, table_format
from data.tables.rows import BadRow, Row
from data.tables.writing import output_format, table_writer
from data.taxonomy import HEAD_NAME, RESERVED_NAMES

RIGHT, WRONG = "right", "wrong"

_COLUMNS: dict[str, Any] = {
    "where": str,
    "id": str,
    "fingerprint": str,
    "head": str,
    "given": str,
    "suggested": str,
    "probability": float,
    "verdict": str,
    "label": str,
    "text": str,
}
# What a spreadsheet takes for a formula; and, of a label, for a number, a date or a truth, which it writes otherwise.
_FORMULA = re.compile(r"[=+\-@\t\r]")
_NO_WORD = re.compile(
    r"[=+\-@\t\r'.\d]|(true|false)$|(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[ ./-]?\d", re.IGNORECASE
)
_SHEETS = ("csv", "tsv")
_SHOWN = 10


class Suspected(Protocol):
    """A label that looks wrong, of the example at `index`; labels are words, `null` where none applies."""

    @property
    def index(self) -> int: ...
    @property
    def head(self) -> str: ...
    @property
    def given(self) -> str: ...
    @property
    def suggested(self) -> str: ...
    @property
    def probability(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Labelling:
    """What a judgement is about: all posts of this `fingerprint` that carry this label."""

    fingerprint: str
    head: str
    given: str


@dataclass(frozen=True, slots=True)
class Correction:
    """The label that is to stand instead, and where the review says so."""

    label: str
    where: str


@dataclass(frozen=True, slots=True)
class Review:
    """What a person said.

    Attributes:
        right: how many rows say that the given label stands.
        unreviewed: how many rows have no verdict.
    """

    corrections: Mapping[Labelling, Correction]
    right: int
    unreviewed: int


def write_suspects(path: Path, suspects: Sequence[Suspected], examples: Sequence[Example]) -> int:
    """Write suspects as they come, in the format of the file's ending, each with an empty `verdict` and `label`.

    Equal posts with the same label make one row: they are judged, and corrected, together. Where a spreadsheet would
    read a text as a formula, or a label as no word, an apostrophe stands before it in CSV and TSV.

    Args:
        examples: that the suspects' indices count.

    Returns:
        How many rows were written.

    Raises:
        DataError: the ending is of no format that rows are written in, or `refuse_review` refuses the path.
    """
    refuse_review(path)
    kind = output_format(path)
    shield, shield_label = (_before(_FORMULA), _before(_NO_WORD)) if kind in _SHEETS else (str, str)
    remove_leftovers(path)
    written: set[Labelling] = set()
    with whole_file(path) as temporary, table_writer(temporary, kind, _COLUMNS) as writer:
        for suspect in suspects:
            example = examples[suspect.index]
            labelling = Labelling(fingerprint(example.post.text), suspect.head, suspect.given)
            if labelling in written:
                continue
            written.add(labelling)
            writer.write(
                {
                    "where": shield(example.origin or ""),
                    **({"id": shield(example.post.id)} if example.post.id else {}),
                    "fingerprint": labelling.fingerprint,
                    "head": shield_label(suspect.head),
                    "given": shield_label(suspect.given),
                    "suggested": shield_label(suspect.suggested),
                    "probability": round(suspect.probability, 6),
                    "verdict": "",
                    "label": "",
                    "text": shield(example.post.text),
                }
            )
    return len(written)


def refuse_review(path: Path) -> None:
    """Let no suspects be written over what a person wrote: at most over suspects of which none is reviewed.

    Raises:
        DataError: the file holds verdicts, or something else than suspects.
    """
    if not path.exists() or not path.stat().st_size:
        return
    verdicts = 0
    for row in read_rows(path):
        if isinstance(row, BadRow) or not {"fingerprint", "verdict", "label"} <= row.values.keys():
            raise DataError(f"{path}: exists, and holds something else than suspects; name another file for them")
        verdicts += any(_cell(row, name) != "" for name in ("verdict", "label"))
    if verdicts:
        raise DataError(
            f"{path}: exists, and {verdicts} of its rows are reviewed; apply them (`triage data correct`), or name "
            "another file for the suspects"
        )


def read_review(path: Path) -> Review:
    """Read the file that `write_suspects` wrote and a person filled in.

    `verdict` is `right` (the given label stands), `wrong` (the label in `label` is the right one, or `suggested` where
    that is empty) or empty (not reviewed). The order of rows does not matter, nor do other columns.

    Raises:
        DataError: a row cannot be read, says something else, or contradicts another; each such row is named.
    """
    verdicts: dict[Labelling, Correction] = {}
    problems: list[BadRow] = []
    unreviewed = 0
    bare = _bare if table_format(path) in _SHEETS else str.strip
    for row in read_rows(path):
        if isinstance(row, BadRow):
            said = "not UTF-8; save the review as UTF-8 (in a spreadsheet: CSV UTF-8)"
            problems.append(replace(row, message=said) if row.message == PLAIN.fault else row)
            continue
        found = _verdict(row, bare)
        if isinstance(found, BadRow):
            problems.append(found)
        elif found is None:
            unreviewed += 1
        else:
            labelling, correction = found
            known = verdicts.setdefault(labelling, correction)
            if known.label != correction.label:
                problems.append(row.bad(f"equal posts of one label, judged otherwise at {known.where}", "verdict"))
    if problems:
        more = [f"  … and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
        shown = "\n".join([*(f"  {problem}" for problem in problems[:_SHOWN]), *more])
        raise DataError(f"{path}: {len(problems)} row(s) of the review cannot be used; mend them:\n{shown}")
    corrections = {labelling: verdict for labelling, verdict in verdicts.items() if verdict.label != labelling.given}
    return Review(corrections, len(verdicts) - len(corrections), unreviewed)


def by_label(counts: Mapping[tuple[str, str, str], int]) -> dict[str, dict[str, dict[str, int]]]:
    """Counts by head, given label and correct label, as nested mappings in that order."""
    nested: dict[str, dict[str, dict[str, int]]] = {}
    for (head, given, label), count in Counter(counts).most_common():
        nested.setdefault(head, {}).setdefault(given, {})[label] = count
    return nested


def _verdict(row: Row, bare: Callable[[str], str]) -> tuple[Labelling, Correction] | BadRow | None:
    """`None` where there is none; a label that stands is its own correction."""
    cells = {name: _cell(row, name) for name in ("fingerprint", "head", "given", "suggested", "verdict", "label")}
    for name, cell in cells.items():
        if cell is None or (cell == "" and name in ("fingerprint", "head", "given")):
            # What stands there is not told: in a row that was torn apart it may be the text.
            return row.bad(f"expected a text{'' if cell is None else ', found an empty cell'}", name)
    fingerprint, head, given, suggested, verdict, label = (bare(str(cell)) for cell in cells.values())
    if not HEAD_NAME.fullmatch(head) or head in RESERVED_NAMES:
        return row.bad("expected the name of a head, found something else", "head")
    verdict, label = verdict.lower(), label or (suggested if verdict.lower() == WRONG else "")
    problem = _contradiction(verdict, label, given)
    if problem:
        return row.bad(problem[1], problem[0])
    if not verdict:
        return None
    return Labelling(fingerprint, head, given), Correction(label or given, f"{row.source}:{row.line}")


def _contradiction(verdict: str, label: str, given: str) -> tuple[str, str] | None:
    """The field at fault, and what is wrong with it."""
    if verdict not in ("", RIGHT, WRONG):
        return "verdict", f"expected {RIGHT}, {WRONG} or nothing, found something else"
    if verdict != WRONG and label not in ("", given):
        return "label", f"a label is given, so the verdict should be {WRONG}; found {verdict or 'none'}"
    if verdict == WRONG and not label:
        return "label", f"the verdict is {WRONG}, but neither label nor suggested says what is right"
    if verdict == WRONG and label == given:
        return "label", f"the same as given; if that label stands, the verdict is {RIGHT}"
    return None


def _cell(row: Row, name: str) -> str | None:
    """`None` where it is no text: a null there may be a lost cell as well as "no label", which is the word `null`."""
    value = row.values.get(name, "")
    return value.strip() if isinstance(value, str) else None


def _before(taken: re.Pattern[str]) -> Callable[[str], str]:
    """An apostrophe before what a spreadsheet would take for something else."""
    return lambda text: f"'{text}" if taken.match(text) else text


def _bare(cell: str) -> str:
    """Without the apostrophe, whether the spreadsheet kept it or not."""
    return cell[1:] if cell.startswith("'") and _NO_WORD.match(cell[1:]) else cell
