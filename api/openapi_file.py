"""The contract as a file beside the code; `python -m api.openapi_file` writes it anew."""

import json
import tempfile
from pathlib import Path
from typing import cast

from api.app import create_app
from api.openapi import openapi_document
from api.settings import Settings
from data.files import write_whole
from model.bundle import Bundle

OPENAPI_FILE = Path(__file__).parent / "openapi.json"
VERSION = "1"
"""Of the contract: raised when something is taken from it. That of the project would change it for nothing."""


def openapi_text() -> str:
    """What a service that asks for keys gives at `/openapi.json`, whatever it serves and however it is set."""
    no_bundle = cast(Bundle, None)  # none is looked at before the service runs
    with tempfile.TemporaryDirectory() as shared:
        app = create_app(no_bundle, Settings.model_construct(feedback="off"), Path(shared))
    document = openapi_document(app, keys=True)
    document["info"]["version"] = VERSION
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    write_whole(OPENAPI_FILE, openapi_text())
