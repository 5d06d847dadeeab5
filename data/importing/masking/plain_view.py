"""A text as `normalise` sees it before it masks anything, with the way back to the text as it was written."""

import html
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

# What html.unescape resolves; an endless one is dropped, as normalise() drops it.
_ENTITY = re.compile(r"&(?:#[0-9]{1,9};?|#[xX][0-9a-fA-F]{1,9};?|[^\t\n\f <&#;]{1,32};?)")
_ENDLESS_ENTITY = re.compile(r"&#x?[0-9a-f]{9,};?", re.IGNORECASE)
_Cell = tuple[str, int, int]
"""A character of the view, and where in the source it came from."""


@dataclass(frozen=True, slots=True)
class View:
    """A text to look for things in.

    Attributes:
        text: entities resolved, invisible characters left out, composed (NFC). White space stays as it was.
        origins: start and end in the source by character of `text`; `None` where the two are the same.
    """

    text: str
    origins: tuple[tuple[int, int], ...] | None = None

    def source(self, start: int, end: int) -> tuple[int, int]:
        """The place in the source of the not empty `text[start:end]`."""
        return (start, end) if self.origins is None else (self.origins[start][0], self.origins[end - 1][1])


def plain_view(text: str) -> View:
    """Undo what hides an address or a number from a pattern: entities, invisible characters, letters in parts."""
    if _is_plain(text):
        return View(text)
    cells: list[_Cell] = [(character, at, at + 1) for at, character in enumerate(text)]
    if "&" in text:
        for _ in range(2):  # exports often escape twice
            cells = _replaced(cells, _ENDLESS_ENTITY, lambda _: "")
            cells = _replaced(cells, _ENTITY, html.unescape)
    cells = [cell for cell in cells if cell[0].isprintable() or cell[0].isspace()]
    cells = _composed(cells)
    return View("".join(cell[0] for cell in cells), tuple((start, end) for _, start, end in cells))


def _is_plain(text: str) -> bool:
    if "&" in text and _ENTITY.search(text):
        return False
    if not text.isprintable() and not "".join(text.split()).isprintable():
        return False
    return text.isascii() or unicodedata.is_normalized("NFC", text)


def _replaced(cells: list[_Cell], pattern: re.Pattern[str], replace: Callable[[str], str]) -> list[_Cell]:
    text = "".join(cell[0] for cell in cells)
    result: list[_Cell] = []
    done = 0
    for found in pattern.finditer(text):
        new = replace(found[0])
        if new == found[0]:
            continue
        first, last = cells[found.start()], cells[found.end() - 1]
        result += cells[done : found.start()]
        result += _spread(new, first[1], last[2], cells[found.start() : found.end()])
        done = found.end()
    return result + cells[done:]


def _spread(new: str, start: int, end: int, old: list[_Cell]) -> Iterable[_Cell]:
    """The new characters in place of the old ones; what an entity did not use (`&ampx`) keeps its own place."""
    kept = 0
    while kept < min(len(new), len(old)) - 1 and new[-1 - kept] == old[-1 - kept][0] != ";":
        kept += 1
    used = new[: len(new) - kept]
    middle = old[-1 - kept][2] if kept else end
    return [*((character, start, middle) for character in used), *(old[len(old) - kept :] if kept else [])]


def _composed(cells: list[_Cell]) -> list[_Cell]:
    """Compose each letter with the marks that follow it (a Hangul syllable is written as letters, too)."""
    result: list[_Cell] = []
    at = 0
    while at < len(cells):
        end = at + 1
        while end < len(cells) and _joins(cells[end][0]):
            end += 1
        if end == at + 1 and cells[at][0].isascii():
            result.append(cells[at])
        else:
            written = "".join(cell[0] for cell in cells[at:end])
            start, stop = cells[at][1], cells[end - 1][2]
            result += [(character, start, stop) for character in unicodedata.normalize("NFC", written)]
        at = end
    return result


def _joins(character: str) -> bool:
    return not character.isascii() and (unicodedata.combining(character) > 0 or "\u1160" <= character <= "\u11ff")
