"""The questions that are asked of every post, and their possible answers. A file, not code."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from data.errors import TaxonomyError
from data.posts import POST_FIELDS
from data.yaml_files import Fault, Place, YamlFile

DEFAULT_TAXONOMY = Path(__file__).parent / "taxonomies" / "default.yaml"

Kind = Literal["nominal", "ordinal"]

# A head's name becomes a column, a field in the answer and an output of the graph, beside those that are there.
HEAD_NAME = re.compile(r"[a-z][a-z0-9_]*")
NO_LABEL = "null"
"""How a file without types says that no label of an optional head applies."""
RESERVED_NAMES = frozenset(
    {
        *POST_FIELDS,
        "group",
        "scenario",
        "pair",
        "embedding",
        "triage",
        "action",
        "routed_to",
        "reasons",
        "error",
        "truncated",
    }
)


@dataclass(frozen=True, slots=True)
class Head:
    """One question.

    Attributes:
        labels: names in the order of the network's outputs; for an ordinal head from the least to the greatest.
        definitions: one line a label, empty where none is given.
        optional: whether "none of them" is a valid gold answer (written as null).
    """

    name: str
    labels: tuple[str, ...]
    definitions: tuple[str, ...]
    kind: Kind = "nominal"
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Routing:
    """How labels become an owner.

    Attributes:
        owner: the head whose label is the owner of a post.
        unowned: labels by head that nobody owns; a post accepted as one of them is ignored.
    """

    owner: str
    unowned: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """All heads of one model, in the order of its outputs. `read` and `from_dict` build valid ones."""

    name: str
    heads: tuple[Head, ...]
    routing: Routing | None = None

    def __iter__(self) -> Iterator[Head]:
        return iter(self.heads)

    def head(self, name: str) -> Head:
        """The head of that name.

        Raises:
            TaxonomyError: there is none.
        """
        for head in self.heads:
            if head.name == name:
                return head
        raise TaxonomyError(f"no head {name!r} in taxonomy {self.name!r}; it has {[head.name for head in self.heads]}")

    @classmethod
    def read(cls, path: Path) -> "Taxonomy":
        """Read a YAML file.

        Raises:
            TaxonomyError: with every fault of the file at once, each as file:line.
        """
        file = YamlFile.read(path, TaxonomyError)
        problems = [*file.repeated, *_problems(file.content)]
        if problems:
            raise TaxonomyError(f"the taxonomy has {len(problems)} fault(s):\n{file.describe(problems)}")
        return cls.from_dict(file.content)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Taxonomy":
        """Build from the form that `to_dict` gives and that a YAML file holds.

        Raises:
            TaxonomyError: with every fault at once.
        """
        problems = [message for _, message in _problems(data)]
        if problems:
            raise TaxonomyError("taxonomy: " + "; ".join(problems))
        heads = []
        for head in data["heads"]:
            labels = [_label(entry) for entry in head["labels"]]
            heads.append(
                Head(
                    name=head["name"],
                    labels=tuple(name for name, _ in labels),
                    definitions=tuple(definition for _, definition in labels),
                    kind=head.get("kind", "nominal"),
                    optional=head.get("optional", False),
                )
            )
        routing = data.get("routing")
        return cls(
            name=data["name"],
            heads=tuple(heads),
            routing=routing
            and Routing(
                owner=routing["owner"],
                unowned={head: tuple(labels) for head, labels in routing.get("unowned", {}).items()},
            ),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-ready form; `from_dict` reads it back to an equal taxonomy."""
        plain: dict[str, Any] = {
            "name": self.name,
            "heads": [
                {
                    "name": head.name,
                    "kind": head.kind,
                    "optional": head.optional,
                    "labels": [{name: text} for name, text in zip(head.labels, head.definitions, strict=True)],
                }
                for head in self.heads
            ],
        }
        if self.routing:
            unowned = {head: list(labels) for head, labels in self.routing.unowned.items()}
            plain["routing"] = {"owner": self.routing.owner, "unowned": unowned}
        return plain

    @property
    def sha256(self) -> str:
        """Hash of all that gives scores and decisions their meaning: everything but name and definitions."""
        plain = self.to_dict()
        del plain["name"]
        for head in plain["heads"]:
            head["labels"] = [_label(entry)[0] for entry in head["labels"]]
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _label(entry: str | dict[str, str]) -> tuple[str, str]:
    """A label is written `- name` or `- name: definition`."""
    if isinstance(entry, str):
        return entry, ""
    [(name, definition)] = entry.items()
    return name, definition or ""


def _problems(data: Any) -> Iterator[Fault]:
    """Every fault of a taxonomy in plain form, with the path of keys and indices to it."""
    if not isinstance(data, dict):
        yield (), "expected a mapping with the keys name and heads"
        return
    yield from _unknown_keys(data, {"name", "heads", "routing"}, ())
    if not isinstance(data.get("name"), str) or not data["name"].strip():
        yield ("name",), "name: expected a text"
    heads = data.get("heads")
    if not isinstance(heads, list) or not heads:
        yield ("heads",), "heads: expected a list with at least one head"
        return
    labels: dict[str, list[str]] = {}
    for index, head in enumerate(heads):
        yield from _head_problems(head, ("heads", index), labels)
    if data.get("routing") is not None:
        yield from _routing_problems(data["routing"], labels, heads)


def _head_problems(head: Any, path: Place, seen: dict[str, list[str]]) -> Iterator[Fault]:
    if not isinstance(head, dict):
        yield path, "expected a mapping with the keys name and labels"
        return
    yield from _unknown_keys(head, {"name", "kind", "optional", "labels"}, path)
    name = head.get("name")
    if not isinstance(name, str) or not HEAD_NAME.fullmatch(name):
        yield (*path, "name"), f"head name {name!r}: expected lower-case letters, digits and _, starting with a letter"
        name = f"head {path[-1]}"
    elif name in RESERVED_NAMES:
        yield (*path, "name"), f"head name {name!r} is reserved for a field of the post; choose another"
    elif name in seen:
        yield (*path, "name"), f"two heads are named {name!r}"
    if head.get("kind", "nominal") not in ("nominal", "ordinal"):
        yield (*path, "kind"), f"{name}: kind is {head['kind']!r}; expected nominal or ordinal"
    if not isinstance(head.get("optional", False), bool):
        yield (*path, "optional"), f"{name}: optional is {head['optional']!r}; expected true or false"
    seen[name] = []
    yield from _label_problems(head.get("labels"), name, (*path, "labels"), seen[name])


def _label_problems(entries: Any, name: str, path: Place, names: list[str]) -> Iterator[Fault]:
    if not isinstance(entries, list) or len(entries) < 2:
        yield path, f"{name}: expected a list of at least two labels"
        return
    for index, entry in enumerate(entries):
        where = (*path, index)
        try:
            label, definition = _label(entry)
            valid = isinstance(label, str) and isinstance(definition, str)
        except (AttributeError, ValueError):
            valid = False
        if not valid:
            yield where, f"{name}: label {index + 1}: expected `- name` or `- name: definition`, both text"
        elif not label or label != label.strip() or not label.isprintable():
            yield where, f"{name}: label {label!r}: empty, or with white space around it, or not printable"
        elif label == NO_LABEL:
            yield where, f"{name}: the label {label!r} means in data that no label applies; choose another"
        elif label in names:
            yield where, f"{name}: the label {label!r} stands twice"
        else:
            names.append(label)


def _routing_problems(routing: Any, labels: dict[str, list[str]], heads: list[Any]) -> Iterator[Fault]:
    path: Place = ("routing",)
    if not isinstance(routing, dict):
        yield path, "routing: expected a mapping with the keys owner and unowned"
        return
    yield from _unknown_keys(routing, {"owner", "unowned"}, path)
    owner = routing.get("owner")
    if not isinstance(owner, str) or owner not in labels:
        yield (*path, "owner"), f"routing: owner is {owner!r}; expected one of the heads {sorted(labels)}"
    unowned = routing.get("unowned", {})
    if not isinstance(unowned, dict):
        yield (*path, "unowned"), "routing: unowned: expected lists of labels by head"
        return
    for head, names in unowned.items():
        if head not in labels:
            yield (*path, "unowned", str(head)), f"routing: unowned names the head {head!r}; there is none"
        elif not isinstance(names, list):
            yield (*path, "unowned", str(head)), f"routing: unowned.{head}: expected a list of labels"
        else:
            for name in names:
                if name not in labels[head]:
                    yield (*path, "unowned", head), f"routing: unowned.{head}: there is no label {name!r}"


def _unknown_keys(data: dict[Any, Any], known: set[str], path: Place) -> Iterator[Fault]:
    for key in data:
        if key not in known:
            yield (*path, str(key)), f"unknown key {key!r}; expected {sorted(known)}"
