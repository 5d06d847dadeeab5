"""Which columns of an export hold what. A file, not code: flags and ready mappings build the same thing."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Self

import jmespath
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator

from data.errors import ConfigurationError
from data.posts import POST_FIELDS
from data.taxonomy import HEAD_NAME, NO_LABEL, RESERVED_NAMES
from data.yaml_files import YamlFile

READY = Path(__file__).parent / "mappings"
"""The folder of the ready mappings, one a shape of a product's export."""

FIELDS = (*POST_FIELDS[1:], "group")
"""What can be known of a post besides its text."""


def plain_value(value: Any) -> str:
    """A cell as the text that mappings name it by; empty where it is empty, null or absent."""
    if value is None or value != value:  # noqa: PLR0124  # NaN is how Parquet files often write an empty cell
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # of a column of whole numbers and empty cells, programs make floats
    return str(value).strip().encode("utf-8", "replace").decode()  # half characters, which no file can hold


def _several(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else (value,)


def _values(value: Any) -> Any:
    return tuple(map(plain_value, _several(value)))


def _renamed(value: Any) -> Any:
    """YAML reads `1`, `true` and `null` as no texts; a label that is renamed to null is none at all."""
    if not isinstance(value, dict):
        return value
    return {plain_value(old): NO_LABEL if new is None else plain_value(new) for old, new in value.items()}


Columns = Annotated[tuple[str, ...], BeforeValidator(_several)]
Values = Annotated[tuple[str, ...], BeforeValidator(_values)]
Renamed = Annotated[Mapping[str, str], BeforeValidator(_renamed)]


class ColumnMapping(BaseModel):
    """What an export's columns mean.

    A column is named as it stands in the file; in nested rows, by a JMESPath expression (`via.channel`,
    ``custom_fields[?id==`360`].value | [0]``). A name that is a column as it stands is that column.

    Attributes:
        text: the columns of the post; several are joined, a subject first.
        labels: column by head.
        fields: column by field, of `FIELDS`.
        rename: by head, our label by the export's; `null`: no label applies; empty: the label is unknown. The export's
            is empty where the cell is empty, null or absent.
        only: rows are kept whose column has one of these values.
        drop: rows are left out whose column has one of these values.
        first_of_thread: of the rows of one thread only the earliest is kept; by `time`, without it by order.
        time_format: as `datetime.strptime` takes it, where times are neither ISO 8601 nor Unix time.
        keep: further columns to keep, under their own names; `None` keeps all.
        as_is: of those, columns that hold nothing personal, and are not masked.
        rows: the path to the list of rows in a JSON file that is no such list itself.
        encoding: where the file is neither UTF-8 nor says what it is.
        delimiter: of a CSV file whose header does not show it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "columns"
    text: Columns = ("text",)
    labels: Mapping[str, str] = {}
    fields: Mapping[str, str] = {}
    rename: Mapping[str, Renamed] = {}
    only: Mapping[str, Values] = {}
    drop: Mapping[str, Values] = {}
    first_of_thread: bool = False
    time_format: str | None = None
    keep: Columns | None = None
    as_is: Columns = ()
    rows: str | None = None
    encoding: str | None = None
    delimiter: str | None = None

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        faults = list(self._faults())
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @classmethod
    def read(cls, path: Path) -> "ColumnMapping":
        """Read a YAML file.

        Raises:
            ConfigurationError: with every fault of the file at once, each as file:line.
        """
        file = YamlFile.read(path, ConfigurationError)
        try:
            mapping = cls.model_validate(file.content)
            faults = file.repeated
        except ValidationError as error:
            found = [
                (fault["loc"], ": ".join([".".join(map(str, fault["loc"])), fault["msg"]])) for fault in error.errors()
            ]
            faults = [*file.repeated, *found]
        if faults:
            raise ConfigurationError(f"the mapping has {len(faults)} fault(s):\n{file.describe(faults)}")
        return mapping

    def updated(self, **settings: Any) -> "ColumnMapping":
        """The mapping with other settings; of `labels`, `fields`, `rename`, `only` and `drop` single entries.

        A head or field whose column is empty is taken out.

        Raises:
            ConfigurationError: they contradict each other.
        """
        plain = self.model_dump()
        for name, value in settings.items():
            plain[name] = {**plain[name], **value} if isinstance(value, Mapping) else value
        for name in ("labels", "fields"):
            plain[name] = {key: column for key, column in plain[name].items() if column}
        old, new = self.rename, settings.get("rename", {})
        plain["rename"] = {
            head: {**old.get(head, {}), **new.get(head, {})}
            for head in plain["rename"]
            if head in plain["labels"] or head in new
        }
        try:
            return ColumnMapping.model_validate(plain)
        except ValidationError as error:
            raise ConfigurationError("; ".join(fault["msg"] for fault in error.errors())) from error

    def columns(self) -> Iterator[str]:
        """Every column of which something is asked, each once."""
        wanted = [*self.only, *self.drop, *(self.keep or ())]
        yield from dict.fromkeys([*self.text, *self.labels.values(), *self.fields.values(), *wanted])

    def needed(self) -> dict[str, str]:
        """The columns without which an import goes wrong, each with the flag that names another."""
        needed = {
            column: f"--label {head}=COLUMN, or leave the head out: --label {head}="
            for head, column in self.labels.items()
        }
        needed |= dict.fromkeys(self.only, "--only COLUMN=VALUE") | dict.fromkeys(self.drop, "--drop COLUMN=VALUE")
        if self.first_of_thread:
            needed[self.fields["thread"]] = "--field thread=COLUMN"
        return needed

    def _faults(self) -> Iterator[str]:
        odd = [head for head in self.labels if not HEAD_NAME.fullmatch(head) or head in RESERVED_NAMES]
        if odd:
            taken = sorted(RESERVED_NAMES)
            yield f"{odd} cannot be names of heads: lower-case letters, digits and _, and none of {taken}"
        unknown = sorted(set(self.rename) - set(self.labels))
        if unknown:
            yield f"labels of {unknown} are renamed; the heads are {sorted(self.labels)}"
        strange = sorted(set(self.fields) - set(FIELDS))
        if strange:
            yield f"{strange} are no fields of a post; expected {sorted(FIELDS)}"
        again = [name for name, count in Counter([*self.text, *self.labels.values()]).items() if count > 1]
        if again:
            yield f"the columns {again} are asked for twice; each can hold one thing"
        if not self.text:
            yield "no column of the text was named"
        twice = sorted({*self.text, self.fields.get("author", "")}.intersection(self.keep or ()))
        if twice:
            yield f"{twice} cannot be kept beside what is made of them"
        if self.first_of_thread and "thread" not in self.fields:
            yield "the first of a thread is asked for, and no column of the thread was named"


def ready_mappings() -> dict[str, Path]:
    """The files of the ready mappings by name."""
    return {path.stem: path for path in sorted(READY.glob("*.yaml"))}


def ready_mapping(name: str) -> ColumnMapping:
    """One that comes with the project.

    Raises:
        ConfigurationError: there is none of that name.
    """
    found = ready_mappings()
    if name not in found:
        raise ConfigurationError(f"there is no ready mapping {name!r}; expected one of {sorted(found)}")
    return ColumnMapping.read(found[name])


class Lookup:
    """Finds a column, or what an expression names, in rows."""

    def __init__(self, column: str) -> None:
        self.column = column
        self._expression: jmespath.parser.ParsedResult | None = None
        with suppress(jmespath.exceptions.JMESPathError):  # `Ticket ID` is no expression; a column it can still be
            self._expression = jmespath.compile(column)

    def __call__(self, values: Mapping[str, Any]) -> Any:
        """The value, or `None` where the row has none."""
        if self.column in values:
            return values[self.column]
        if self._expression is None:
            return None
        try:
            return self._expression.search(values)
        except jmespath.exceptions.JMESPathError:
            return None  # a function that was given another type than it takes: this row is of another shape

    def roots(self) -> set[str]:
        """The columns of a row that it looks into."""
        return {self.column, *(_roots(self._expression.parsed) if self._expression else ())}


def _roots(node: Mapping[str, Any]) -> Iterator[str]:
    """The names at the left end of an expression, from its syntax tree; of alternatives and arguments, of each."""
    if node["type"] == "field":
        yield node["value"]
    every = node["type"] in ("or_expression", "and_expression", "not_expression", "comparator", "function_expression")
    for child in node["children"] if every else node["children"][:1]:
        yield from _roots(child)
