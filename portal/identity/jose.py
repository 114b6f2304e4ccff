"""What every token has in common, whoever signed it: three parts, one algorithm, a kind, claims (RFC 8725)."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Collection, Mapping
from typing import Any

import jwt

from portal.identity.errors import SignInRejected
from portal.identity.keys import ALGORITHM, KeySet

#: Clocks may differ by this much, seconds.
LEEWAY = 30
#: Octets; the sandbox's have about 600.
MAX_TOKEN = 8_192
#: OpenID Connect Core section 2: at most 255 ASCII characters.
_MAX_SUBJECT = 255
#: RFC 7515 section 7.1, and nothing that a lenient base64 reader would skip.
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")

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
#: What PyJWT lets through when a token holds numbers or a depth that nobody honest writes.
_UNREADABLE = (jwt.PyJWTError, ValueError, OverflowError, RecursionError)


def read_header(token: str, kinds: Collection[str | None]) -> Mapping[str, Any]:
    """The header of a token of one of these ``kinds``: ``typ`` in lower case, ``None`` for none.

    ``SignInRejected`` for any other. Nothing is verified yet, and keys that the header brings along (``jwk``,
    ``jku``, ``x5u``) are not looked at here.
    """
    if len(token) > MAX_TOKEN or not _COMPACT.fullmatch(token):
        raise SignInRejected("malformed")
    try:
        header: Mapping[str, Any] = jwt.get_unverified_header(token)
    except _UNREADABLE as error:
        raise SignInRejected(_reason(error)) from error
    if header.get("alg") != ALGORITHM:
        raise SignInRejected("algorithm")
    kind = header.get("typ")
    if (kind.lower() if isinstance(kind, str) else kind) not in kinds:
        raise SignInRejected("type")
    if "crit" in header:
        raise SignInRejected("critical-header")
    return header


def read_claims(token: str, key: jwt.PyJWK, required: Collection[str], **options: Any) -> Mapping[str, Any]:
    """The claims under a good signature; ``options`` are those of ``jwt.decode``. Else ``SignInRejected``."""
    options["options"] = {"require": list(required), "strict_aud": True} | options.get("options", {})
    try:
        claims: Mapping[str, Any] = jwt.decode(token, key, algorithms=[ALGORITHM], leeway=LEEWAY, **options)
    except _UNREADABLE as error:
        raise SignInRejected(_reason(error)) from error
    return claims


def read_issued(
    token: str, keys: KeySet, kinds: Collection[str | None], required: Collection[str], issuer: str, audience: str
) -> Mapping[str, Any]:
    """The claims of a token that the provider itself signed for ``audience``; its times are numbers.

    ``SignInRejected``; ``ProviderUnavailable`` when its keys cannot be had.
    """
    kid = read_header(token, kinds).get("kid")
    key = keys.key(kid if isinstance(kid, str) else None)
    claims = read_claims(token, key, required, issuer=issuer, audience=audience)
    if not all(is_moment(claims[name]) for name in ("iat", "exp")):
        raise SignInRejected("malformed")
    subject = claims["sub"]
    if not 0 < len(subject) <= _MAX_SUBJECT or not subject.isascii():
        raise SignInRejected("subject")
    return claims


def is_moment(value: object) -> bool:
    """Whether a claim is a NumericDate (RFC 7519 section 2)."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def digest(text: str) -> str:
    """SHA-256, base64url without padding: ``ath`` of RFC 9449, thumbprints of RFC 7638."""
    return encoded(hashlib.sha256(text.encode()).digest())


def encoded(octets: bytes) -> str:
    """Base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _reason(error: Exception) -> str:
    return next((reason for kind, reason in _REASONS if isinstance(error, kind)), "malformed")
