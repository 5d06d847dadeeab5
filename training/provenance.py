"""What a result can be traced to: hashes of files, rows and code, and the versions of what it runs on."""

import hashlib
import json
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from data.files import file_sha256
from data.normalise import fingerprint
from data.posts import Example

_PACKAGES = (
    "torch", "transformers", "accelerate", "datasets", "scikit-learn", "onnx", "onnxruntime", "tokenizers", "numpy",
    "triage",
)  # fmt: skip
_SOURCES = ("data", "model", "evaluation", "training")


def files_of(sources: Sequence[Path]) -> list[dict[str, str]]:
    """Name and hash of each file."""
    return [{"name": path.name, "sha256": file_sha256(path)} for path in sources]


def row_of(example: Example) -> list[Any]:
    """What a row teaches, without its text."""
    return [fingerprint(example.post.text), sorted(example.labels.items())]


def hash_of(plain: Any) -> str:
    """SHA-256 of what JSON can say."""
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def code_and_packages() -> dict[str, Any]:
    """`code_sha256` of this project's own modules, `packages` and `python` by version."""
    root = Path(__file__).parent.parent
    code = [file_sha256(path) for package in _SOURCES for path in sorted((root / package).rglob("*.py"))]
    return {
        "code_sha256": hash_of(code),
        "packages": {name: version(name) for name in _PACKAGES},
        "python": platform.python_version(),
    }
