"""The keys that the provider lives by: made at start, kept in memory, gone with the process."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
import time
from typing import Any

from joserfc.jwk import ECKey

#: Seconds that a key stays published after its last signature: longer than any token that it signed lives.
RETIRED_SECONDS = 3600.0


class Keys:
    """The ES256 key that signs tokens, those before it, and the salt that makes pairwise subjects."""

    def __init__(self) -> None:
        self._salt = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._retired: list[tuple[float, ECKey]] = []
        self.signing = _new()

    @property
    def kid(self) -> str:
        """Name of the signing key: its RFC 7638 thumbprint."""
        return str(self.signing.kid)

    def rotate(self, keep_seconds: float = RETIRED_SECONDS) -> str:
        """Sign with a new key from now on and return its name; the old one is published ``keep_seconds`` more."""
        with self._lock:
            self._retired.append((time.monotonic() + keep_seconds, self.signing))
            self.signing = _new()
            return self.kid

    def public_set(self) -> dict[str, Any]:
        """Return the JSON Web Key Set (RFC 7517 section 5) that the world may read, the signing key first."""
        with self._lock:
            self._retired = [(until, key) for until, key in self._retired if until > time.monotonic()]
            published = [self.signing, *(key for _, key in reversed(self._retired))]
        return {"keys": [key.as_dict(private=False) for key in published]}

    def subject(self, number: int, sector: str) -> str:
        """Return who resident ``number`` is to clients of ``sector``: they cannot compare notes with another."""
        message = f"{sector}\0{number}".encode()
        return base64url(hmac.new(self._salt, message, hashlib.sha256).digest())


def base64url(octets: bytes) -> str:
    """Encode without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _new() -> ECKey:
    return ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, private=True, auto_kid=True)
