"""Out everywhere: tokens die, every client that wants to know is told, and none can hold it up."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
import requests
from flask import Flask, request

from deploy.sandbox.phone_app import PhoneApp, Refused, Wallet
from deploy.sandbox.provider import Client
from tests.providers import BUDI, SARI, RunningProvider, controlled_provider, form_token, serving, sign_in
from tests.unit.deploy.sandbox.provider.conftest import PUBLIC, Attempt, query

EVENT = "http://schemas.openid.net/event/backchannel-logout"


@pytest.fixture
def heard() -> Iterator[tuple[str, list[str]]]:
    """A client's ear on loopback, and the logout tokens that it heard."""
    tokens: list[str] = []
    app = Flask("client")

    @app.post("/backchannel-logout")
    def told() -> tuple[str, int]:
        tokens.append(request.form["logout_token"])
        return "", 204

    with serving(lambda _origin: app) as origin:
        yield f"{origin}/backchannel-logout", tokens


@pytest.fixture
def provider(heard: tuple[str, list[str]]) -> Iterator[RunningProvider]:
    with controlled_provider([Client("gerbang", PUBLIC.redirect_uris, logout_uri=heard[0])]) as running:
        yield running


def signed_in(provider: RunningProvider) -> dict[str, Any]:
    attempt = Attempt(provider.issuer, PUBLIC, secrets.token_urlsafe(48))
    tokens: dict[str, Any] = attempt.exchange(query(sign_in(attempt.url()))["code"]).json()
    return tokens


def claims_of(provider: RunningProvider, token: str) -> dict[str, Any]:
    key = jwt.PyJWKClient(f"{provider.issuer}/jwks.json").get_signing_key_from_jwt(token).key
    claims: dict[str, Any] = jwt.decode(token, key, ["ES256"], audience="gerbang", issuer=provider.issuer)
    return claims


def test_a_client_hears_of_the_session_that_ended(provider: RunningProvider, heard: tuple[str, list[str]]) -> None:
    tokens = signed_in(provider)
    assert [delivery.status for delivery in provider.controls.logout.everywhere(SARI)] == [204]
    [token] = heard[1]
    assert jwt.get_unverified_header(token)["typ"] == "logout+jwt"
    claims = claims_of(provider, token)
    asked = claims_of(provider, tokens["id_token"])
    assert (claims["sub"], claims["sid"]) == (asked["sub"], asked["sid"])
    assert claims["events"] == {EVENT: {}}
    assert claims["jti"]
    assert claims["exp"] - claims["iat"] == 120
    assert "nonce" not in claims
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert requests.get(f"{provider.issuer}/userinfo", headers=bearer, timeout=5).status_code == 401
    assert provider.controls.logout.everywhere(SARI) == []


def test_nobody_else_is_signed_out(provider: RunningProvider) -> None:
    tokens = signed_in(provider)
    assert provider.controls.logout.everywhere(BUDI) == []
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert requests.get(f"{provider.issuer}/userinfo", headers=bearer, timeout=5).status_code == 200


def test_the_app_is_out_too_and_gateways_hear_of_the_subject(
    provider: RunningProvider, heard: tuple[str, list[str]]
) -> None:
    app = PhoneApp(provider.issuer, Wallet())
    app.sign_in(SARI.username, SARI.pin)
    provider.controls.logout.everywhere(SARI)
    [claims] = [claims_of(provider, token) for token in heard[1]]
    assert "sid" not in claims
    assert claims["sub"]
    with pytest.raises(Refused, match="invalid_grant"):
        app.provider_token()


def test_a_client_that_does_not_listen_holds_nothing_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        uri = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        with controlled_provider([Client("gerbang", PUBLIC.redirect_uris, logout_uri=uri)]) as provider:
            signed_in(provider)
            before = time.monotonic()
            assert [delivery.status for delivery in provider.controls.logout.everywhere(SARI)] == [0]
            assert time.monotonic() - before < 5


def test_the_page_asks_for_the_pin_and_signs_out(provider: RunningProvider, heard: tuple[str, list[str]]) -> None:
    signed_in(provider)
    url = f"{provider.issuer}/logout"
    assert 'href="/logout"' in requests.get(provider.issuer, timeout=5).text
    with requests.Session() as browser:
        page = browser.get(url, timeout=5).text
        assert "Keluar dari semua</button>" in page
        form = {"csrf_token": form_token(page), "login": SARI.username, "pin": "000000"}
        assert browser.post(url, data=form, timeout=5).status_code == 401
        assert heard[1] == []
        assert "sudah keluar dari semua" in browser.post(url, data=form | {"pin": SARI.pin}, timeout=5).text
    assert len(heard[1]) == 1
    assert requests.post(url, data={"login": SARI.username, "pin": SARI.pin}, timeout=5).status_code == 400
