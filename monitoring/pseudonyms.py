"""Names that let usage be counted per person without saying who it was.

UU 27/2022 (personal data protection) asks for no more than the purpose needs. Counting, limits and risk need to
know that two visits of one day were the same person or device, and never who. So persons and devices are stored
as keyed hashes under a key that changes with every day: nobody links two days, and without the key file nobody
can try every resident's subject or all 2**48 MAC addresses against a stored pseudonym.

The master key never leaves its file; whoever destroys it makes every pseudonym made with it anonymous for good.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Self

from policy.model import Address, Mac

KEY_BYTES = 32
"""The length of the master key: the output of SHA-256, RFC 2104 section 3 says less would weaken it."""

_PSEUDONYM_BYTES = 16
"""128 bits: RFC 2104 section 5 asks for half the hash; a day's collision among 10**6 people is below 2**-88."""


class PseudonymKeyError(Exception):
    """The key file cannot be used; the message says which file and what to do."""


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """Pseudonyms under one master key. Build it with ``load``; equal input on one day gives equal output."""

    _master: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self._master) != KEY_BYTES:
            raise ValueError(f"a pseudonym key has {KEY_BYTES} bytes, not {len(self._master)}")

    @classmethod
    def load(cls, key_file: Path) -> Self:
        """Read the key file, making it first where there is none; ``PseudonymKeyError`` says what is wrong.

        Several processes may start at once: whoever links its file first wins, the others read that one.
        The mode is 0640, so that portal and monitor can share it through the group of the directory.
        """
        try:
            if not key_file.exists():
                _create(key_file)
            key = key_file.read_bytes()
        except OSError as error:
            raise PseudonymKeyError(
                f"{key_file}: {error.strerror}; the portal's and the monitor's users must be able to read it"
            ) from error
        if len(key) != KEY_BYTES:
            raise PseudonymKeyError(
                f"{key_file} has {len(key)} bytes instead of {KEY_BYTES}; restore it from a backup, or remove it"
                " to start with a new key (pseudonyms of today then change)"
            )
        return cls(key)

    def person(self, issuer: str, subject: str, day: date) -> str:
        """The pseudonym of one subject of one issuer on one local day: 32 hexadecimal digits."""
        return self._pseudonym(b"person", day, issuer.encode(), subject.encode())

    def device(self, mac: Mac, day: date) -> str:
        """The pseudonym of one hardware address on one local day: 32 hexadecimal digits."""
        return self._pseudonym(b"device", day, mac.packed)

    def address(self, address: Address, day: date) -> str:
        """The pseudonym of one IP address on one local day: 32 hexadecimal digits."""
        return self._pseudonym(b"address", day, address.packed)

    def _pseudonym(self, purpose: bytes, day: date, *parts: bytes) -> str:
        daily = _hmac(self._master, purpose, day.isoformat().encode())
        return _hmac(daily, *parts)[:_PSEUDONYM_BYTES].hex()


def _hmac(key: bytes, *parts: bytes) -> bytes:
    """HMAC-SHA-256 over parts that each say their length, so that ("ab", "c") is not ("a", "bc")."""
    message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return hmac.digest(key, message, sha256)


def _create(key_file: Path) -> None:
    """A new random key appears under its name whole or not at all."""
    draft = key_file.with_name(f".{key_file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        # A link never replaces what another process made in between, which a rename would.
        with contextlib.suppress(FileExistsError):
            key_file.hardlink_to(draft)
    finally:
        draft.unlink()
