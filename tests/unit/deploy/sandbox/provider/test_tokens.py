"""Tokens for one gateway, bound to the app's key: what they carry, and each way of not getting one."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import jwt
import pytest
import requests

from deploy.sandbox.phone_app import PhoneApp, Refused, Wallet
from deploy.sandbox.phone_app.proof import proof, thumbprint
from tests.providers import SARI, running_provider, sign_in
from tests.unit.deploy.sandbox.provider.conftest import PUBLIC, Attempt, query

GATEWAY = "urn:bpn:wifi-gateway:gw-17"


@pytest.fixture
def app(issuer: str) -> PhoneApp:
    app = PhoneApp(issuer, Wallet())
    app.sign_in(SARI.username, SARI.pin)
    return app


def decoded(issuer: str, token: str, audience: str) -> dict[str, Any]:
    key = jwt.PyJWKClient(f"{issuer}/jwks.json").get_signing_key_from_jwt(token).key
    options: Any = {"require": ["iss", "sub", "aud", "exp", "iat"], "strict_aud": True}
    claims: dict[str, Any] = jwt.decode(token, key, ["ES256"], issuer=issuer, audience=audience, options=options)
    return claims


def ask(app: PhoneApp, issuer: str, header: str | None = None, **changes: str | None) -> requests.Response:
    form = {
        "grant_type": "refresh_token",
        "client_id": "bsw-app",
        "refresh_token": app.wallet.refresh_token,
        "resource": GATEWAY,
    }
    sent = {name: value for name, value in (form | changes).items() if value is not None}
    header = proof(app.wallet.key, "POST", f"{issuer}/token") if header is None else header
    return requests.post(f"{issuer}/token", data=sent, headers={"DPoP": header} if header else {}, timeout=5)


def test_a_token_for_a_gateway_carries_what_the_contract_says(issuer: str, app: PhoneApp, public: Attempt) -> None:
    before = int(time.time())
    answer = ask(app, issuer).json()
    assert (answer["token_type"], answer["expires_in"], answer["scope"]) == ("DPoP", 120, "wifi")
    token = answer["access_token"]
    header = jwt.get_unverified_header(token)
    assert (header["typ"], header["alg"]) == ("at+jwt", "ES256")
    claims = decoded(issuer, token, GATEWAY)
    assert before <= claims["iat"] <= claims["exp"] - 120 <= time.time()
    assert (claims["client_id"], claims["scope"]) == ("bsw-app", "wifi")
    assert (claims["bsw_status"], claims["bsw_age_band"]) == ("active", "18+")
    assert claims["cnf"] == {"jkt": thumbprint(app.wallet.key)}
    assert claims["jti"] != decoded(issuer, app_token(app, answer), GATEWAY)["jti"]
    id_token = public.exchange(query(sign_in(public.url()))["code"]).json()["id_token"]
    assert claims["sub"] == decoded(issuer, id_token, "gerbang")["sub"]
    assert SARI.name not in str(claims)


def app_token(app: PhoneApp, answer: dict[str, Any]) -> str:
    app.wallet.renew(answer["refresh_token"])
    return app.gateway_token(GATEWAY)


def test_audience_is_another_word_for_resource(issuer: str, app: PhoneApp) -> None:
    assert ask(app, issuer, resource=None, audience=GATEWAY).status_code == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"resource": "urn:bpn:wifi-gateway:"}, "invalid_target"),
        ({"resource": "https://elsewhere.test"}, "invalid_target"),
        ({"resource": "urn:bpn:wifi-gateway:GW 1"}, "invalid_target"),
        ({"audience": "urn:bpn:wifi-gateway:gw-18"}, "invalid_request"),
        ({"scope": "wifi"}, "invalid_request"),
        ({"scope": "root"}, "invalid_scope"),
        ({"refresh_token": "guessed"}, "invalid_grant"),
        ({"refresh_token": None}, "invalid_request"),
        ({"client_id": "gerbang"}, "unauthorized_client"),
        ({"client_id": "stranger"}, "invalid_client"),
    ],
)
def test_a_bad_request_for_a_gateway_gets_no_token(
    issuer: str, app: PhoneApp, changes: dict[str, str | None], error: str
) -> None:
    answer = ask(app, issuer, **changes)
    assert answer.status_code in {400, 401}
    assert answer.json()["error"] == error
    assert "access_token" not in answer.json()


def test_a_refresh_token_works_once_and_its_second_use_ends_the_session(issuer: str, app: PhoneApp) -> None:
    renewed = ask(app, issuer).json()["refresh_token"]
    assert ask(app, issuer).json()["error"] == "invalid_grant"
    assert ask(app, issuer, refresh_token=renewed).json()["error"] == "invalid_grant"


def test_a_refresh_token_is_worth_nothing_under_another_key(issuer: str, app: PhoneApp) -> None:
    header = proof(Wallet().key, "POST", f"{issuer}/token")
    assert ask(app, issuer, header).json()["error"] == "invalid_grant"
    assert ask(app, issuer).status_code == 200, "and the thief did not use it up"


def test_a_client_without_a_key_gets_no_token_for_a_gateway(public: Attempt) -> None:
    code = query(sign_in(public.url()))["code"]
    answer = public.exchange(code, resource=GATEWAY)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target")


def test_the_app_gets_nothing_without_a_proof(issuer: str, app: PhoneApp) -> None:
    answer = ask(app, issuer, "")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")


def test_a_client_may_not_ask_for_what_is_the_apps(public: Attempt) -> None:
    code = query(sign_in(public.url(scope="openid offline_access devices wifi")))["code"]
    tokens = public.exchange(code).json()
    assert tokens["scope"] == "openid wifi"
    assert "refresh_token" not in tokens


def test_a_suspended_resident_is_named_as_one() -> None:
    suspended = replace(SARI, status="suspended")
    with running_provider([PUBLIC], residents=(suspended,)) as issuer:
        app = PhoneApp(issuer, Wallet())
        app.sign_in(SARI.username, SARI.pin)
        claims = decoded(issuer, app.gateway_token(GATEWAY), GATEWAY)
    assert claims["bsw_status"] == "suspended"


def test_an_app_that_never_signed_in_says_so(issuer: str) -> None:
    with pytest.raises(Refused, match="sign in first"):
        PhoneApp(issuer, Wallet()).gateway_token(GATEWAY)


def test_a_wrong_pin_signs_nobody_in(issuer: str) -> None:
    app = PhoneApp(issuer, Wallet())
    with pytest.raises(Refused, match="wrong login or PIN"):
        app.sign_in(SARI.username, "000000")
    assert not app.wallet.refresh_token
