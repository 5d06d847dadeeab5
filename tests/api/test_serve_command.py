import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from api.app import create_app
from api.commands.serve import _warn_of_open_door
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
