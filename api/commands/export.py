"""`triage export`."""

from pathlib import Path
from typing import Annotated

import typer

from api.commands.shared import (
    BundleArgument,
    ModelsOption,
    extra,
    load_bundle,
    note,
    note_precision,
    quiet_libraries,
    read_labelled,
    registry,
)
from data.errors import ConfigurationError
from model.bundle import Bundle, Precision


def export(
    bundle: BundleArgument = None,
    data: Annotated[
        list[Path] | None, typer.Option(help="labelled posts that the model never saw: half calibrate, half score it")
    ] = None,
    precision: Annotated[
        Precision, typer.Option(help="of the graph; int8 falls back to fp32 where it would decide otherwise")
    ] = Precision.INT8,
    to_hub_format: Annotated[
        Path | None,
        typer.Option(help="instead of a bundle, a folder that transformers loads by itself; its README says how"),
    ] = None,
    models: ModelsOption = None,
) -> None:
    """Export a bundle's weights anew, as the next version of its name."""
    with extra("train"):
        from training.hub_format import write_hub_format
        from training.pipeline import export_bundle

    quiet_libraries()
    source = load_bundle(bundle, models)
    if to_hub_format:
        write_hub_format(source, to_hub_format)
        note(f"wrote {to_hub_format}")
        return
    if not data:
        raise ConfigurationError(
            "give --data FILE: the policy of a new graph is fitted on its own scores of labelled posts"
        )
    path = export_bundle(source, precision, read_labelled(data, source.taxonomy), data, registry(models))
    written = Bundle.load(path)
    note_precision(written)
    note(f"wrote {path} ({written.manifest.precision}); promote it: triage models promote {written.manifest.reference}")
