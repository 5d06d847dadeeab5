import ssl
import tempfile
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from api.app import create_app
from api.commands.serve import _warn_of_open_door, serve
from api.server import server_config
from api.settings import Settings
from data.errors import ConfigurationError
from model.bundle import Bundle
from tests.api.conftest import serving_app


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "triage.example.com"])  # noqa: S104  # not listened on
def test_who_listens_elsewhere_without_keys_is_warned(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    _warn_of_open_door(Settings(host=host))
    said = capsys.readouterr().err
    assert "WARNING" in said
    assert host in said
    _warn_of_open_door(Settings(host=host, keys_file=Path("keys.json")))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_who_listens_on_this_machine_only_is_not(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    _warn_of_open_door(Settings(host=host))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("host", "url"), [("::1", "http://[::1]:"), ("127.0.0.1", "http://127.0.0.1:")])
def test_the_address_that_it_says_is_one(
    host: str, url: str, bundle: Bundle, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.server.serve", lambda serving: None)
    try:
        serve(host=host, port=0, model=str(bundle.path))
    except ConfigurationError:
        pytest.skip(f"this machine has no {host}")
    assert url in capsys.readouterr().err


@pytest.mark.parametrize("name", ["RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"])
def test_what_the_processes_share_lies_where_nobody_tidies_up(
    name: str, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared: list[Path] = []
    monkeypatch.setattr("api.server.serve", lambda serving: shared.append(serving.shared))
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "not there"))
    serve(port=0, model=str(bundle.path))
    monkeypatch.setenv(name, f"{tmp_path}:{tmp_path / 'another'}")
    serve(port=0, model=str(bundle.path))
    assert [folder.parent for folder in shared] == [Path(tempfile.gettempdir()), tmp_path]
    assert not shared[1].exists()


def test_with_a_certificate_it_speaks_tls_and_says_to_stay_with_it(bundle: Bundle, tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    for pem in issued.cert_chain_pems:
        pem.write_to_path(tmp_path / "chain.pem", append=True)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    given: dict[str, Any] = {"tls_certificate": tmp_path / "chain.pem", "tls_key": tmp_path / "key.pem"}
    with serving_app(bundle, ready=False, **given) as client:
        url = f"https://localhost:{client.base_url.port}/livez"
        answer = httpx.get(url, verify=trusting)
        assert answer.status_code == 200
        assert "max-age" in answer.headers["strict-transport-security"]
        with pytest.raises(httpx.TransportError):
            client.get("/livez")


def test_a_certificate_that_is_none_is_a_fault_of_the_configuration(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "chain.pem").write_text("none")
    settings = Settings(tls_certificate=tmp_path / "chain.pem", tls_key=tmp_path / "key.pem")
    app = create_app(bundle, settings, tmp_path)
    with pytest.raises(ConfigurationError, match=r"chain\.pem"):
        server_config(app, settings)
