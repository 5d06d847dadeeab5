from pathlib import Path
from typing import Any

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


def test_processes_share_the_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.settings.available_cpus", lambda: 8)
    assert Settings().engine_threads == 8
    assert Settings(workers=2).engine_threads == 4
    assert Settings(workers=16).engine_threads == 1
    assert Settings(workers=2, threads=3).engine_threads == 3


def test_words_stand_with_commas_in_the_environment_and_as_a_list_in_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("triage.toml").write_text('cors_origins = ["https://a.example"]')
    monkeypatch.setenv("TRIAGE_ALLOWED_HOSTS", "a.example, b.example")
    found = load_settings()
    assert found.allowed_hosts == ("a.example", "b.example")
    assert found.cors_origins == ("https://a.example",)


@pytest.mark.parametrize(
    "given",
    [{"tls_key": "key.pem"}, {"tls_certificate": "chain.pem"}, {"max_body_bytes": 2048, "max_queued_bytes": 1024}],
)
def test_settings_that_contradict_each_other_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="1 fault"):
        load_settings(given)
