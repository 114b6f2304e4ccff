"""The key that signs the visitors' cookies."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

_BYTES = 32


def load(file: Path) -> bytes:
    """Read the key, making it first where there is none; readable by the portal's user only.

    Several workers may start at once: the first link wins. ``OSError`` and ``ValueError`` say what to do.
    """
    if not file.exists():
        draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as target:
                target.write(secrets.token_bytes(_BYTES))
            with contextlib.suppress(FileExistsError):
                file.hardlink_to(draft)
        finally:
            draft.unlink()
    key = file.read_bytes()
    if len(key) < _BYTES:
        raise ValueError(f"{file} has {len(key)} bytes, at least {_BYTES} are needed; remove it to get a new key")
    return key
