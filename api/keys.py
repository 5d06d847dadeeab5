"""Keys that clients present. The file holds their hashes: no secret can be read from it."""

import fcntl
import hashlib
import hmac
import logging
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from data.errors import ConfigurationError
from data.files import write_whole

log = logging.getLogger("triage")

PREFIX = "triage_"
"""Of every secret, so that people and scanners know one where it was left lying."""

_LOOK_SECONDS = 1.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ID = re.compile(r"[0-9a-f]{8}")


class Key(BaseModel):
    """One key.

    Attributes:
        name: whose it is. Keys may share one: that is how a client changes from an old key to a new one.
        id: public; stands for the key wherever it is told or counted.
        sha256: of the secret, in hex.
        created: ISO 8601, in UTC.
        posts_per_second: how many the client may send on average; `None` for as many as it likes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str
    id: str = Field(pattern=f"^{_ID.pattern}$")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", repr=False)
    created: str
    posts_per_second: float | None = Field(None, gt=0, allow_inf_nan=False)

    @field_validator("name")
    @classmethod
    def _a_name_is_no_id(cls, name: str) -> str:
        if not _NAME.fullmatch(name) or _ID.fullmatch(name):
            raise ValueError("expected up to 64 letters, digits, '.', '_' and '-', and not the 8 hex digits of an id")
        return name


class _Keys(BaseModel):
    """What the file holds."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    keys: tuple[Key, ...]

    @field_validator("keys")
    @classmethod
    def _ids_are_unique(cls, keys: tuple[Key, ...]) -> tuple[Key, ...]:
        if len({key.id for key in keys}) < len(keys):
            raise ValueError("two keys have the same id")
        return keys


class KeyFile:
    """The keys that hold now: a change of the file holds within a second."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the file.

        Raises:
            ConfigurationError: it is not there, cannot be read or is torn.
        """
        self._path = path
        self._clock = clock
        self._looked = clock()
        self._signature = _signature(path)
        self._keys = read_keys(path)
        self._told = ""

    def find(self, presented: str) -> Key | None:
        """The key whose secret was presented, in a time that tells nothing about the keys there are."""
        self._look()
        digest = _digest(presented)
        found = None
        for key in self._keys:
            if hmac.compare_digest(key.sha256, digest):
                found = key
        return found

    def _look(self) -> None:
        """Read the file again if it changed. While it cannot be read, the keys that held before go on to hold."""
        now = self._clock()
        if now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        signature = _signature(self._path)  # before the file is read: a change meanwhile is then seen next time
        if signature == self._signature:
            return
        try:
            self._keys = read_keys(self._path)
        except ConfigurationError as error:  # it may pass without a change of the file, so the file is read again
            if str(error) != self._told:
                log.error("%s; until then the keys that held before go on to hold", error)  # noqa: TRY400  # all is said
            self._told = str(error)
        else:
            self._signature, self._told = signature, ""


def read_keys(path: Path) -> tuple[Key, ...]:
    """All keys of a file, the oldest first.

    Raises:
        ConfigurationError: it is not there, cannot be read or is torn.
    """
    try:
        return _Keys.model_validate_json(path.read_bytes()).keys
    except OSError as error:
        raise ConfigurationError(
            f"{path}: expected a readable file of keys: {error.strerror}; name another one, give the service the right "
            "to read it, or make it: triage keys add NAME --file FILE"
        ) from error
    except ValidationError as error:
        raise ConfigurationError(
            f"{path}: expected a file of keys as `triage keys add` writes it, found: {_faults(error)}; "
            "mend it, put back a copy, or move it away and add the keys anew"
        ) from error


def add_key(path: Path, name: str, posts_per_second: float | None = None) -> str:
    """Add a key to the file; file and folder are made when missing.

    Returns:
        The secret, which is stored nowhere.

    Raises:
        ConfigurationError: name or rate cannot be a key's, or the file is torn.
    """
    secret = PREFIX + secrets.token_urlsafe(32)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path):
        keys = read_keys(path) if path.exists() else ()
        taken = {key.id for key in keys}
        while (key_id := secrets.token_hex(4)) in taken:
            pass
        try:
            key = Key(
                name=name,
                id=key_id,
                sha256=_digest(secret),
                created=datetime.now(UTC).isoformat(timespec="seconds"),
                posts_per_second=posts_per_second,
            )
        except ValidationError as error:
            raise ConfigurationError(f"there can be no such key: {_faults(error)}") from error
        _write(path, (*keys, key))
    return secret


def remove_key(path: Path, id_or_name: str) -> list[Key]:
    """Remove the key of an id, or all keys of a name.

    Returns:
        What was removed.

    Raises:
        ConfigurationError: there is none, or the file is not there or torn.
    """
    read_keys(path)  # so that a mistyped path gets no lock file
    with _locked(path):
        keys = read_keys(path)
        removed = [key for key in keys if id_or_name in {key.id, key.name}]
        if not removed:
            # What was given is not repeated: it may be a secret, pasted by mistake.
            known = ", ".join(f"{key.name} ({key.id})" for key in keys) or "none"
            raise ConfigurationError(f"{path}: no key has this id or name; expected one of: {known}")
        _write(path, tuple(key for key in keys if key not in removed))
    return removed


def _digest(secret: str) -> str:
    # A slow hash makes guessing dear; among 2**256 secrets there is nothing to guess.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _signature(path: Path) -> tuple[int, ...] | None:
    """What differs after the file was written, replaced or made readable; `None` where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size


def _write(path: Path, keys: tuple[Key, ...]) -> None:
    before = os.umask(0o077)  # a chmod afterwards would leave a moment in which others can read the file
    try:
        # Where a link lies, the file that it names is written: the service may know it by the other name.
        write_whole(path.resolve(), _Keys(keys=keys).model_dump_json(indent=2) + "\n")
    finally:
        os.umask(before)


def _faults(error: ValidationError) -> str:
    """Places and messages, without the values that were found there."""
    faults = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(": ".join(filter(None, (".".join(map(str, fault["loc"])), fault["msg"]))) for fault in faults)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    target = path.resolve()
    with target.with_name(f".{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
