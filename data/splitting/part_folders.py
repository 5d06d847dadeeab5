"""The parts of a split, found again in the folder where it was written."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.errors import DataError
from data.examples import posts_of
from data.files import file_sha256
from data.normalise import fingerprint
from data.posts import PARTS
from data.splitting.part_files import MANIFEST
from data.splitting.parts import Parts

_TEST = "test"


@dataclass(frozen=True, slots=True)
class PartFolder:
    """A folder with the four parts of a split.

    Attributes:
        files: by part, in the order of `PARTS`.
        changed: the parts whose files are not those that the manifest tells of; never the test part.
    """

    path: Path
    files: Mapping[str, Path]
    changed: Sequence[str]

    @classmethod
    def open(cls, path: Path) -> "PartFolder":
        """Find the parts and hold them to the manifest.

        Labels may have been mended by hand, so that a changed part is only named; a test part is frozen.

        Raises:
            DataError: there is no manifest, a part is missing, or the test part was changed.
        """
        listed = _listed(path)
        files = {name: path / f"{name}.jsonl" for name in PARTS}
        missing = [name for name, file in files.items() if name not in listed or not file.is_file()]
        if missing:
            raise DataError(
                f"{path}: expected the four parts of a split, found no {', '.join(missing)}; split anew with a share "
                "for each (triage data split --shares 0.7,0.1,0.1,0.1)"
            )
        changed = [name for name, file in files.items() if listed[name].get("sha256") != file_sha256(file)]
        if _TEST in changed:
            raise DataError(
                f"{files[_TEST]}: not the file that {MANIFEST} tells of, whose SHA-256 is another: it was changed "
                "since the split, and a test part that changes compares nothing; put it back, or split anew"
            )
        return cls(path, files, changed)


def check_apart(parts: Parts) -> None:
    """Refuse parts that share a post, as they may where files were changed by hand.

    Raises:
        DataError: they do; it names one of the rows.
    """
    part_of: dict[str, str] = {}
    for name in PARTS:
        examples = getattr(parts, name)
        for text, example in zip(posts_of(examples), examples, strict=True):
            first = part_of.setdefault(fingerprint(text), name)
            if first != name:
                raise DataError(
                    f"{example.origin or 'a row'}: stands in the part {first} too; no post may serve twice: split anew"
                )


def _listed(path: Path) -> dict[str, dict[str, Any]]:
    manifest = path / MANIFEST
    try:
        parts = json.loads(manifest.read_text(encoding="utf-8"))["parts"]
        return {name: dict(part) for name, part in parts.items()}
    except FileNotFoundError as error:
        raise DataError(
            f"{path}: expected a folder that triage data split wrote, found no {MANIFEST} in it; split your posts "
            "first, or give the files themselves"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{manifest}: expected the manifest that triage data split writes; split anew: the parts cannot be told "
            "from others"
        ) from error
