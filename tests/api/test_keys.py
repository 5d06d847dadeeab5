import hashlib
import json
import logging
import multiprocessing
import os
import re
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from api.keys import Key, KeyFile, add_key, read_keys, remove_key
from data.errors import ConfigurationError


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def add_a_few(path: Path, name: str, together: Barrier) -> None:
    """Run in a process of its own."""
    together.wait(timeout=60)
    for _ in range(20):
        add_key(path, name)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_key_is_found_by_its_secret_with_what_was_said_of_it(path: Path) -> None:
    shop = add_key(path, "shop", posts_per_second=2.5)
    crm = add_key(path, "crm")
    keys = KeyFile(path)
    found = {name: keys.find(secret) for name, secret in (("shop", shop), ("crm", crm))}
    assert [(name, key.name, key.posts_per_second) for name, key in found.items() if key] == [
        ("shop", "shop", 2.5),
        ("crm", "crm", None),
    ]
    assert list(read_keys(path)) == list(found.values())


@pytest.mark.parametrize(
    "change",
    [
        lambda secret: "",
        lambda secret: secret[:-1],
        lambda secret: secret + "=",
        lambda secret: secret + "\n",
        lambda secret: " " + secret,
        lambda secret: secret.removeprefix("triage_"),
        lambda secret: "triage_" + secret.removeprefix("triage_").swapcase(),
        lambda secret: secret.upper(),
        lambda secret: f"Bearer {secret}",
        lambda secret: hashlib.sha256(secret.encode()).hexdigest(),
        lambda secret: "ключ",
        lambda secret: "\udc80",
    ],
)
def test_nothing_but_the_whole_secret_is_a_key(path: Path, change: Callable[[str], str]) -> None:
    secret = add_key(path, "shop")
    keys = KeyFile(path)
    assert keys.find(secret)
    assert keys.find(change(secret)) is None


def test_every_hash_is_compared_wherever_the_key_stands(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = [add_key(path, "shop") for _ in range(3)]
    keys = KeyFile(path)
    compared: list[str] = []

    def compare(stored: str, digest: str) -> bool:
        compared.append(stored)
        return stored == digest

    monkeypatch.setattr("hmac.compare_digest", compare)
    for secret in (*secrets, "none of them"):
        compared.clear()
        keys.find(secret)
        assert compared == [key.sha256 for key in read_keys(path)]


def test_secrets_are_long_and_marked_and_never_the_same(path: Path) -> None:
    secrets = {add_key(path, "shop") for _ in range(50)}
    assert len(secrets) == 50
    assert all(re.fullmatch(r"triage_[A-Za-z0-9_-]{43}", secret) for secret in secrets)
    assert len({key.id for key in read_keys(path)}) == 50


def test_an_id_that_is_taken_is_not_given_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = iter(["0000000a", "0000000a", "0000000b"])
    monkeypatch.setattr("secrets.token_hex", lambda _: next(ids))
    add_key(path, "shop")
    add_key(path, "shop")
    assert [key.id for key in read_keys(path)] == ["0000000a", "0000000b"]


def test_the_file_holds_the_hash_and_not_the_secret(path: Path) -> None:
    secret = add_key(path, "shop")
    text = path.read_text()
    assert secret.removeprefix("triage_") not in text
    [stored] = json.loads(text)["keys"]
    assert stored["sha256"] == hashlib.sha256(secret.encode()).hexdigest()
    assert set(stored) == {"name", "id", "sha256", "created", "posts_per_second"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", stored["created"])


def test_only_the_owner_reads_the_file_at_any_moment(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[int] = []
    replace = Path.replace

    def replace_and_look(self: Path, target: Path) -> Path:
        modes.append(self.stat().st_mode & 0o777)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", replace_and_look)
    before = os.umask(0o022)
    try:
        add_key(path, "shop")
        path.chmod(0o644)
        [removed] = remove_key(path, "shop")
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)
    assert removed.name == "shop"
    assert [*modes, path.stat().st_mode & 0o777] == [0o600, 0o600, 0o600]


def test_missing_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "keys.json"
    secret = add_key(path, "shop")
    assert KeyFile(path).find(secret)


def test_a_link_goes_on_to_name_the_file_that_is_changed(path: Path, tmp_path: Path) -> None:
    first = add_key(path, "shop")
    link = tmp_path / "link.json"
    link.symlink_to(path)
    second = add_key(link, "crm")
    remove_key(link, "shop")
    keys = KeyFile(path)
    assert (keys.find(first), link.is_symlink()) == (None, True)
    assert keys.find(second)


def test_processes_that_add_at_once_lose_nothing(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(2)
    processes = [context.Process(target=add_a_few, args=(path, name, together)) for name in ("shop", "crm")]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=120)
    assert [process.exitcode for process in processes] == [0, 0]
    assert sorted(key.name for key in read_keys(path)) == ["crm"] * 20 + ["shop"] * 20


def test_a_client_changes_keys_without_a_restart_and_without_a_gap(path: Path, clock: Clock) -> None:
    old = add_key(path, "shop")
    keys = KeyFile(path, clock)
    [old_key] = read_keys(path)

    new = add_key(path, "shop")
    clock.now += 1
    assert [key and key.name for key in map(keys.find, (old, new))] == ["shop", "shop"]

    assert remove_key(path, old_key.id) == [old_key]
    clock.now += 1
    assert keys.find(old) is None
    assert keys.find(new)


def test_the_file_is_looked_at_once_a_second_and_read_when_it_changed(
    path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = add_key(path, "shop")
    keys = KeyFile(path, clock)
    reads: list[float] = []

    def read(path: Path) -> tuple[Key, ...]:
        reads.append(clock.now)
        return read_keys(path)

    monkeypatch.setattr("api.keys.read_keys", read)
    second = add_key(path, "crm")
    reads.clear()
    clock.now = 100.9
    assert keys.find(second) is None
    clock.now = 101.0
    assert keys.find(second)
    for clock.now in (102.0, 103.0, 104.0):
        assert keys.find(first)
    assert reads == [101.0]


@pytest.mark.parametrize("harm", [lambda path: os.truncate(path, 40), Path.unlink])
def test_a_file_that_is_torn_or_gone_leaves_the_keys_that_held_and_is_told_once(
    path: Path, clock: Clock, caplog: pytest.LogCaptureFixture, harm: Callable[[Path], None]
) -> None:
    secret = add_key(path, "shop")
    keys = KeyFile(path, clock)
    whole = path.read_text()
    harm(path)
    for _ in range(3):
        clock.now += 1
        assert keys.find(secret)
    [record] = caplog.records
    assert (record.name, record.levelno) == ("triage", logging.ERROR)
    assert "keys.json: expected a" in record.getMessage()
    assert record.exc_info is None

    path.write_text(whole)
    remove_key(path, "shop")
    clock.now += 1
    assert keys.find(secret) is None
    path.write_text("{")
    clock.now += 1
    keys.find(secret)
    assert len(caplog.records) == 2


def test_a_file_that_becomes_readable_is_read(path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when another user adds a key, and then gives the file to the one who serves."""
    first = add_key(path, "shop")
    keys = KeyFile(path, clock)
    second = add_key(path, "crm")
    with monkeypatch.context() as shut:
        shut.setattr(Path, "read_bytes", _refuse)  # a test that runs as root could read whatever the mode
        clock.now += 1
        assert keys.find(first)
    before = path.stat().st_ctime_ns
    while path.stat().st_ctime_ns == before:  # a tick of the file system's clock lasts some milliseconds
        path.chmod(0o400)
    clock.now += 1
    assert keys.find(second)


def test_a_removed_key_does_not_hold_because_one_look_at_the_file_failed(
    path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As when the process had too many files open for a moment."""
    secret = add_key(path, "shop")
    keys = KeyFile(path, clock)
    remove_key(path, "shop")
    with monkeypatch.context() as shut:
        shut.setattr(Path, "read_bytes", _refuse)
        for _ in range(3):
            clock.now += 1
            assert keys.find(secret)
    assert len(caplog.records) == 1
    clock.now += 1
    assert keys.find(secret) is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "Invalid JSON"),
        ("[]", "object"),
        ("{}", "keys: Field required"),
        (b"\xff\xfe", "Invalid JSON"),
        ('{"keys": [{"name": "shop"}]}', "keys.0.id: Field required"),
        ('{"keys": [], "version": 2}', "version: Extra inputs"),
    ],
)
def test_a_service_does_not_start_on_what_is_no_file_of_keys(path: Path, text: str | bytes, fault: str) -> None:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigurationError, match=r"keys\.json: expected a file of keys .*, found: ") as error:
        KeyFile(path)
    assert fault in str(error.value)
    assert "mend it" in str(error.value)
    with pytest.raises(ConfigurationError):
        add_key(path, "shop")


def test_a_service_does_not_start_without_its_file(path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"keys\.json: .* No such file .* triage keys add NAME"):
        KeyFile(path)
    with pytest.raises(ConfigurationError, match="Is a directory"):
        KeyFile(path.parent)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "a b"},
        {"name": ""},
        {"id": "0000000G"},
        {"id": "../../key"},
        {"sha256": "A" * 64},
        {"sha256": "a" * 63},
        {"posts_per_second": 0},
        {"posts_per_second": -1},
        {"posts_per_second": "NaN"},
        {"secret": "x"},
    ],
)
def test_a_key_that_cannot_be_is_a_fault_that_quotes_nothing(path: Path, change: dict[str, object]) -> None:
    secret = add_key(path, "shop")
    [stored] = json.loads(path.read_text())["keys"]
    path.write_text(json.dumps({"keys": [stored | change]}))
    with pytest.raises(ConfigurationError, match=rf"found: keys\.0\.{next(iter(change))}: ") as error:
        read_keys(path)
    told = f"{error.value} {error.value.__cause__}"
    for hidden in (secret, stored["sha256"], "a" * 63, "A" * 64):
        assert hidden not in told


def test_two_keys_of_one_id_are_a_fault(path: Path) -> None:
    add_key(path, "shop")
    [stored] = json.loads(path.read_text())["keys"]
    path.write_text(json.dumps({"keys": [stored, stored]}))
    with pytest.raises(ConfigurationError, match="two keys have the same id"):
        read_keys(path)


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "x" * 65, "[red]x", "naïve", "deadbeef", "20260731"])
def test_a_name_that_cannot_be_one_is_refused_and_nothing_is_written(path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"no such key: name: .*expected up to 64 letters"):
        add_key(path, name)
    assert not path.exists()


@pytest.mark.parametrize("rate", [0.0, -1.0, float("inf"), float("nan")])
def test_a_rate_that_cannot_be_one_is_refused(path: Path, rate: float) -> None:
    with pytest.raises(ConfigurationError, match="posts_per_second: "):
        add_key(path, "shop", rate)
    assert not path.exists()


def test_a_name_removes_all_its_keys_and_no_others(path: Path) -> None:
    for name in ("shop", "crm", "shop", "shopping"):
        add_key(path, name)
    assert [key.name for key in remove_key(path, "shop")] == ["shop", "shop"]
    assert [key.name for key in read_keys(path)] == ["crm", "shopping"]


def test_the_last_key_that_is_removed_leaves_none_that_holds(path: Path, clock: Clock) -> None:
    secret = add_key(path, "shop")
    keys = KeyFile(path, clock)
    remove_key(path, "shop")
    clock.now += 1
    assert keys.find(secret) is None
    assert read_keys(path) == ()


def test_a_key_that_is_not_there_cannot_be_removed_and_is_not_repeated(path: Path) -> None:
    secret = add_key(path, "shop")
    [key] = read_keys(path)
    with pytest.raises(ConfigurationError, match=rf"expected one of: shop \({key.id}\)") as error:
        remove_key(path, secret)
    assert secret not in str(error.value)
    assert read_keys(path) == (key,)


def test_removing_from_a_file_that_is_not_there_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        remove_key(tmp_path / "keys.json", "shop")
    assert list(tmp_path.iterdir()) == []


def test_a_key_does_not_show_its_hash(path: Path) -> None:
    add_key(path, "shop")
    [key] = read_keys(path)
    assert key.sha256 not in f"{key!r} {key!s}"


def _refuse(path: Path) -> bytes:
    raise PermissionError(13, "Permission denied", str(path))
