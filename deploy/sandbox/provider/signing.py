"""Signs what the provider says: ID tokens, access tokens for gateways and logout tokens."""

from __future__ import annotations

from typing import Any

from joserfc import jwt

from deploy.sandbox.provider.keys import Keys


class Signer:
    """Turns claims into a signed token under the key of the moment."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def sign(self, kind: str, claims: dict[str, Any]) -> str:
        """Return the compact token; ``kind`` is its ``typ`` (``JWT``, ``at+jwt``, ``logout+jwt``)."""
        key = self._keys.signing
        header = {"alg": "ES256", "kid": str(key.kid), "typ": kind}
        return jwt.encode(header, claims, key, algorithms=["ES256"])
