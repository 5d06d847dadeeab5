"""A Dockerfile carried out without Docker: each stage in a folder that processes have for their root, in namespaces of
their own. The system of this machine and the Python that runs the tests stand for those of the base image.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from string import Template

from docker.utils.build import exclude_paths
from dockerfile_parse import DockerfileParser

_SYSTEM = ("bin", "lib", "lib32", "lib64", "libx32", "sbin", "usr")
_PYTHON = Path(sys.base_prefix)
_PATH = f"{_PYTHON / 'bin'}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PIP_CACHE = Path("~/.cache/pip").expanduser()
_CACHE_MOUNT = re.compile(r"--mount=type=cache,target=(\S+)\s+")
_FLAG = re.compile(r"--([\w-]+)=(\S+)\s+")


@dataclass
class Image:
    """A stage, and at the end the image: a root folder, and what stands beside it."""

    root: Path
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": _PATH})
    arguments: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: str = "0:0"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    healthcheck: list[str] = field(default_factory=list)

    def process(self, command: Sequence[str], binds: Mapping[str, Path]) -> list[str]:
        """The command line that runs a command as a container does: process 1 of its own, the root read-only, with what
        is bound writable where its owner may write, and no rights.

        Args:
            binds: folders of this machine, by the path where they are seen.
        """
        user, _, group = self.user.partition(":")
        rights = ["--no-new-privs", "--inh-caps=-all", "--bounding-set=-all", "--clear-groups"]
        drop = ["setpriv", f"--reuid={user}", f"--regid={group}", *rights, "--"]
        last = ["mount -t tmpfs -o mode=1777 tmpfs tmp", "mount -o remount,bind,ro ."]
        return self._within([*drop, *command], binds, last)

    def run(self, command: str) -> None:
        """Carry out a RUN; what it asks to be cached is pip's."""
        binds = dict.fromkeys(_CACHE_MOUNT.findall(command), _PIP_CACHE)
        _PIP_CACHE.mkdir(parents=True, exist_ok=True)
        given = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "TRIAGE_"))}
        subprocess.run(
            self._within(["/bin/sh", "-c", _CACHE_MOUNT.sub("", command)], binds),
            env={**given, **self.arguments, "HOME": "/root", **self.environment},
            check=True,
        )

    def note(self, kind: str, value: str) -> None:
        """Take in a step that makes no files.

        Raises:
            ValueError: it is of a kind that is not known here.
        """
        match kind:
            case "ARG":
                name, _, default = value.partition("=")
                self.arguments[name] = default
            case "ENV":
                known = {**self.arguments, **self.environment}
                pairs = shlex.split(Template(value).substitute(known))
                self.environment |= dict(pair.split("=", 1) for pair in pairs)
            case "USER":
                self.user = value
            case "ENTRYPOINT":
                self.entrypoint = json.loads(value)
            case "CMD":
                self.command = json.loads(value)
            case "HEALTHCHECK":
                self.healthcheck = json.loads(value.partition("CMD ")[2])
            case "LABEL" | "COMMENT" | "VOLUME" | "EXPOSE" | "STOPSIGNAL":
                pass
            case _:
                raise ValueError(f"a step of an unknown kind: {kind}")

    def _within(self, command: Sequence[str], binds: Mapping[str, Path], last: Sequence[str] = ()) -> list[str]:
        mounts = [f"mount --bind {self.root} {self.root}", f"cd {self.root}"]
        system = (*(Path("/", name) for name in _SYSTEM), _PYTHON)
        mounts += [f"mount --bind -o ro {path} .{path}" for path in system if path.is_dir() and not path.is_symlink()]
        mounts += ["mount -t proc proc proc", "mount --rbind /dev dev", "mount -t tmpfs -o mode=1777 tmpfs dev/shm"]
        for target, source in binds.items():
            (self.root / target.lstrip("/")).mkdir(parents=True, exist_ok=True)
            mounts.append(f"mount --bind {shlex.quote(str(source))} .{target}")
        enter = ["chroot", ".", "env", f"--chdir={self.folder}", *command]
        script = " && ".join([*mounts, *last, f"exec {shlex.join(enter)}"])
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script]


def obstacle() -> str | None:
    """What keeps this machine from it, if anything does."""
    python = [str(_PYTHON / "bin" / name) for name in ("python", "pip")]
    missing = [name for name in ("unshare", "mount", "chroot", "setpriv", *python) if not shutil.which(name)]
    if missing:
        return f"needs {', '.join(missing)}"
    trial = ["unshare", "--mount", "--pid", "--fork", "mount", "--bind", "/usr", "/usr"]
    allowed = subprocess.run(trial, check=False, capture_output=True).returncode == 0
    return None if allowed and os.geteuid() == 0 else "only root may mount, as the builder of an image does"


def build(dockerfile: Path, context: Path, work: Path) -> Image:
    """Carry out every step.

    Args:
        work: an empty folder for what comes of them.

    Raises:
        ValueError: a step is of a kind that is not known here.
        CalledProcessError: a RUN failed.
    """
    sent = _context(dockerfile, context, work / "context")
    stages: dict[str, Image] = {}
    image = Image(work)
    for step in DockerfileParser(fileobj=BytesIO(dockerfile.read_bytes())).structure:
        kind, value = step["instruction"], step["value"]
        match kind:
            case "FROM":
                name = value.partition(" AS ")[2] or "image"
                image = stages[name] = Image(_base(work / name))
            case "WORKDIR":
                image.folder = value
                (image.root / value.lstrip("/")).mkdir(parents=True, exist_ok=True)
            case "RUN":
                image.run(value)
            case "COPY":
                _copy(value, image, stages, sent)
            case _:
                image.note(kind, value)
    return image


def _context(dockerfile: Path, folder: Path, target: Path) -> Path:
    """What is sent to the builder: the folder without what the file of ignored paths names."""
    patterns = dockerfile.with_name(dockerfile.name + ".dockerignore").read_text().splitlines()
    for name in exclude_paths(str(folder), [line for line in patterns if line and not line.startswith("#")]):
        if (folder / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(folder / name, target / name)
    return target


def _base(root: Path) -> Path:
    """A root folder with the places for what is mounted there."""
    for name in ("dev", "proc", "root", "tmp", *_SYSTEM, str(_PYTHON).lstrip("/")):
        system = Path("/", name)
        if system.is_symlink():
            (root / name).symlink_to(system.readlink())
        elif system.is_dir():
            (root / name).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    shutil.copytree("/etc", root / "etc", symlinks=True)  # a copy, as an image may add to it
    return root


def _copy(value: str, image: Image, stages: Mapping[str, Image], context: Path) -> None:
    flags = dict(_FLAG.findall(value))
    source, target = _FLAG.sub("", value).split()
    origin = (stages[flags["from"]].root if "from" in flags else context) / source.lstrip("/")
    copy = image.root / Path(image.folder, target).relative_to("/")
    if origin.is_dir():
        # From stage to stage a link: nobody changes those files any more, and there are many.
        by = os.link if "from" in flags else shutil.copy2
        shutil.copytree(origin, copy, symlinks=True, dirs_exist_ok=True, copy_function=by)
    else:
        shutil.copy2(origin, copy)
    if "chown" in flags:
        user, _, group = flags["chown"].partition(":")
        for path in (copy, *copy.rglob("*")):
            os.chown(path, int(user), int(group), follow_symlinks=False)
