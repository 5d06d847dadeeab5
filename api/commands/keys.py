"""`triage keys`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from api.commands.shared import JsonOption, note, print_json, stdout
from api.keys import add_key, read_keys, remove_key
from api.settings import load_settings
from data.errors import ConfigurationError

app = typer.Typer(help="Add, list and remove the keys that clients present.", no_args_is_help=True)

FileOption = Annotated[
    Path | None, typer.Option("--file", help="file of the keys", show_default="keys_file of the settings")
]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="whose key it is; several may have the same name")],
    posts_per_second: Annotated[
        float | None, typer.Option(help="how many it may send on average", show_default="no limit")
    ] = None,
    file: FileOption = None,
) -> None:
    """Make a key and print it, this once."""
    typer.echo(add_key(_file(file), name, posts_per_second))
    note("this key is shown once and stored nowhere; clients send it as the header  Authorization: Bearer KEY")


@app.command("list")
def list_(as_json: JsonOption = False, file: FileOption = None) -> None:
    """All keys, without what is secret."""
    rows = [key.model_dump(include={"name", "id", "created", "posts_per_second"}) for key in read_keys(_file(file))]
    if as_json:
        print_json(rows)
        return
    table = Table()
    for column in ("name", "id", "created", "posts per second"):
        table.add_column(column)
    for row in rows:
        rate = row["posts_per_second"]
        table.add_row(row["name"], row["id"], row["created"], "" if rate is None else f"{rate:g}")
    stdout.print(table)


@app.command()
def remove(
    key: Annotated[str, typer.Argument(metavar="ID|NAME", help="a key by its id, or all keys of a name")],
    file: FileOption = None,
) -> None:
    """Let keys hold no longer."""
    for removed in remove_key(_file(file), key):
        note(f"removed {removed.name} ({removed.id})")


def _file(given: Path | None) -> Path:
    path = given or load_settings().keys_file
    if path is None:
        raise ConfigurationError("no file of keys: give --file FILE, or set keys_file (TRIAGE_KEYS_FILE)")
    return path
