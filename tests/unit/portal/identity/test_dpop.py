"""Every way in which a proof can be wrong (RFC 9449 section 4.3)."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from portal.identity.dpop import Expected, Proof, ProofRejected, thumbprint, verify
from tests.unit.portal.identity.issuers import Wallet, jwk

URL = "https://wifi.balikpapan.test/app/v1/session"
TOKEN = "the.access.token"
WALLET = Wallet()


def check(proof: str, **changes: Any) -> Proof:
    expected = {"method": "POST", "url": URL, "access_token": TOKEN, "thumbprint": WALLET.thumbprint} | changes
    return verify(proof, Expected(**expected), time.time())


def refused(proof: str, **changes: Any) -> str:
    with pytest.raises(ProofRejected) as caught:
        check(proof, **changes)
    return caught.value.reason


def test_a_good_proof_names_its_key_its_nonce_and_itself() -> None:
    assert check(WALLET.proof(TOKEN, URL, "n", jti="7")) == Proof(WALLET.thumbprint, "7", "n")


def test_the_thumbprint_is_the_one_of_the_standard() -> None:
    """RFC 9449 section 6.1: the example's key (section 4.1) and its ``jkt``."""
    key = {
        "kty": "EC",
        "crv": "P-256",
        "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
        "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
    }
    assert thumbprint(jwt.PyJWK(key, "ES256")) == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


def test_a_stolen_token_is_worth_nothing_without_its_key() -> None:
    """Guards ``cnf.jkt``: a thief proves his own key, or puts the owner's into his header."""
    thief = Wallet()
    assert refused(thief.proof(TOKEN, URL, "n")) == "key"
    assert refused(thief.proof(TOKEN, URL, "n", {"jwk": jwk(WALLET.key)})) == "signature"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"htm": "GET"}, "method"),
        ({"htm": "post"}, "method"),
        ({"htm": ...}, "missing-claim"),
        ({"htu": ...}, "missing-claim"),
        ({"htu": URL + "?x=1"}, "url"),
        ({"htu": URL + "/"}, "url"),
        ({"htu": "https://evil.test/app/v1/session"}, "url"),
        ({"htu": [URL]}, "url"),
        ({"jti": ...}, "missing-claim"),
        ({"jti": ""}, "malformed"),
        ({"jti": "x" * 256}, "malformed"),
        ({"jti": 7}, "malformed"),
        ({"iat": ...}, "missing-claim"),
        ({"iat": "now"}, "age"),
        ({"iat": True}, "age"),
        ({"iat": float("nan")}, "age"),
        ({"iat": float("inf")}, "age"),
        ({"ath": ...}, "missing-claim"),
        ({"ath": "another"}, "access-token-hash"),
        ({"ath": "\ud800"}, "access-token-hash"),
        ({"nonce": ...}, "nonce"),
        ({"nonce": ""}, "nonce"),
        ({"nonce": ["n"]}, "nonce"),
        ({"nonce": "x" * 256}, "nonce"),
    ],
)
def test_wrong_claims_are_refused(changes: dict[str, Any], reason: str) -> None:
    assert refused(WALLET.proof(TOKEN, URL, "n", **changes)) == reason


def test_claims_that_mean_nothing_in_a_proof_do_no_harm() -> None:
    odd = {"exp": float("inf"), "nbf": "x", "aud": 7, "sub": 7, "iss": []}
    assert check(WALLET.proof(TOKEN, URL, "n", **odd))


@pytest.mark.parametrize("skew", [-59, 59])
def test_a_proof_may_be_59_seconds_off(skew: int) -> None:
    """Guards the bound of 60 s against being smaller."""
    assert check(WALLET.proof(TOKEN, URL, "n", iat=time.time() + skew))


@pytest.mark.parametrize("skew", [-61, 62])
def test_a_proof_may_not_be_further_off(skew: int) -> None:
    """Guards the bound of 60 s against being larger."""
    assert refused(WALLET.proof(TOKEN, URL, "n", iat=time.time() + skew)) == "age"


@pytest.mark.parametrize("kind", [None, "JWT", "at+jwt", "", ["dpop+jwt"]])
def test_a_token_of_another_kind_is_refused(kind: Any) -> None:
    """Guards ``typ``: nothing else that the app's key signs is a proof."""
    assert refused(WALLET.proof(TOKEN, URL, "n", {"typ": kind})) in ("type", "malformed")


@pytest.mark.parametrize(
    "member",
    [
        None,
        "key",
        {},
        {"kty": "oct", "k": "AAAA"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        jwk(ec.generate_private_key(ec.SECP384R1())),
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "P-256", "x": 1, "y": None},
        {"kty": "EC", "crv": "P-256"},
        jwk(WALLET.key, y=jwk(Wallet().key)["y"]),
        jwk(WALLET.key, d="AAAA"),
        jwk(WALLET.key, k="AAAA"),
    ],
)
def test_a_key_that_is_none_or_no_public_one_is_refused(member: Any) -> None:
    """Guards the key in the header: P-256, on the curve, public."""
    assert refused(WALLET.proof(TOKEN, URL, "n", {"jwk": member})) == "key"


def test_only_es256_signs_a_proof() -> None:
    """Guards the pinned algorithm: neither ``none`` nor a shared secret."""
    claims = jwt.decode(WALLET.proof(TOKEN, URL, "n"), options={"verify_signature": False})
    header = {"typ": "dpop+jwt", "jwk": jwk(WALLET.key)}
    assert refused(jwt.encode(claims, None, "none", header)) == "algorithm"
    assert refused(jwt.encode(claims, "s" * 32, "HS256", header)) == "algorithm"


@pytest.mark.parametrize("proof", ["", "a", "a.b.c", "\x00", "e30.e30.e30", "x" * 9_000])
def test_what_is_no_proof_is_refused(proof: str) -> None:
    assert refused(proof) in ("malformed", "algorithm")


def test_two_proofs_in_one_header_are_none() -> None:
    """Guards RFC 9449 section 4.3 check 1: a server joins equal headers with a comma."""
    proof = WALLET.proof(TOKEN, URL, "n")
    assert refused(f"{proof},{proof}") == "malformed"
