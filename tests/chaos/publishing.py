"""Publishes a copy of a bundle as its next version: `python -m tests.chaos.publishing FOLDER NAME@VERSION`."""

import shutil
import sys
from pathlib import Path

from model.bundle import MANIFEST, Bundle, seal
from model.registry import Registry


def main() -> None:
    root, reference = sys.argv[1:]
    registry = Registry(Path(root))
    bundle = Bundle.load(registry.resolve(reference))

    def fill(folder: Path, version: int) -> None:
        for path in bundle.path.iterdir():
            if path.name != MANIFEST:
                shutil.copyfile(path, folder / path.name)
        manifest = bundle.manifest
        seal(folder, manifest.made_anew(version=version, parent=None))

    registry.publish(bundle.manifest.name, fill)


if __name__ == "__main__":
    main()
