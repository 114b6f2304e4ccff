"""Keeps what the database must hold for some minutes, but nobody who reads the database may see."""

from __future__ import annotations

import json
import os
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

#: Octets of a nonce: what AES-GCM takes (NIST SP 800-38D section 5.2.1.1).
_NONCE = 12


class Seal:
    """AES-256-GCM under a key derived from a secret (HKDF, RFC 5869); ``purpose`` keeps two uses apart."""

    def __init__(self, secret: bytes, purpose: str) -> None:
        self._cipher = AESGCM(HKDF(SHA256(), 32, None, purpose.encode()).derive(secret))

    def close(self, values: dict[str, Any], name: str) -> bytes:
        """Seal ``values``, which JSON can carry; they open under the same ``name`` only."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, json.dumps(values).encode(), name.encode())

    def open(self, sealed: bytes, name: str) -> dict[str, Any] | None:
        """What was sealed; ``None`` for what was not, or under another secret or name."""
        try:
            opened = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], name.encode())
        except (InvalidTag, ValueError):
            return None
        values: dict[str, Any] = json.loads(opened)
        return values
