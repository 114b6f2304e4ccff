"""Does the sender of this request hold the key that its access token belongs to? (RFC 9449 section 4.3)"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from portal.identity import jose
from portal.identity.errors import SignInRejected
from portal.identity.keys import ALGORITHM

#: A proof is made for one request; older or newer than this it was made for another, seconds.
MAX_AGE = 60
#: Characters of ``jti`` and ``nonce``.
_MAX_NAME = 255
_KINDS = ("dpop+jwt",)
_REQUIRED = ("jti", "htm", "htu", "iat", "ath")
#: Members of a private or shared key (RFC 7518 section 6): whoever sends one has given the key away.
_SECRET = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
#: Octets of a P-256 coordinate (RFC 7518 section 6.2.1.2).
_COORDINATE = 32
#: The sender is nobody's issuer, so none of these says anything; ``iat`` has its own bounds below.
_UNUSED = {f"verify_{name}": False for name in ("aud", "iss", "sub", "exp", "nbf", "iat")}


class ProofRejected(SignInRejected):
    """The proof, not the access token, is at fault; ``nonce`` means: ask for a challenge and prove again."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The request that the proof must be for; ``url`` has neither query nor fragment."""

    method: str
    url: str
    access_token: str
    thumbprint: str


@dataclass(frozen=True, slots=True)
class Proof:
    """What a good proof says; whether it was used before, and whether its nonce is ours, the caller must ask."""

    thumbprint: str
    id: str
    nonce: str


def verify(proof: str, expected: Expected, now: float) -> Proof:
    """The proof's content or ``ProofRejected``; ``now`` is the wall clock in seconds since 1970."""
    try:
        key = _key(jose.read_header(proof, _KINDS).get("jwk"))
        claims = jose.read_claims(proof, key, _REQUIRED, options=_UNUSED)
    except SignInRejected as error:
        raise ProofRejected(error.reason) from error
    _check_request(claims, expected, now)
    found = thumbprint(key)
    if not _equal(found, expected.thumbprint):
        raise ProofRejected("key")
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not 0 < len(nonce) <= _MAX_NAME:
        raise ProofRejected("nonce")
    return Proof(found, claims["jti"], nonce)


def thumbprint(key: PyJWK) -> str:
    """RFC 7638, from the key's numbers: however the sender wrote them, a key has one name."""
    public = key.key
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise ProofRejected("key")
    numbers = public.public_numbers()
    x, y = (jose.encoded(number.to_bytes(_COORDINATE, "big")) for number in (numbers.x, numbers.y))
    return jose.digest(f'{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}')


def _key(member: object) -> PyJWK:
    if (
        not isinstance(member, Mapping)
        or (member.get("kty"), member.get("crv")) != ("EC", "P-256")
        or _SECRET & member.keys()
    ):
        raise ProofRejected("key")
    try:
        return PyJWK({name: member.get(name) for name in ("kty", "crv", "x", "y")}, ALGORITHM)
    except (PyJWTError, ValueError, TypeError) as error:
        raise ProofRejected("key") from error


def _check_request(claims: Mapping[str, Any], expected: Expected, now: float) -> None:
    name = claims["jti"]
    if not isinstance(name, str) or not 0 < len(name) <= _MAX_NAME:
        raise ProofRejected("malformed")
    if claims["htm"] != expected.method:
        raise ProofRejected("method")
    if claims["htu"] != expected.url:
        raise ProofRejected("url")
    if not jose.is_moment(claims["iat"]) or not abs(now - claims["iat"]) <= MAX_AGE:
        raise ProofRejected("age")
    if not _equal(claims["ath"], jose.digest(expected.access_token)):
        raise ProofRejected("access-token-hash")


def _equal(said: object, right: str) -> bool:
    """UTF-8 with replacement: JSON may hold lone surrogates."""
    return isinstance(said, str) and hmac.compare_digest(said.encode(errors="replace"), right.encode())
