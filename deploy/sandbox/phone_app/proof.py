"""Proofs of possession (RFC 9449 section 4) by the key in the wallet."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm


def proof(
    key: ec.EllipticCurvePrivateKey, method: str, url: str, access_token: str = "", nonce: str = "", **changes: Any
) -> str:
    """Return the ``DPoP`` header for one request; ``url`` is used without query and fragment.

    ``changes`` replace claims, and those of ``None`` are left out: tests make the proofs that must be refused.
    """
    claims: dict[str, Any] = {
        "jti": secrets.token_urlsafe(16),
        "htm": method,
        "htu": url.partition("#")[0].partition("?")[0],
        "iat": int(time.time()),
    }
    if access_token:
        claims["ath"] = base64url(hashlib.sha256(access_token.encode()).digest())
    if nonce:
        claims["nonce"] = nonce
    claims = {name: value for name, value in (claims | changes).items() if value is not None}
    return jwt.encode(claims, key, "ES256", headers={"typ": "dpop+jwt", "jwk": public_jwk(key)})


def public_jwk(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    """Return the public half (RFC 7517)."""
    whole = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {name: str(whole[name]) for name in ("kty", "crv", "x", "y")}


def thumbprint(key: ec.EllipticCurvePrivateKey) -> str:
    """Return the key's name (RFC 7638): what tokens carry as ``cnf.jkt``."""
    canonical = json.dumps(public_jwk(key), sort_keys=True, separators=(",", ":"))
    return base64url(hashlib.sha256(canonical.encode()).digest())


def base64url(octets: bytes) -> str:
    """Encode without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
