import hashlib
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from api.cli import main
from api.keys import KeyFile, read_keys


class Outcome(NamedTuple):
    code: int
    stdout: str
    stderr: str


Keys = Callable[..., Outcome]


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Keys:
    """Run `triage keys` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")

    def run(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["triage", "keys", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        captured = capsys.readouterr()
        return Outcome(int(end.value.code or 0), captured.out, captured.err)

    return run


def test_add_prints_the_secret_alone_and_the_rest_on_stderr(keys: Keys) -> None:
    found = keys("add", "shop", "--posts-per-second", 2.5, "--file", "keys.json")
    assert found.code == 0
    assert re.fullmatch(r"triage_[A-Za-z0-9_-]{43}\n", found.stdout)
    assert "shown once" in found.stderr
    assert "Authorization: Bearer KEY" in found.stderr
    key = KeyFile(Path("keys.json")).find(found.stdout.strip())
    assert key
    assert (key.name, key.posts_per_second) == ("shop", 2.5)


def test_list_tells_names_ids_ages_and_rates(keys: Keys) -> None:
    keys("add", "shop", "--posts-per-second", 2.5, "--file", "keys.json")
    keys("add", "crm", "--file", "keys.json")
    stored = read_keys(Path("keys.json"))
    listed = keys("list", "--json", "--file", "keys.json")
    assert json.loads(listed.stdout) == [
        {"name": key.name, "id": key.id, "created": key.created, "posts_per_second": key.posts_per_second}
        for key in stored
    ]
    table = keys("list", "--file", "keys.json").stdout
    for part in ("shop", "crm", "2.5", stored[0].id, stored[1].id, stored[0].created):
        assert part in table


def test_remove_takes_an_id_or_a_name(keys: Keys) -> None:
    for name in ("shop", "shop", "crm", "crm"):
        keys("add", name, "--file", "keys.json")
    first = read_keys(Path("keys.json"))[0]
    assert keys("remove", first.id, "--file", "keys.json").stderr == f"removed shop ({first.id})\n"
    removed = keys("remove", "crm", "--file", "keys.json")
    assert (removed.code, removed.stderr.count("removed crm")) == (0, 2)
    assert [key.name for key in read_keys(Path("keys.json"))] == ["shop"]


def test_no_verb_but_add_tells_a_secret_and_none_a_hash(keys: Keys) -> None:
    secret = keys("add", "shop", "--file", "keys.json").stdout.strip()
    told = [
        keys("add", "crm", "--file", "keys.json"),
        keys("list", "--file", "keys.json"),
        keys("list", "--json", "--file", "keys.json"),
        keys("remove", secret, "--file", "keys.json"),
        keys("remove", "shop", "--file", "keys.json"),
        keys("list", "--file", "keys.json"),
    ]
    shown = "".join(found.stdout + found.stderr for found in told)
    assert secret not in shown
    assert hashlib.sha256(secret.encode()).hexdigest()[:16] not in shown


def test_the_file_is_that_of_the_settings_unless_a_flag_names_one(keys: Keys) -> None:
    Path("triage.toml").write_text('keys_file = "set.json"\n')
    keys("add", "shop")
    keys("add", "crm", "--file", "given.json")
    assert [[key.name for key in read_keys(Path(name))] for name in ("set.json", "given.json")] == [["shop"], ["crm"]]
    assert [row["name"] for row in json.loads(keys("list", "--json").stdout)] == ["shop"]
    assert keys("remove", "shop").code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("add", "shop"), "give --file FILE, or set keys_file"),
        (("list",), "give --file FILE, or set keys_file"),
        (("remove", "shop"), "give --file FILE, or set keys_file"),
        (("add", "a b", "--file", "keys.json"), "name: "),
        (("add", "shop", "--posts-per-second", "0", "--file", "keys.json"), "posts_per_second: "),
        (("list", "--file", "nothing.json"), "nothing.json: expected a readable file of keys: No such file"),
        (("remove", "shop", "--file", "nothing.json"), "nothing.json: expected a readable file of keys: No such file"),
        (("list", "--file", "torn.json"), "torn.json: expected a file of keys as `triage keys add` writes it"),
        (("add", "shop", "--file", "torn.json"), "torn.json: expected a file of keys as `triage keys add` writes it"),
        (("add", "shop", "--file", "torn.json/keys.json"), "torn.json"),
    ],
)
def test_bad_input_ends_with_2_and_one_clear_line(keys: Keys, arguments: tuple[str, ...], message: str) -> None:
    Path("torn.json").write_text('{"keys": [')
    found = keys(*arguments)
    assert found.code == 2
    assert message in found.stderr
    assert found.stdout == ""
    assert "Traceback" not in found.stderr
    assert Path("torn.json").read_text() == '{"keys": ['
