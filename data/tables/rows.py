"""A row that was read, and a row that could not be."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

PART = "part"
"""The column that names the list of a JSON file in which a row stood."""

MAX_DEPTH = 100
"""How deep lists and objects of a row may be nested, itself one of them; what writes rows gives up not far above."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its values by column. CSV and TSV give text only; an absent column is absent from `values`."""

    source: str
    line: int
    values: dict[str, Any]

    def bad(self, message: str, field: str | None = None) -> "BadRow":
        return BadRow(self.source, self.line, message, field)


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be used, and why. Never holds its text.

    Attributes:
        rest_lost: whether it stands for many: the rest of a file, of a part of it, or a whole file of an archive.
    """

    source: str
    line: int
    message: str
    field: str | None = None
    rest_lost: bool = False

    def __str__(self) -> str:
        where = f"{self.source}:{self.line}"
        return f"{where}: {self.field}: {self.message}" if self.field else f"{where}: {self.message}"


def shown_name(name: str | Path) -> str:
    """The name of a file, whose bytes may be any, in characters that UTF-8 has: for messages and as rows' source."""
    return str(name).encode("utf-8", "replace").decode()
