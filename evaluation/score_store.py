"""Scores of posts on disk, made once for each model and file. Holds hashes and numbers, never a text."""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from data.files import whole_file
from data.normalise import normalise
from model.bundle import MODEL, TOKENIZER, Bundle
from model.engine import Engine
from model.scores import EMBEDDING, Scores

_LOGITS = "logits."  # before the name of a head, which may be any
_PART_POSTS = 2_048
"""What is kept at a time: an interrupted run goes on from there, and a file that grew is not scored anew."""

_SUFFIX = ".npz"


class ScoreStore:
    """Parts of files and their scores, by a hash of the model, its tokenizer and the texts. The oldest give way.

    It saves time and nothing else: where it cannot be read or written, posts are scored again.
    """

    def __init__(self, folder: Path, most_bytes: int = 2 * 1024**3) -> None:
        """
        Args:
            most_bytes: that it keeps on disk.
        """
        self._folder = folder
        self._most_bytes = most_bytes

    def score(
        self, bundle: Bundle, texts: Sequence[str], advance: Callable[[int], None] = lambda posts: None
    ) -> Scores:
        """The scores of texts, in order; those that are not known are made and kept.

        Args:
            advance: told of posts whose scores are there, on any thread.
        """
        engine: Engine | None = None
        parts = []
        try:
            for first in range(0, max(len(texts), 1), _PART_POSTS):
                part = texts[first : first + _PART_POSTS]
                path = self._folder / f"{_key(bundle, part)}{_SUFFIX}"
                found = _read(path)
                if found is None:
                    engine = engine or bundle.engine(report=lambda run: advance(run.posts))
                    found = engine.score(part)
                    _write(path, found)
                else:
                    advance(len(part))
                parts.append(found)
        finally:
            if engine:
                engine.close()
                self._prune()
        heads = [head.name for head in bundle.taxonomy]
        return Scores(
            {name: np.concatenate([part.logits[name] for part in parts]) for name in heads},
            np.concatenate([part.embedding for part in parts]),
        )

    def _prune(self) -> None:
        found = []
        for path in self._folder.glob(f"*{_SUFFIX}"):
            with suppress(OSError):  # another process has removed it
                found.append((path.stat().st_mtime_ns, path.stat().st_size, path))
        kept = 0
        for _, size, path in sorted(found, reverse=True):
            kept += size
            if kept > self._most_bytes:
                with suppress(OSError):
                    path.unlink()


def _key(bundle: Bundle, texts: Sequence[str]) -> str:
    """Of all that scores depend on: what the network reads of the posts, the network, and what runs it."""
    manifest = bundle.manifest
    network = f"{manifest.files[MODEL]} {manifest.files[TOKENIZER]} {manifest.max_tokens}"
    if manifest.max_windows > 1:  # so that what was kept before there were any is still found
        network += f" {manifest.max_windows}"
    digest = sha256(f"{_LOGITS} {network} {version('onnxruntime')}".encode())
    for text in texts:
        encoded = normalise(text).encode()
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()


def _read(path: Path) -> Scores | None:
    """`None` where they are not there, or torn."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            logits = {name.removeprefix(_LOGITS): arrays[name] for name in arrays.files if name.startswith(_LOGITS)}
            scores = Scores(logits, arrays[EMBEDDING])
    except (OSError, EOFError, ValueError, KeyError, BadZipFile):
        return None
    with suppress(OSError):  # somebody else's folder: then it only looks older than it is
        os.utime(path)
    return scores


def _write(path: Path, scores: Scores) -> None:
    with suppress(OSError), whole_file(path) as temporary, temporary.open("wb") as file:  # read-only, or a full disk
        logits = {f"{_LOGITS}{name}": rows for name, rows in scores.logits.items()}
        np.savez(file, allow_pickle=False, **{**logits, EMBEDDING: scores.embedding})
