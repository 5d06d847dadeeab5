"""The contract that lies beside the code is the one that is served."""

import json
import os
import subprocess
import sys
from pathlib import Path

from api.keys import add_key
from api.openapi_file import OPENAPI_FILE, VERSION, openapi_text
from tests.api.conftest import Serving

ROOT = Path(__file__).parents[2]
MENDED = "the contract has changed: write it anew by `python -m api.openapi_file`, and read what changed in `git diff`"


def test_the_file_is_what_the_code_gives() -> None:
    assert OPENAPI_FILE.read_text(encoding="utf-8") == openapi_text(), MENDED


def test_the_file_is_what_a_service_gives(serving: Serving, tmp_path: Path) -> None:
    """Whatever it serves, and however it is set."""
    add_key(tmp_path / "keys.json", "somebody")
    with serving(keys_file=tmp_path / "keys.json", max_posts=7, cors_origins="https://example.org") as client:
        served = client.get("/openapi.json").json()
    served["info"]["version"] = VERSION
    assert served == json.loads(OPENAPI_FILE.read_text(encoding="utf-8")), MENDED


def test_it_depends_on_nothing_around_it(tmp_path: Path) -> None:
    """Neither settings, nor hashes of strings, nor models; and nothing is left behind."""
    (tmp_path / "triage.toml").write_text("nonsense = 1\n")
    environment = {**os.environ, "TRIAGE_MAX_POSTS": "none", "PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)}
    code = "from api.openapi_file import openapi_text; print(openapi_text(), end='')"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )
    assert found.stdout == OPENAPI_FILE.read_text(encoding="utf-8"), MENDED
    assert [path.name for path in tmp_path.iterdir()] == ["triage.toml"]
