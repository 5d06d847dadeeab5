"""`triage serve`."""

from typing import Annotated

import typer

from api.commands.shared import BundleOption, ModelsOption, note, registry
from api.settings import load_settings
from model.bundle import Bundle


def serve(
    host: Annotated[str | None, typer.Option(help="address to listen on", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="port to listen on", show_default="8000")] = None,
    model: BundleOption = None,
    threads: Annotated[int | None, typer.Option(min=1, help="worker threads; by default the CPUs it may use")] = None,
    models: ModelsOption = None,
) -> None:
    """Serve a bundle over HTTP. Every other setting: `triage config`."""
    from api.server import listen
    from api.server import serve as run

    settings = load_settings({"host": host, "port": port, "model": model, "threads": threads, "models": models})
    bundle = Bundle.load(registry(settings.models).resolve(settings.model))
    with listen(settings.host, settings.port) as listener:
        port = listener.getsockname()[1]
        note(f"serving {bundle.manifest.reference} on http://{settings.host}:{port} (docs at /docs)")
        run(bundle, settings, listener)
