"""One running provider with a public and a confidential client, and requests to it."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

from deploy.sandbox.provider import Client
from tests.providers import running_provider

PUBLIC = Client("gerbang", ("https://wifi.balikpapan.test/oidc/callback",))
NEIGHBOUR = Client("gerbang-2", ("https://wifi.balikpapan.test/other/callback",))
CONFIDENTIAL = Client("layanan", ("https://layanan.balikpapan.test/back",), secret="a secret of the laboratory")


def query(location: str) -> dict[str, str]:
    """Return the parameters of a redirect, each of which must be there once."""
    found = parse_qs(urlsplit(location).query, strict_parsing=True)
    assert all(len(values) == 1 for values in found.values()), found
    return {name: values[0] for name, values in found.items()}


@dataclass(frozen=True)
class Attempt:
    """One client's try to have somebody signed in."""

    issuer: str
    client: Client
    verifier: str

    def url(self, **changes: str | None) -> str:
        """Return the authorization request; a change of ``None`` leaves the parameter out."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        parameters: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client.client_id,
            "redirect_uri": self.client.redirect_uris[0],
            "scope": "openid wifi",
            "state": "state-1",
            "nonce": "nonce-1",
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        sent = {name: value for name, value in (parameters | changes).items() if value is not None}
        return f"{self.issuer}/authorize?{urlencode(sent)}"

    def exchange(self, code: str, /, auth: Any = None, **changes: str | None) -> requests.Response:
        """Ask the token endpoint for what ``code`` is worth."""
        form: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "client_id": self.client.client_id,
            "redirect_uri": self.client.redirect_uris[0],
            "code_verifier": self.verifier,
        }
        sent = {name: value for name, value in (form | changes).items() if value is not None}
        return requests.post(f"{self.issuer}/token", data=sent, auth=auth, timeout=5)


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with running_provider([PUBLIC, NEIGHBOUR, CONFIDENTIAL]) as url:
        yield url


@pytest.fixture
def public(issuer: str) -> Attempt:
    return Attempt(issuer, PUBLIC, secrets.token_urlsafe(48))


@pytest.fixture
def confidential(issuer: str) -> Attempt:
    return Attempt(issuer, CONFIDENTIAL, secrets.token_urlsafe(48))
