"""`triage serve`."""

import ipaddress
import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.panel import Panel

from api.commands.shared import BundleOption, ModelsOption, note, registry, stderr
from api.settings import Settings, load_settings
from model.bundle import Bundle


def serve(
    host: Annotated[str | None, typer.Option(help="address to listen on", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="port to listen on", show_default="8000")] = None,
    model: BundleOption = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="worker threads of each process; by default its share of the CPUs")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="processes", show_default="1")] = None,
    models: ModelsOption = None,
    feedback: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|URL|off", help="where corrections are kept: SQLite or PostgreSQL", show_default="feedback.db"
        ),
    ] = None,
    store_text: Annotated[
        bool | None,
        typer.Option("--store-text/--no-store-text", help="keep posts, masked, for review and to learn from"),
    ] = None,
) -> None:
    """Serve a bundle over HTTP. Every other setting: `triage config`."""
    from api.guard import in_url
    from api.server import Serving, listen
    from api.server import serve as run
    from api.workers import serve_with_workers

    flags = {"host": host, "port": port, "model": model, "threads": threads, "workers": workers, "models": models}
    flags |= {"feedback": feedback, "store_text": store_text}
    settings = load_settings(flags)
    bundle = Bundle.load(registry(settings.models).resolve(settings.model))
    with (
        listen(settings.host, settings.port) as listener,
        tempfile.TemporaryDirectory(prefix="triage-", dir=_runtime_folder()) as shared,
    ):
        port = listener.getsockname()[1]
        scheme = "https" if settings.tls_certificate else "http"
        note(f"serving {bundle.manifest.reference} on {scheme}://{in_url(settings.host)}:{port} (docs at /docs)")
        _warn_of_open_door(settings)
        serving = Serving(bundle.path, settings, listener, Path(shared))
        if settings.workers == 1:
            run(serving)
        else:
            serve_with_workers(serving)


def _runtime_folder() -> str | None:
    """Where nobody tidies up while the service runs, as systemd gives it to a service or to a user."""
    for name in ("RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"):
        folder = os.environ.get(name, "").partition(":")[0]
        if folder and os.access(folder, os.W_OK | os.X_OK):
            return folder
    return None


def _warn_of_open_door(settings: Settings) -> None:
    if settings.keys_file is None and not _is_loopback(settings.host):
        stderr.print(
            Panel(
                f"Listening on {settings.host} without keys: everybody who reaches this port can use the service.\n"
                "Make a key with `triage keys add NAME --file keys.json` and set keys_file, or listen on 127.0.0.1.",
                title="WARNING",
                style="bold red",
            )
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
