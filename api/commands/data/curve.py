"""`triage data curve`: what more posts would give."""

import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from api.commands.shared import (
    JsonOption,
    ModelsOption,
    TaxonomyOption,
    extra,
    note,
    print_json,
    quiet_libraries,
    registry,
    stdout,
)
from data.errors import ConfigurationError, Interrupted

if TYPE_CHECKING:
    from training.learning_curve import Point


def curve(
    files: Annotated[list[Path] | None, typer.Argument(help="labelled posts; none: the starter corpus")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="SVG file to draw")] = Path("learning_curve.svg"),
    sizes: Annotated[str, typer.Option(help="posts that teach; all of them come last")] = "1000,2500,5000",
    preset: Annotated[str, typer.Option(help="quick or full")] = "quick",
    taxonomy: TaxonomyOption = None,
    as_json: JsonOption = False,
    models: ModelsOption = None,
) -> None:
    """Draw a learning curve: would more posts help? Trains once a size; interrupted, it goes on where it was."""
    with extra("train"):
        from api.commands.jobs import job_of, recipe_of
        from model.registry import Registry
        from training.learning_curve import curve_folder, draw, learning_curve
    quiet_libraries()
    try:
        wanted = [int(size) for size in sizes.split(",")]
    except ValueError:
        raise ConfigurationError(f"--sizes is {sizes!r}; expected numbers with commas between them") from None
    recipe = replace(recipe_of(preset), most_posts=None)
    job = job_of(files or [], recipe, taxonomy=taxonomy, dev=None, name="curve")
    work = Registry(curve_folder(job, registry(models).root))
    try:
        points = learning_curve(job, wanted, work)
    except Interrupted as error:
        raise Interrupted("stopped; what is done is kept: give the same command to go on") from error
    draw(points, output)
    shutil.rmtree(work.root)
    if as_json:
        print_json([asdict(point) for point in points])
    else:
        stdout.print(_curve_table(points))
    note(f"wrote {output}")


def _curve_table(points: "list[Point]") -> Table:
    table = Table(title="macro F1 on the test part (quadratic kappa)")
    table.add_column("posts", justify="right")
    for head in points[-1].heads:
        table.add_column(Text(head), justify="right")
    for point in points:
        cells = [
            f"{head['macro_f1']:.3f}" + (f" ({head['qwk']:.3f})" if "qwk" in head else "")
            for head in point.heads.values()
        ]
        table.add_row(f"{point.posts:,}", *cells)
    return table
