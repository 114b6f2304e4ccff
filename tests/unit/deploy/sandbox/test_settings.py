"""A wrong file is refused in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.sandbox.names import site_addresses
from deploy.sandbox.settings import InternetConfig, InternetConfigError

CLIENT = {"client_id": "gerbang", "redirect_uris": ["https://wifi.balikpapan.test/oidc/callback"]}
GOOD: dict[str, Any] = {
    "certificates": [{"names": ["bsw.balikpapan.test"], "certificate": "/tls/bsw.pem", "key": "/tls/bsw.key"}],
    "provider": {"clients": [CLIENT]},
}


def load(directory: Path, document: object) -> InternetConfig:
    path = directory / "internet.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return InternetConfig.load(path)


def test_the_least_is_enough(tmp_path: Path) -> None:
    config = load(tmp_path, GOOD)
    assert (config.http_port, config.https_port) == (80, 443)
    assert config.provider.issuer == "https://bsw.balikpapan.test"
    assert set(config.addresses) < set(site_addresses())


def test_a_secret_comes_from_its_own_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("of the laboratory\n")
    config = load(tmp_path, GOOD | {"provider": {"clients": [CLIENT | {"secret_file": str(secret)}]}})
    assert config.provider.clients[0].secret == "of the laboratory"


def test_a_client_may_hear_of_logouts_over_tls_of_the_laboratory(tmp_path: Path) -> None:
    client = CLIENT | {"backchannel_logout_uri": "https://wifi.balikpapan.test/oidc/backchannel-logout"}
    provider = load(tmp_path, GOOD | {"provider": {"clients": [client], "ca_file": "/tls/ca.pem"}}).provider
    assert provider.clients[0].logout_uri == "https://wifi.balikpapan.test/oidc/backchannel-logout"
    assert provider.ca_file == "/tls/ca.pem"
    assert provider.wifi_sector == "wifi.balikpapan.test"


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("{", "line 1"),
        ([], "an object is expected"),
        ({}, "missing certificates, provider"),
        (GOOD | {"http_prot": 80}, "unknown http_prot; known are"),
        (GOOD | {"http_port": 0}, "http_port: a port from 1"),
        (GOOD | {"http_port": True}, "http_port: a port from 1"),
        (GOOD | {"addresses": ["203.0.113"]}, "does not appear to be"),
        (GOOD | {"addresses": "203.0.113.1"}, "addresses: a list"),
        (GOOD | {"certificates": []}, "at least one"),
        (GOOD | {"certificates": [{"names": "x", "certificate": "a", "key": "b"}]}, "names: a list"),
        (GOOD | {"certificates": [{"names": [1], "certificate": "a", "key": "b"}]}, "list of texts"),
        (GOOD | {"provider": {"clients": [{"client_id": "a"}]}}, "missing redirect_uris"),
        (GOOD | {"provider": {"clients": [CLIENT], "issuer": "http://a.test"}}, "not https"),
        (GOOD | {"provider": {"clients": [CLIENT | {"secret_file": "/dev/null"}]}}, "holds no secret"),
        (GOOD | {"provider": {"clients": [CLIENT | {"secret_file": "/no/such"}]}}, "/no/such"),
        (GOOD | {"provider": {"clients": [CLIENT | {"backchannel_logout_uri": "http://a.test/"}]}}, "https"),
        (GOOD | {"provider": {"clients": [CLIENT | {"client_id": "bsw-app"}]}}, "registered already"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, document: object, words: str) -> None:
    with pytest.raises(InternetConfigError, match=words):
        load(tmp_path, document)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(InternetConfigError, match=r"no\.json"):
        InternetConfig.load(tmp_path / "no.json")
