"""What a relying party must refuse (OpenID Connect Core 3.1.3.7 and the OpenID suite's cases)."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from portal.identity.errors import SignInRejected
from portal.identity.keys import KeySet
from portal.identity.provider import Provider
from portal.identity.tokens import Expected, Subject, access_token_hash, verify
from portal.identity.transport import Transport
from tests.unit.portal.identity.issuers import ACCESS_TOKEN, CLIENT, NONCE, Issuer, jwk


def check(issuer: Issuer, token: str) -> Subject:
    keys = KeySet(Provider(issuer.url, Transport()))
    return verify(token, keys, Expected(issuer.url, CLIENT, NONCE, ACCESS_TOKEN), time.time())


def refused(issuer: Issuer, token: str) -> str:
    with pytest.raises(SignInRejected) as caught:
        check(issuer, token)
    return caught.value.reason


def test_a_good_token_names_its_subject(issuer: Issuer) -> None:
    assert check(issuer, issuer.token()) == Subject(issuer.url, "somebody")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://other.test"}, "issuer"),
        ({"iss": ...}, "missing-claim"),
        ({"iss": ["x"]}, "issuer"),
        ({"sub": ...}, "missing-claim"),
        ({"sub": ""}, "subject"),
        ({"sub": "x" * 256}, "subject"),
        ({"sub": 7}, "malformed"),
        ({"sub": "Sari\N{SNOWMAN}"}, "subject"),
        ({"aud": ...}, "missing-claim"),
        ({"aud": "somebody-else"}, "audience"),
        ({"aud": [CLIENT]}, "audience"),
        ({"aud": [CLIENT, "somebody-else"]}, "audience"),
        ({"azp": "somebody-else"}, "authorized-party"),
        ({"exp": ...}, "missing-claim"),
        ({"exp": "soon"}, "malformed"),
        ({"iat": ...}, "missing-claim"),
        ({"iat": True}, "malformed"),
        ({"iat": "1700000000"}, "malformed"),
        ({"nonce": ...}, "nonce"),
        ({"nonce": "another"}, "nonce"),
        ({"nonce": ["x"]}, "nonce"),
        ({"at_hash": "bm90IGl0"}, "access-token-hash"),
        ({"at_hash": None}, "access-token-hash"),
    ],
)
def test_wrong_claims_are_refused(issuer: Issuer, changes: dict[str, Any], reason: str) -> None:
    assert refused(issuer, issuer.token(**changes)) == reason


@pytest.mark.parametrize("claim", ["azp", "at_hash"])
def test_optional_claims_that_are_right_pass(issuer: Issuer, claim: str) -> None:
    value = {"azp": CLIENT, "at_hash": access_token_hash(ACCESS_TOKEN)}[claim]
    assert check(issuer, issuer.token(**{claim: value})).subject == "somebody"


def test_at_hash_is_the_one_of_the_standard() -> None:
    # OpenID Connect Core 1.0 appendix A.4: this access token and its at_hash.
    assert access_token_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y") == "77QmUPtjPfzWtF2AnpK9RQ"


@pytest.mark.parametrize("skew", [-29, 29])
def test_clocks_may_differ_by_29_seconds(issuer: Issuer, skew: int) -> None:
    now = int(time.time())
    changes = {"exp": now - 29} if skew < 0 else {"iat": now + 29}
    assert check(issuer, issuer.token(**changes))


@pytest.mark.parametrize(
    ("name", "offset", "reason"),
    [("exp", -31, "expired"), ("iat", 32, "not-yet-valid"), ("iat", -92, "too-old"), ("nbf", 40, "not-yet-valid")],
)
def test_clocks_may_not_differ_by_more(issuer: Issuer, name: str, offset: int, reason: str) -> None:
    assert refused(issuer, issuer.token(**{name: int(time.time()) + offset})) == reason


def test_no_signature_is_no_token(issuer: Issuer) -> None:
    assert refused(issuer, jwt.encode(issuer.claims(), None, "none", {"kid": "k1"})) == "algorithm"


def test_the_public_key_is_no_shared_secret(issuer: Issuer) -> None:
    public = issuer.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    signing = b".".join(_encode(part) for part in ({"alg": "HS256", "kid": "k1"}, issuer.claims()))
    mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(signing, public)
    token = signing + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")
    assert refused(issuer, token.decode()) == "algorithm"


def test_another_algorithm_is_refused_even_when_its_key_is_published(issuer: Issuer) -> None:
    key = rsa.generate_private_key(65_537, 2_048)
    published = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())) | {"kid": "r"}
    issuer.documents["/keys"]["keys"].append(published)
    assert refused(issuer, jwt.encode(issuer.claims(), key, "RS256", {"kid": "r"})) == "algorithm"


def test_a_signature_of_another_key_is_refused(issuer: Issuer) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    assert refused(issuer, jwt.encode(issuer.claims(), other, "ES256", {"kid": "k1"})) == "signature"


def test_keys_that_a_token_brings_along_do_not_count(issuer: Issuer) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    header = {"kid": "k1", "jwk": jwk(other), "jku": f"{issuer.url}/elsewhere"}
    assert refused(issuer, jwt.encode(issuer.claims(), other, "ES256", header)) == "signature"
    assert "/elsewhere" not in issuer.asked


@pytest.mark.parametrize("kind", ["at+jwt", "dpop+jwt", "logout+jwt", ["JWT"]])
def test_a_token_of_another_kind_is_refused(issuer: Issuer, kind: Any) -> None:
    assert refused(issuer, _with_header(issuer, typ=kind)) in ("type", "malformed")


def test_a_critical_header_is_refused(issuer: Issuer) -> None:
    assert refused(issuer, _with_header(issuer, crit=["b64"], b64=False)) in ("critical-header", "malformed")


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "....", "\x00", "é.é.é", "e30.e30.e30", "x" * 9_000])
def test_what_is_no_token_is_refused(issuer: Issuer, token: str) -> None:
    assert refused(issuer, token) in ("malformed", "algorithm")


def _encode(part: dict[str, Any]) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")


def _with_header(issuer: Issuer, **members: Any) -> str:
    header = {"alg": "ES256", "kid": "k1", "typ": "JWT"} | members
    signing = b".".join(_encode(part) for part in (header, issuer.claims()))
    signature = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256).sign(signing, issuer.key)
    return (signing + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()
