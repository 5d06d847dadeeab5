from pathlib import Path

import pytest

from api.settings import Settings, load_settings, origins
from data.errors import ConfigurationError


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test in an empty folder, so that no triage.toml but its own holds."""
    monkeypatch.chdir(tmp_path)


def test_flag_wins_over_environment_over_file_over_default(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("triage.toml").write_text("port = 1\nmax_posts = 2\nmax_characters = 3\n")
    monkeypatch.setenv("TRIAGE_PORT", "4")
    monkeypatch.setenv("TRIAGE_MAX_POSTS", "5")
    flags = {"port": 6, "host": None}

    settings = load_settings(flags)
    found = (settings.port, settings.max_posts, settings.max_characters, settings.host)
    assert found == (6, 5, 3, "127.0.0.1")
    assert [origins(flags)[name] for name in ("port", "max_posts", "max_characters", "host")] == [
        "flag",
        "TRIAGE_MAX_POSTS",
        "triage.toml",
        "default",
    ]


def test_every_fault_is_told_at_once_with_its_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("triage.toml").write_text('max_posts = "many"\nprot = 80\n')
    monkeypatch.setenv("TRIAGE_PORT", "http")
    with pytest.raises(ConfigurationError) as error:
        load_settings({"threads": 0})
    message = str(error.value)
    assert message.startswith("4 fault(s)")
    for part in ("max_posts (from triage.toml)", "triage.toml: prot", "port (from TRIAGE_PORT)", "threads (from flag)"):
        assert part in message


def test_a_file_that_is_not_toml_is_named() -> None:
    Path("triage.toml").write_text("port: 80")
    with pytest.raises(ConfigurationError, match=r"triage\.toml: not TOML"):
        load_settings()


def test_a_request_that_could_never_be_admitted_is_a_fault() -> None:
    with pytest.raises(ConfigurationError, match=r"max_posts \(10\) is more than max_queued_posts \(9\)"):
        load_settings({"max_posts": 10, "max_queued_posts": 9})


def test_every_setting_is_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())
