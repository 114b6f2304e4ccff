"""The keys that the provider lives by: made at start, kept in memory, gone with the process."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Any

from joserfc.jwk import ECKey


class Keys:
    """The ES256 key that signs tokens, and the salt that makes pairwise subjects."""

    def __init__(self) -> None:
        self._salt = secrets.token_bytes(32)
        self.signing = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, private=True, auto_kid=True)

    @property
    def kid(self) -> str:
        """Name of the signing key: its RFC 7638 thumbprint."""
        return str(self.signing.kid)

    def public_set(self) -> dict[str, Any]:
        """Return the JSON Web Key Set (RFC 7517 section 5) that the world may read."""
        return {"keys": [self.signing.as_dict(private=False)]}

    def subject(self, number: int, sector: str) -> str:
        """Return who resident ``number`` is to clients of ``sector``: they cannot compare notes with another."""
        message = f"{sector}\0{number}".encode()
        digest = hmac.new(self._salt, message, hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
