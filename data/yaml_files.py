"""YAML files whose faults are told with their lines."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from data.errors import TriageError

Place = tuple[str | int, ...]
"""Keys and indices that lead to a value."""

Fault = tuple[Place, str]


@dataclass(frozen=True, slots=True)
class YamlFile:
    """A file's content, and where its values stand.

    Attributes:
        repeated: keys that stand twice in one mapping; YAML takes the last without a word.
    """

    path: Path
    content: Any
    lines: dict[Place, int]
    repeated: list[Fault]

    @classmethod
    def read(cls, path: Path, error: type[TriageError]) -> "YamlFile":
        """Read a file.

        Args:
            error: raised where it is not there or no YAML.
        """
        lines: dict[Place, int] = {}
        try:
            root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
            repeated = list(_walk(root, (), lines)) if root else []
            content = yaml.SafeLoader("").construct_document(root) if root else None
        except OSError as fault:
            raise error(f"{path}: cannot be read: {fault.strerror}") from fault
        except (yaml.YAMLError, ValueError, RecursionError) as fault:  # ValueError: not UTF-8, or no such date
            raise error(f"{path}: not a YAML file: {fault}") from fault
        return cls(path, content, lines, repeated)

    def describe(self, faults: Sequence[Fault]) -> str:
        """A line for each fault, with the file's line at which its value, or what holds it, stands."""
        return "\n".join(f"  {self.path}:{self._line(place)}: {message}" for place, message in faults)

    def _line(self, place: Place) -> int:
        while place not in self.lines and place:
            place = place[:-1]
        return self.lines.get(place, 1)


def _walk(node: yaml.Node, place: Place, lines: dict[Place, int]) -> Iterator[Fault]:
    """Note the line of every value below `node`; yield keys that stand twice in one mapping."""
    lines[place] = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _walk(item, (*place, index), lines)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = (*place, str(key.value))
            if below in lines:
                again = (*place, f"{key.value} again")
                lines[again] = key.start_mark.line + 1
                yield again, f"the key {key.value!r} stands twice"
            yield from _walk(value, below, lines)
