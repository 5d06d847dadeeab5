"""A row that was read, and a row that could not be."""

from dataclasses import dataclass
from typing import Any

PART = "part"
"""The column that names the list of a JSON file in which a row stood."""


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
    """A row that cannot be used, and why. Never holds its text."""

    source: str
    line: int
    message: str
    field: str | None = None

    def __str__(self) -> str:
        where = f"{self.source}:{self.line}"
        return f"{where}: {self.field}: {self.message}" if self.field else f"{where}: {self.message}"
