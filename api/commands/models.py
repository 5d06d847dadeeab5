"""`triage models`."""

from typing import Annotated, Any

import typer
from rich.table import Table

from api.commands.shared import (
    BundleArgument,
    JsonOption,
    ModelsOption,
    load_bundle,
    note,
    print_json,
    registry,
    stdout,
)
from data.errors import BundleError
from model.bundle import Bundle

app = typer.Typer(help="List, show, promote and roll back bundles.", no_args_is_help=True)


@app.command("list")
def list_(as_json: JsonOption = False, models: ModelsOption = None) -> None:
    """All bundles of the folder."""
    found = registry(models)
    promoted = found.promoted()
    rows: list[dict[str, Any]] = []
    for reference in found.references():
        try:
            bundle = Bundle.load(found.resolve(reference))
            figures = bundle.metrics()
        except BundleError as error:
            rows.append({"bundle": reference, "promoted": reference == promoted, "fault": str(error)})
            continue
        manifest = bundle.manifest
        rows.append(
            {
                "bundle": reference,
                "promoted": reference == promoted,
                "created": manifest.created,
                "precision": manifest.precision,
                "parent": manifest.parent,
                "macro_f1": {name: head["macro_f1"] for name, head in figures["heads"].items()},
            }
        )
    if as_json:
        print_json(rows)
        return
    table = Table()
    for column in ("bundle", "promoted", "created", "precision", "parent", "macro F1 on its test part"):
        table.add_column(column)
    for row in rows:
        scores = ", ".join(f"{name} {value:.3f}" for name, value in row.get("macro_f1", {}).items())
        texts = (row.get(column) or "" for column in ("created", "precision", "parent"))
        table.add_row(row["bundle"], "yes" if row["promoted"] else "", *texts, row.get("fault", scores))
    stdout.print(table)


@app.command()
def show(bundle: BundleArgument = None, as_json: JsonOption = False, models: ModelsOption = None) -> None:
    """The card of a bundle; with --json its manifest and figures."""
    found = load_bundle(bundle, models)
    if as_json:
        print_json({"manifest": found.manifest.model_dump(mode="json"), "metrics": found.metrics()})
    else:
        typer.echo(found.card())


@app.command()
def promote(
    bundle: Annotated[str, typer.Argument(help="NAME or NAME@VERSION")],
    models: ModelsOption = None,
) -> None:
    """Make a bundle the one that is served by default."""
    note(f"promoted {registry(models).promote(bundle)}")


@app.command()
def rollback(models: ModelsOption = None) -> None:
    """Go back to the bundle that was promoted before."""
    note(f"promoted {registry(models).rollback()}")
