"""Signs what the provider says: ID tokens, access tokens for gateways and logout tokens."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from deploy.sandbox.provider.faults import Faults, TokenFault, spoiled
from deploy.sandbox.provider.keys import Keys, base64url


class Signer:
    """Turns claims into a signed token under the key of the moment; with a fault switched on, into a wrong one."""

    def __init__(self, keys: Keys, faults: Faults) -> None:
        self._keys = keys
        self._faults = faults

    def sign(self, kind: str, claims: dict[str, Any]) -> str:
        """Return the compact token; ``kind`` is its ``typ`` (``JWT``, ``at+jwt``, ``logout+jwt``)."""
        key = self._keys.signing
        header: dict[str, Any] = {"alg": "ES256", "kid": str(key.kid), "typ": kind}
        fault = self._faults.of(kind)
        claims = spoiled(claims, fault)
        return _wrongly(fault, header, claims, key) if fault else _rightly(header, claims, key)


def _rightly(header: dict[str, Any], claims: dict[str, Any], key: ECKey | RSAKey) -> str:
    return jwt.encode(header, claims, key, algorithms=[header["alg"]])


def _wrongly(fault: TokenFault, header: dict[str, Any], claims: dict[str, Any], key: ECKey) -> str:
    """Return a token whose header or signature is wrong as ``fault`` says, else one with the spoiled claims."""
    if fault is TokenFault.WRONG_TYPE:
        return _rightly(header | {"typ": "JWT" if header["typ"] != "JWT" else "at+jwt"}, claims, key)
    if fault is TokenFault.NO_KID:
        return _rightly({name: value for name, value in header.items() if name != "kid"}, claims, key)
    if fault is TokenFault.UNKNOWN_KID:
        return _rightly(header | {"kid": "never-published"}, claims, ECKey.generate_key("P-256"))
    if fault is TokenFault.WRONG_KEY:
        return _rightly(header, claims, ECKey.generate_key("P-256"))
    if fault is TokenFault.EMBEDDED_KEY:
        own = ECKey.generate_key("P-256")
        return _rightly(header | {"jwk": own.as_dict(private=False)}, claims, own)
    if fault is TokenFault.RS256:
        return _rightly(header | {"alg": "RS256"}, claims, RSAKey.generate_key(2048))
    if fault is TokenFault.HS256:
        return _keyed_by_public_key(header | {"alg": "HS256"}, claims, key)
    if fault is TokenFault.NONE:
        return _unsigned(header | {"alg": "none"}, claims) + "."
    token = _rightly(header, claims, key)
    return _broken(token) if fault is TokenFault.BAD_SIGNATURE else token


def _keyed_by_public_key(header: dict[str, Any], claims: dict[str, Any], key: ECKey) -> str:
    """Sign as a confused verifier would check: with the public key's PEM as a shared secret."""
    signed = _unsigned(header, claims)
    return f"{signed}.{base64url(hmac.new(key.as_pem(private=False), signed.encode(), hashlib.sha256).digest())}"


def _unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    return ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))


def _broken(token: str) -> str:
    signed, _, signature = token.rpartition(".")
    return f"{signed}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"
