"""What the app keeps on the phone: its key and the right to new tokens, in a file for its owner alone."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec


class Wallet:
    """A P-256 key and a refresh token; without a ``path`` they live and die in memory.

    An existing file is read and must be readable for its owner only; ``ValueError`` says what is wrong with it.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self.refresh_token = ""
        if path is not None and path.exists():
            self.key = self._read(path)
        else:
            self.key = ec.generate_private_key(ec.SECP256R1())
            self._write()

    def renew(self, refresh_token: str) -> None:
        """Keep the newest refresh token: the one before it was used up."""
        self.refresh_token = refresh_token
        self._write()

    def _read(self, path: Path) -> ec.EllipticCurvePrivateKey:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ValueError(f"{path} can be read by others: chmod 600 it, or delete it and sign in again")
        try:
            kept = json.loads(path.read_text())
            key = serialization.load_pem_private_key(kept["key"].encode(), password=None)
            self.refresh_token = str(kept["refresh_token"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path} is not a wallet of this app") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ValueError(f"{path} holds another kind of key")
        return key

    def _write(self) -> None:
        """Replace the file in one step, so that a full disk or a lost battery leaves the old one."""
        if self._path is None:
            return
        pem = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        text = json.dumps({"key": pem.decode(), "refresh_token": self.refresh_token})
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self._path.parent, prefix=".wallet-")  # mode 0600
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(text)
            Path(name).replace(self._path)
        except OSError:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
