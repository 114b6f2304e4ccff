"""Did BSW give this access token to the app, for this very gateway, a moment ago? (RFC 9068, RFC 9449 section 6)

A token alone opens nothing: it belongs to the key whose thumbprint it carries, and ``dpop`` checks that key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from portal.identity import jose
from portal.identity.errors import SignInRejected
from portal.identity.keys import KeySet
from portal.identity.tokens import Subject

#: The longest life that BSW may give a token for a gateway, seconds (facts of the contract: <= 120 s).
MAX_LIFETIME = 120
#: The only ``bsw_status`` that may sign in.
ACTIVE = "active"
_KINDS = ("at+jwt",)
_SCOPE = "wifi"
_REQUIRED = (
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "jti",
    "client_id",
    "scope",
    "cnf",
    "bsw_status",
    "bsw_age_band",
)
#: Characters of ``client_id`` and ``jti``, of ``bsw_status`` and ``bsw_age_band``.
_MAX_NAME = 255
_MAX_WORD = 32
#: Base64url of SHA-256 (RFC 7638).
_THUMBPRINT = 43


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What a verified token says. ``thumbprint`` names the key that must sign the proof, ``id`` is its ``jti``."""

    subject: Subject
    client_id: str
    id: str
    thumbprint: str
    status: str
    age_band: str

    @property
    def active(self) -> bool:
        """Whether the person may sign in; suspended people may not."""
        return self.status == ACTIVE


def audience(gateway: str) -> str:
    """How BSW names a gateway: a token for another one is worth nothing here."""
    return f"urn:bpn:wifi-gateway:{gateway}"


def verify(token: str, keys: KeySet, issuer: str, gateway: str) -> AccessToken:
    """The token's content; ``SignInRejected``, or ``ProviderUnavailable`` when BSW's keys cannot be had."""
    claims = jose.read_issued(token, keys, _KINDS, _REQUIRED, issuer, audience(gateway))
    # Its end lies ahead, so a short life also bounds its age.
    if not 0 < claims["exp"] - claims["iat"] <= MAX_LIFETIME:
        raise SignInRejected("lifetime")
    if _SCOPE not in _text(claims, "scope", jose.MAX_TOKEN).split(" "):
        raise SignInRejected("scope")
    return AccessToken(
        subject=Subject(issuer, claims["sub"]),
        client_id=_text(claims, "client_id", _MAX_NAME),
        id=_text(claims, "jti", _MAX_NAME),
        thumbprint=_thumbprint(claims["cnf"]),
        status=_text(claims, "bsw_status", _MAX_WORD),
        age_band=_text(claims, "bsw_age_band", _MAX_WORD),
    )


def _text(claims: Mapping[str, Any], name: str, longest: int) -> str:
    value = claims[name]
    if not isinstance(value, str) or not 0 < len(value) <= longest or not value.isprintable():
        raise SignInRejected("malformed")
    return value


def _thumbprint(confirmation: object) -> str:
    found = confirmation.get("jkt") if isinstance(confirmation, Mapping) else None
    if not isinstance(found, str) or len(found) != _THUMBPRINT or not found.isascii():
        raise SignInRejected("confirmation")
    return found
