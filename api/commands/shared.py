"""What several verbs share."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from api.settings import load_settings
from data.errors import ConfigurationError, MissingExtraError
from data.examples import describe_bad_rows, read_examples
from data.files import file_sha256
from data.found_taxonomy import find_taxonomy
from data.posts import Example
from data.tables.reading import FORMATS
from data.taxonomy import Taxonomy
from model.bundle import Bundle
from model.registry import Registry

stdout = Console()
stderr = Console(stderr=True)

BundleArgument = Annotated[
    str | None,
    typer.Argument(metavar="[BUNDLE]", help="path, NAME or NAME@VERSION; by default the promoted one"),
]
BundleOption = Annotated[
    str | None, typer.Option("--model", help="bundle: path, NAME or NAME@VERSION; by default the promoted one")
]
JsonOption = Annotated[bool, typer.Option("--json", help="print JSON for machines")]
AllowTrainingRowsOption = Annotated[
    bool, typer.Option("--allow-training-rows", help="go on where more than 5 % of the rows are in the training data")
]
NoTextsOption = Annotated[bool, typer.Option("--no-texts", help="leave the texts of posts out of the report")]
PresetOption = Annotated[
    str | None, typer.Option(help="quick, full or few", show_default="full, or few where there are few posts a label")
]
EpochsOption = Annotated[int | None, typer.Option(min=1, help="instead of the preset's")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="any other setting of the recipe, such as class_weights=0.5"),
]
TaxonomyOption = Annotated[Path | None, typer.Option(help="YAML file; by default found in the data")]
ModelsOption = Annotated[Path | None, typer.Option("--models", help="folder of the bundles", show_default="models")]


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Around the imports of a verb that needs an optional part of the installation.

    Raises:
        MissingExtraError: with the line that installs it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"this verb needs {error.name}, which is not installed; install it: pip install -e '.[{name}]'"
        ) from error


def registry(models: Path | None) -> Registry:
    """The registry that the settings and the flag `--models` name."""
    return Registry(load_settings({"models": models}).models)


def load_bundle(reference: str | None, models: Path | None) -> Bundle:
    """The verified bundle that an argument names."""
    return Bundle.load(registry(models).resolve(reference))


def bundle_and_files(arguments: list[str]) -> tuple[str | None, list[Path]]:
    """Tell `[BUNDLE] FILE…` apart: the first argument is a file if it ends as one.

    Raises:
        ConfigurationError: no file was given.
    """
    first, *rest = arguments
    named = Path(first).suffix.lower() not in FORMATS
    files = [Path(argument) for argument in (rest if named else arguments)]
    if not files:
        raise ConfigurationError(f"give at least one file of labelled posts after the bundle {first!r}")
    return (first if named else None), files


def heads_of(files: Sequence[Path], taxonomy: Path | None, name: str | None = None) -> Taxonomy:
    """The taxonomy of a file, or the one found in the data, which is then said.

    Args:
        name: of what is found; by default that of the first file.
    """
    if taxonomy:
        return Taxonomy.read(taxonomy)
    heads = find_taxonomy(files, name or files[0].stem)
    found = ", ".join(f"{head.name} ({len(head.labels)} labels)" for head in heads)
    note(f"heads found in the data: {found}; name them in a file with --taxonomy to choose or order them")
    return heads


def read_labelled(files: list[Path], taxonomy: Taxonomy) -> list[Example]:
    """Labelled posts; bad rows are reported and left out."""
    reading = read_examples(files, taxonomy)
    if reading.bad:
        note(f"left out {len(reading.bad)} bad rows of {len(reading.bad) + len(reading.examples)}:")
        note(describe_bad_rows(reading.bad))
    return reading.examples


def note_tuned_on(bundle: Bundle, files: Sequence[Path]) -> None:
    """Say where a bundle's thresholds were fitted to one of the files that are to judge it."""
    tuned = bundle.manifest.provenance.get("tuned", ())
    known = {file["sha256"] for tuning in tuned for file in tuning.get("files", ())}
    for path in files:
        if file_sha256(path) in known:
            note(
                f"warning: the policy of {bundle.manifest.reference} was tuned on these posts, which flatter it: {path}"
            )


def note_precision(bundle: Bundle) -> None:
    """Say why a bundle is served in float32, where int8 was wished and did not pass its gate."""
    for reason in bundle.manifest.provenance["graph"].get("fp32_because", ()):
        note(f"served in fp32 instead of int8: {reason}")


def quiet_libraries() -> None:
    """No bars and warnings of transformers: loading and saving take a second, and a run has a bar of its own.

    Of several processes that train together, only the main one speaks from here on.
    """
    from transformers.utils import logging

    from training.loop.processes import is_main

    stderr.quiet = not is_main()

    logging.disable_progress_bar()
    logging.set_verbosity_error()


def print_json(plain: Any) -> None:
    """JSON on stdout, as it is: no colours, no wrapping."""
    typer.echo(json.dumps(plain, indent=2, ensure_ascii=False))


def note(message: str) -> None:
    """A line for the person at the terminal."""
    stderr.print(message, markup=False, highlight=False, soft_wrap=True)
