"""Is this ID token the answer to that sign-in? (OpenID Connect Core 1.0 section 3.1.3.7, RFC 8725)"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from portal.identity import jose
from portal.identity.errors import SignInRejected
from portal.identity.keys import KeySet

#: An ID token is fetched as soon as it is made; one older than this was made for somebody else, seconds.
MAX_AGE = 60
#: Only ID tokens may be untyped; an access token, a DPoP proof or a logout token says what it is.
_KINDS = (None, "jwt")
_REQUIRED = ("iss", "sub", "aud", "exp", "iat")


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
    claims = jose.read_issued(token, keys, _KINDS, _REQUIRED, expected.issuer, expected.client_id)
    if claims["iat"] < now - MAX_AGE - jose.LEEWAY:
        raise SignInRejected("too-old")
    if not _answers(claims.get("nonce"), expected.nonce):
        raise SignInRejected("nonce")
    if claims.get("azp", expected.client_id) != expected.client_id:
        raise SignInRejected("authorized-party")
    if "at_hash" in claims and claims["at_hash"] != access_token_hash(expected.access_token):
        raise SignInRejected("access-token-hash")
    return Subject(expected.issuer, claims["sub"])


def _answers(nonce: object, expected: str | None) -> bool:
    """One that we did not ask for belongs to somebody else's sign-in as much as a wrong one."""
    if expected is None:
        return nonce is None
    return isinstance(nonce, str) and hmac.compare_digest(nonce.encode(), expected.encode())


def access_token_hash(access_token: str) -> str:
    """``at_hash`` (section 3.1.3.6): the left half of the hash that belongs to ES256, base64url."""
    return jose.encoded(hashlib.sha256(access_token.encode()).digest()[:16])
