"""Each switch does what it says, and nothing when it is off."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
import requests

from deploy.sandbox.provider import Faults, KeySetFault, TokenFault
from deploy.sandbox.provider.faults import UNUSABLE_KEYS
from tests.providers import RunningProvider, controlled_provider, sign_in
from tests.unit.deploy.sandbox.provider.conftest import PUBLIC, Attempt, query

SIGNED_IN_CODE = [
    TokenFault.WRONG_ISSUER,
    TokenFault.NO_ISSUER,
    TokenFault.NO_SUBJECT,
    TokenFault.WRONG_AUDIENCE,
    TokenFault.NO_AUDIENCE,
    TokenFault.AUDIENCE_LIST,
    TokenFault.NO_ISSUED_AT,
    TokenFault.FUTURE,
    TokenFault.NO_EXPIRY,
    TokenFault.EXPIRED,
    TokenFault.UNKNOWN_KID,
    TokenFault.WRONG_KEY,
    TokenFault.EMBEDDED_KEY,
    TokenFault.BAD_SIGNATURE,
    TokenFault.RS256,
    TokenFault.HS256,
    TokenFault.NONE,
    TokenFault.NO_KID,
]


@pytest.fixture(scope="module")
def running() -> Iterator[RunningProvider]:
    with controlled_provider([PUBLIC]) as provider:
        yield provider


@pytest.fixture
def faults(running: RunningProvider) -> Iterator[Faults]:
    switches = running.controls.faults
    yield switches
    off = Faults()
    for name in ("delay_seconds", "unavailable", "paths", "token", "kinds", "key_set"):
        setattr(switches, name, getattr(off, name))
    switches.discovery_issuer = switches.userinfo_subject = ""


def tokens(running: RunningProvider) -> dict[str, Any]:
    attempt = Attempt(running.issuer, PUBLIC, secrets.token_urlsafe(48))
    answer: dict[str, Any] = attempt.exchange(query(sign_in(attempt.url()))["code"]).json()
    return answer


def verify(running: RunningProvider, token: str) -> dict[str, Any]:
    options: Any = {"require": ["iss", "sub", "aud", "exp", "iat"], "strict_aud": True}
    key = jwt.PyJWKClient(f"{running.issuer}/jwks.json").get_signing_key_from_jwt(token).key
    claims: dict[str, Any] = jwt.decode(
        token, key, ["ES256"], issuer=running.issuer, audience="gerbang", options=options
    )
    return claims


def unverified(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def test_without_faults_everything_verifies(running: RunningProvider, faults: Faults) -> None:
    assert verify(running, tokens(running)["id_token"])["nonce"] == "nonce-1"


@pytest.mark.parametrize("fault", SIGNED_IN_CODE)
def test_a_strict_client_refuses_the_token(running: RunningProvider, faults: Faults, fault: TokenFault) -> None:
    faults.token = fault
    token = tokens(running)["id_token"]
    with pytest.raises((jwt.InvalidTokenError, jwt.PyJWKClientError)):
        verify(running, token)


def test_what_pyjwt_does_not_look_at_is_wrong_as_named(running: RunningProvider, faults: Faults) -> None:
    good = unverified(tokens(running)["id_token"])
    faults.token = TokenFault.WRONG_NONCE
    assert unverified(tokens(running)["id_token"])["nonce"] != "nonce-1"
    faults.token = TokenFault.NO_NONCE
    assert "nonce" not in verify(running, tokens(running)["id_token"])
    faults.token = TokenFault.WRONG_SUBJECT
    assert verify(running, tokens(running)["id_token"])["sub"] != good["sub"]
    faults.token = TokenFault.WRONG_AT_HASH
    assert verify(running, tokens(running)["id_token"])["at_hash"] == "A" * 22
    faults.token = TokenFault.OLD
    assert verify(running, tokens(running)["id_token"])["iat"] < time.time() - 3000
    faults.token = TokenFault.WRONG_TYPE
    assert jwt.get_unverified_header(tokens(running)["id_token"])["typ"] == "at+jwt"
    faults.token = TokenFault.NO_SID
    assert "sid" not in verify(running, tokens(running)["id_token"])


def test_a_fault_may_be_of_one_kind_of_token_only(running: RunningProvider, faults: Faults) -> None:
    faults.token, faults.kinds = TokenFault.NO_SUBJECT, frozenset({"logout+jwt"})
    assert verify(running, tokens(running)["id_token"])["sub"]


def test_every_fault_is_signed_by_something(running: RunningProvider, faults: Faults) -> None:
    for fault in TokenFault:
        faults.token = fault
        assert tokens(running)["id_token"].count(".") == 2


def test_key_sets(running: RunningProvider, faults: Faults) -> None:
    def published() -> Any:
        return requests.get(f"{running.issuer}/jwks.json", timeout=5).json()["keys"]

    honest = published()
    faults.key_set = KeySetFault.EMPTY
    assert published() == []
    faults.key_set = KeySetFault.UNUSABLE_BESIDE
    assert published() == [*UNUSABLE_KEYS, *honest]
    faults.key_set = KeySetFault.ONLY_UNUSABLE
    assert published() == list(UNUSABLE_KEYS)
    faults.key_set = KeySetFault.NO_KID
    assert [key.get("kid") for key in published()] == [None] * len(honest)
    faults.key_set = KeySetFault.TWO_WITHOUT_KID
    assert [key.get("kid") for key in published()] == [None, None]
    faults.key_set = KeySetFault.NOT_JSON
    with pytest.raises(requests.JSONDecodeError):
        published()


def test_slow_and_away_for_some_endpoints(running: RunningProvider, faults: Faults) -> None:
    faults.unavailable, faults.paths = True, frozenset({"/token"})
    assert requests.post(f"{running.issuer}/token", timeout=5).status_code == 503
    assert requests.get(f"{running.issuer}/jwks.json", timeout=5).status_code == 200
    faults.unavailable, faults.delay_seconds, faults.paths = False, 0.2, frozenset()
    asked = faults.requests["/jwks.json"]
    before = time.monotonic()
    requests.get(f"{running.issuer}/jwks.json", timeout=5)
    assert time.monotonic() - before >= 0.2
    assert faults.requests["/jwks.json"] == asked + 1


def test_discovery_and_userinfo_may_lie(running: RunningProvider, faults: Faults) -> None:
    faults.discovery_issuer, faults.userinfo_subject = "https://elsewhere.test", "somebody"
    document = requests.get(f"{running.issuer}/.well-known/openid-configuration", timeout=5).json()
    assert document["issuer"] == "https://elsewhere.test"
    bearer = {"Authorization": f"Bearer {tokens(running)['access_token']}"}
    assert requests.get(f"{running.issuer}/userinfo", headers=bearer, timeout=5).json()["sub"] == "somebody"


def test_a_token_from_before_a_rotation_still_verifies(running: RunningProvider, faults: Faults) -> None:
    before = tokens(running)["id_token"]
    kid = running.controls.keys.rotate()
    after = tokens(running)["id_token"]
    assert jwt.get_unverified_header(after)["kid"] == kid
    assert verify(running, before)["sub"] == verify(running, after)["sub"]
