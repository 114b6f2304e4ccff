"""Every way in which an access token can be wrong (the contract's table of attacks, flow A)."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from portal.identity.access_tokens import AccessToken, verify
from portal.identity.errors import ProviderUnavailable, SignInRejected
from portal.identity.keys import KeySet
from portal.identity.provider import Provider
from portal.identity.tokens import Subject
from portal.identity.transport import Transport
from tests.unit.portal.identity.issuers import Clock, Issuer, Wallet, jwk

WALLET = Wallet()


def check(issuer: Issuer, token: str, gateway: str = "gw-0001") -> AccessToken:
    return verify(token, KeySet(Provider(issuer.url, Transport())), issuer.url, gateway)


def refused(issuer: Issuer, token: str, gateway: str = "gw-0001") -> str:
    with pytest.raises(SignInRejected) as caught:
        check(issuer, token, gateway)
    return caught.value.reason


def test_a_good_token_says_who_and_by_which_key(issuer: Issuer) -> None:
    found = check(issuer, issuer.access_token(WALLET, jti="7"))
    assert found == AccessToken(
        Subject(issuer.url, "somebody"), "bsw-app", "7", WALLET.thumbprint, "active", "18+"
    )
    assert found.active


@pytest.mark.parametrize("status", ["suspended", "Active", "unknown"])
def test_only_active_people_may_sign_in(issuer: Issuer, status: str) -> None:
    """Guards ``AccessToken.active``: one word lets in, everything else does not."""
    assert not check(issuer, issuer.access_token(WALLET, bsw_status=status)).active


def test_a_token_for_another_gateway_is_refused(issuer: Issuer) -> None:
    """Guards the exact, per-gateway ``aud``: gateway 17's token at gateway 99."""
    token = issuer.access_token(WALLET, aud="urn:bpn:wifi-gateway:gw-0017")
    assert check(issuer, token, "gw-0017")
    assert refused(issuer, token, "gw-0099") == "audience"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://other.test"}, "issuer"),
        ({"iss": ...}, "missing-claim"),
        ({"sub": ...}, "missing-claim"),
        ({"sub": ""}, "subject"),
        ({"aud": ...}, "missing-claim"),
        ({"aud": ["urn:bpn:wifi-gateway:gw-0001"]}, "audience"),
        ({"aud": "urn:bpn:wifi-gateway:gw-00011"}, "audience"),
        ({"aud": "urn:bpn:wifi-gateway:*"}, "audience"),
        ({"exp": ...}, "missing-claim"),
        ({"iat": ...}, "missing-claim"),
        ({"iat": True}, "malformed"),
        ({"exp": float("inf")}, "malformed"),
        ({"iat": float("nan")}, "not-yet-valid"),
        ({"jti": ...}, "missing-claim"),
        ({"jti": ""}, "malformed"),
        ({"jti": "x" * 256}, "malformed"),
        ({"jti": 7}, "malformed"),
        ({"client_id": ...}, "missing-claim"),
        ({"client_id": ["bsw-app"]}, "malformed"),
        ({"scope": ...}, "missing-claim"),
        ({"scope": "openid"}, "scope"),
        ({"scope": "wifi-admin nowifi"}, "scope"),
        ({"scope": ["wifi"]}, "malformed"),
        ({"cnf": ...}, "missing-claim"),
        ({"cnf": {}}, "confirmation"),
        ({"cnf": {"jkt": None}}, "confirmation"),
        ({"cnf": {"jkt": "short"}}, "confirmation"),
        ({"cnf": WALLET.thumbprint}, "confirmation"),
        ({"bsw_status": ...}, "missing-claim"),
        ({"bsw_status": True}, "malformed"),
        ({"bsw_age_band": ...}, "missing-claim"),
        ({"bsw_age_band": "x" * 33}, "malformed"),
    ],
)
def test_wrong_claims_are_refused(issuer: Issuer, changes: dict[str, Any], reason: str) -> None:
    assert refused(issuer, issuer.access_token(WALLET, **changes)) == reason


@pytest.mark.parametrize("seconds", [-1, 0, 121])
def test_a_token_lives_two_minutes_at_most(issuer: Issuer, seconds: int) -> None:
    """Guards the cap on a token's life, and so on its age."""
    now = int(time.time())
    assert check(issuer, issuer.access_token(WALLET, iat=now, exp=now + 120))
    assert refused(issuer, issuer.access_token(WALLET, iat=now, exp=now + seconds)) == "lifetime"


@pytest.mark.parametrize("skew", [-29, 29])
def test_clocks_may_differ_by_29_seconds(issuer: Issuer, skew: int) -> None:
    """Guards the leeway of 30 s against being smaller."""
    now = int(time.time())
    changes = {"iat": now - 149, "exp": now - 29} if skew < 0 else {"iat": now + 29, "exp": now + 149}
    assert check(issuer, issuer.access_token(WALLET, **changes))


@pytest.mark.parametrize(("skew", "reason"), [(-31, "expired"), (32, "not-yet-valid")])
def test_clocks_may_not_differ_by_more(issuer: Issuer, skew: int, reason: str) -> None:
    """Guards the leeway of 30 s against being larger; 32, because the clock ticks on while the token travels."""
    now = int(time.time())
    changes = {"iat": now - 151, "exp": now - 31} if skew < 0 else {"iat": now + 32, "exp": now + 60}
    assert refused(issuer, issuer.access_token(WALLET, **changes)) == reason


def test_an_id_token_is_no_access_token(issuer: Issuer) -> None:
    """Guards ``typ``: an ID token that carries every claim of an access token stays an ID token."""
    for kind in (None, "JWT", "dpop+jwt", "logout+jwt", ""):
        token = issuer.access_token(WALLET, {"typ": kind})
        assert refused(issuer, token) == "type"


def test_no_signature_is_no_token(issuer: Issuer) -> None:
    """Guards the pinned algorithm against ``none``."""
    claims = jwt.decode(issuer.access_token(WALLET), options={"verify_signature": False})
    token = jwt.encode(claims, None, "none", {"kid": "k1", "typ": "at+jwt"})
    assert refused(issuer, token) == "algorithm"


def test_the_public_key_is_no_shared_secret(issuer: Issuer) -> None:
    """Guards the pinned algorithm against confusion: HS256 with the public key as its secret."""
    public = issuer.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    claims = jwt.decode(issuer.access_token(WALLET), options={"verify_signature": False})
    header = {"alg": "HS256", "kid": "k1", "typ": "at+jwt"}
    signing = b".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)
    )
    mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(signing, public)
    token = signing + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")
    assert refused(issuer, token.decode()) == "algorithm"


def test_keys_that_a_token_brings_along_do_not_count(issuer: Issuer) -> None:
    """Guards against ``jku``, ``x5u`` and ``jwk``: only the provider's key set counts, and nothing is fetched."""
    provider_key, issuer.key = issuer.key, ec.generate_private_key(ec.SECP256R1())
    elsewhere = f"{issuer.url}/elsewhere"
    header = {"jwk": jwk(issuer.key), "jku": elsewhere, "x5u": elsewhere}
    assert refused(issuer, issuer.access_token(WALLET, header)) == "signature"
    assert "/elsewhere" not in issuer.asked
    issuer.key = provider_key
    assert check(issuer, issuer.access_token(WALLET, header))


def test_a_critical_header_is_refused(issuer: Issuer) -> None:
    """Guards RFC 7515 section 4.1.11: what must be understood and is not, is refused."""
    assert refused(issuer, issuer.access_token(WALLET, {"crit": ["exp"], "exp": 1})) in (
        "critical-header",
        "malformed",
    )


def test_a_flood_of_unknown_keys_asks_the_provider_a_handful_of_times(issuer: Issuer, clock: Clock) -> None:
    """Guards the limited refreshes of the key set: 1,000 tokens with 1,000 key names."""
    keys = KeySet(Provider(issuer.url, Transport(), clock), clock)
    for number in range(1_000):
        with pytest.raises(SignInRejected, match="unknown-key"):
            verify(issuer.access_token(WALLET, {"kid": f"flood-{number}"}), keys, issuer.url, "gw-0001")
    assert issuer.asked["/keys"] <= 6


def test_known_keys_serve_a_day_while_the_provider_is_offline(issuer: Issuer, clock: Clock) -> None:
    """Guards the stale keys: 23 hours of outage let people in, 25 do not."""
    keys = KeySet(Provider(issuer.url, Transport(), clock), clock)
    assert verify(issuer.access_token(WALLET), keys, issuer.url, "gw-0001")
    issuer.statuses["/keys"] = 503
    clock.now += 23 * 3_600
    assert verify(issuer.access_token(WALLET), keys, issuer.url, "gw-0001")
    clock.now += 2 * 3_600
    with pytest.raises(ProviderUnavailable):
        verify(issuer.access_token(WALLET), keys, issuer.url, "gw-0001")


@pytest.mark.parametrize(
    "token",
    ["", "a", "a.b.c", "....", "\x00", "é.é.é", "e30.e30.e30", "x" * 9_000, "e30 .e30.e30", "e30.e30.e30\n"],
)
def test_what_is_no_token_is_refused(issuer: Issuer, token: str) -> None:
    assert refused(issuer, token) in ("malformed", "algorithm")


def test_a_header_nested_beyond_all_measure_is_refused(issuer: Issuer) -> None:
    """Guards the reader against the interpreter's own limit, which would be an error of ours."""
    header = base64.urlsafe_b64encode(b'{"alg":' + b"[" * 5_000).rstrip(b"=").decode()
    assert refused(issuer, f"{header}.e30.e30") == "malformed"
