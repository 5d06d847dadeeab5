"""`triage export`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from api.commands.shared import BundleArgument, ModelsOption, extra, load_bundle, note, read_labelled, registry
from data.errors import ConfigurationError


class Precision(StrEnum):
    FP32 = "fp32"


def export(
    bundle: BundleArgument = None,
    data: Annotated[
        list[Path] | None, typer.Option(help="labelled posts that the model never saw: half calibrate, half score it")
    ] = None,
    precision: Annotated[Precision, typer.Option(help="of the graph")] = Precision.FP32,
    to_hub_format: Annotated[
        Path | None, typer.Option(help="instead of a bundle, a folder of weights and tokenizer for transformers")
    ] = None,
    models: ModelsOption = None,
) -> None:
    """Export a bundle's weights anew, as the next version of its name."""
    with extra("train"):
        from training.hub_format import write_hub_format
        from training.pipeline import export_bundle

    source = load_bundle(bundle, models)
    if to_hub_format:
        write_hub_format(source, to_hub_format)
        note(f"wrote {to_hub_format}")
        return
    if not data:
        raise ConfigurationError(
            "give --data FILE: the policy of a new graph is fitted on its own scores of labelled posts"
        )
    path = export_bundle(source, read_labelled(data, source.taxonomy), data, registry(models))
    note(f"wrote {path} ({precision}); promote it: triage models promote {path.parent.name}@{path.name}")
