"""Proofs that prove nothing are refused, one by one."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask, request

from deploy.sandbox.phone_app.proof import proof, public_jwk, thumbprint
from deploy.sandbox.provider.dpop import InvalidProof, Proofs

ISSUER = "http://127.0.0.1:1"
URL = f"{ISSUER}/token"
KEY = ec.generate_private_key(ec.SECP256R1())
OTHER = ec.generate_private_key(ec.SECP256R1())


def judged(*headers: str, token: str = "", proofs: Proofs | None = None) -> str:
    sent = [("DPoP", header) for header in headers]
    with Flask(__name__).test_request_context("/token?x=1", method="POST", headers=sent):
        return (proofs or Proofs(ISSUER)).key(request, token)


def signed(claims: dict[str, Any] | None = None, key: Any = KEY, algorithm: str = "ES256", **header: Any) -> str:
    good = {"jti": "1", "htm": "POST", "htu": URL, "iat": int(time.time())}
    headers = {"typ": "dpop+jwt", "jwk": public_jwk(KEY)} | header
    return jwt.encode(good | (claims or {}), key, algorithm, headers=headers)


def payload(octets: bytes) -> str:
    return jwt.api_jws.encode(octets, KEY, "ES256", headers={"typ": "dpop+jwt", "jwk": public_jwk(KEY)})


def test_a_good_proof_names_its_key() -> None:
    assert judged(proof(KEY, "POST", URL)) == thumbprint(KEY)
    assert judged(proof(KEY, "POST", URL + "?x=1#there")) == thumbprint(KEY)
    assert judged(proof(KEY, "POST", URL, "a token"), token="a token") == thumbprint(KEY)


@pytest.mark.parametrize("seconds", [-59, 59])
def test_a_clock_may_be_a_minute_off(seconds: int) -> None:
    assert judged(proof(KEY, "POST", URL, iat=int(time.time()) + seconds)) == thumbprint(KEY)


@pytest.mark.parametrize(
    "changes",
    [
        {"jti": None},
        {"jti": ""},
        {"jti": 7},
        {"jti": "j" * 300},
        {"htm": None},
        {"htm": "GET"},
        {"htu": None},
        {"htu": f"{ISSUER}/userinfo"},
        {"htu": "https://elsewhere.test/token"},
        {"htu": "http://[/token"},
        {"iat": None},
        {"iat": "now"},
        {"iat": True},
        {"iat": int(time.time()) - 3600},
        {"iat": int(time.time()) + 3600},
        {"ath": None},
        {"ath": "of another"},
    ],
)
def test_a_proof_for_something_else_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidProof):
        judged(proof(KEY, "POST", URL, "a token", **changes), token="a token")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "x",
        "a.b.c",
        "x" * 5000,
        signed(typ="JWT"),
        signed(jwk=None),
        signed(jwk="x"),
        signed(jwk={"kty": "oct", "k": "c2VjcmV0"}),
        signed(jwk=public_jwk(KEY) | {"d": "c2VjcmV0"}),
        signed(jwk=public_jwk(KEY) | {"x": "AAAA"}),
        signed(jwk={"kty": "EC", "crv": "P-256"}),
        signed(jwk=public_jwk(KEY) | {"x": 7}),
        signed(jwk=public_jwk(KEY) | {"x": None, "y": []}),
        signed(key=OTHER),
        payload(b"[]"),
        payload(b"7"),
        payload(b"\xff"),
        payload(b"[" * 2500),
        signed(key="x" * 32, algorithm="HS256"),
        signed(key=None, algorithm="none"),
        signed() + ", " + signed(),
    ],
)
def test_what_is_not_a_proof_is_refused(header: str) -> None:
    with pytest.raises(InvalidProof):
        judged(header)


def test_one_proof_is_one_header_and_counts_once() -> None:
    with pytest.raises(InvalidProof):
        judged()
    with pytest.raises(InvalidProof):
        judged(proof(KEY, "POST", URL), proof(KEY, "POST", URL))
    proofs, again = Proofs(ISSUER), proof(KEY, "POST", URL)
    judged(again, proofs=proofs)
    with pytest.raises(InvalidProof, match="used before"):
        judged(again, proofs=proofs)
