"""Is this ID token the answer to that sign-in? (OpenID Connect Core 1.0 section 3.1.3.7, RFC 8725)"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from portal.identity.errors import SignInRejected
from portal.identity.keys import ALGORITHM, KeySet

#: Clocks may differ by this much, seconds.
LEEWAY = 30
#: An ID token is fetched as soon as it is made; one older than this was made for somebody else, seconds.
MAX_AGE = 60
#: Octets; the sandbox's have about 600.
_MAX_TOKEN = 8_192
#: OpenID Connect Core section 2: at most 255 ASCII characters.
_MAX_SUBJECT = 255
_REQUIRED = ("iss", "sub", "aud", "exp", "iat")

_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (jwt.ExpiredSignatureError, "expired"),
    (jwt.ImmatureSignatureError, "not-yet-valid"),
    (jwt.InvalidIssuedAtError, "not-yet-valid"),
    (jwt.MissingRequiredClaimError, "missing-claim"),
    (jwt.InvalidAudienceError, "audience"),
    (jwt.InvalidIssuerError, "issuer"),
    (jwt.InvalidAlgorithmError, "algorithm"),
    (jwt.InvalidSignatureError, "signature"),
)


@dataclass(frozen=True, slots=True)
class Subject:
    """Who signed in: only unique together, and never shown or stored in clear."""

    issuer: str
    subject: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What the token must be the answer to; without a ``nonce`` the way in is bound otherwise (device code)."""

    issuer: str
    client_id: str
    nonce: str | None
    access_token: str


def verify(token: str, keys: KeySet, expected: Expected, now: float) -> Subject:
    """The token's subject, or ``SignInRejected``; ``now`` is the wall clock in seconds since 1970."""
    claims = _decode(token, keys, expected)
    _check_times(claims, now)
    if not _answers(claims.get("nonce"), expected.nonce):
        raise SignInRejected("nonce")
    if claims.get("azp", expected.client_id) != expected.client_id:
        raise SignInRejected("authorized-party")
    if "at_hash" in claims and claims["at_hash"] != access_token_hash(expected.access_token):
        raise SignInRejected("access-token-hash")
    subject = claims["sub"]
    if not 0 < len(subject) <= _MAX_SUBJECT or not subject.isascii():
        raise SignInRejected("subject")
    return Subject(expected.issuer, subject)


def _answers(nonce: object, expected: str | None) -> bool:
    """One that we did not ask for belongs to somebody else's sign-in as much as a wrong one."""
    if expected is None:
        return nonce is None
    return isinstance(nonce, str) and hmac.compare_digest(nonce.encode(), expected.encode())


def access_token_hash(access_token: str) -> str:
    """``at_hash`` (section 3.1.3.6): the left half of the hash that belongs to ES256, base64url."""
    half = hashlib.sha256(access_token.encode()).digest()[:16]
    return base64.urlsafe_b64encode(half).rstrip(b"=").decode()


def _decode(token: str, keys: KeySet, expected: Expected) -> Mapping[str, Any]:
    if len(token) > _MAX_TOKEN:
        raise SignInRejected("malformed")
    try:
        kid = _key_id(jwt.get_unverified_header(token))
        claims: Mapping[str, Any] = jwt.decode(
            token,
            keys.key(kid),
            algorithms=[ALGORITHM],
            audience=expected.client_id,
            issuer=expected.issuer,
            leeway=LEEWAY,
            options={"require": list(_REQUIRED), "strict_aud": True},
        )
    except jwt.PyJWTError as error:
        raise SignInRejected(_reason(error)) from error
    return claims


def _key_id(header: Mapping[str, Any]) -> str | None:
    """Check the header; keys that it brings along (``jwk``, ``jku``, ``x5u``) are not looked at."""
    if header.get("alg") != ALGORITHM:
        raise SignInRejected("algorithm")
    # Only ID tokens may be untyped; an access token, a DPoP proof or a logout token says what it is.
    if str(header.get("typ", "JWT")).upper() != "JWT":
        raise SignInRejected("type")
    if "crit" in header:
        raise SignInRejected("critical-header")
    kid = header.get("kid")
    return kid if isinstance(kid, str) else None


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    for name in ("iat", "exp"):
        if not isinstance(claims[name], int | float) or isinstance(claims[name], bool):
            raise SignInRejected("malformed")
    if claims["iat"] < now - MAX_AGE - LEEWAY:
        raise SignInRejected("too-old")


def _reason(error: Exception) -> str:
    return next((reason for kind, reason in _REASONS if isinstance(error, kind)), "malformed")
