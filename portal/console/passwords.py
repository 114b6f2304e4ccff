"""Passwords of staff: hashed with Argon2id, refused when they are easily guessed."""

from __future__ import annotations

import re
import secrets
from itertools import pairwise

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

SHORTEST = 12
"""Characters; OWASP ASVS 5.0 6.2.1 demands 8 and recommends 15, NIST SP 800-63B-4 demands 15 without a second
factor. What is shown to staff recommends ``ADVISED``."""

ADVISED = 15
LONGEST = 256
"""Characters; ASVS 6.2.9 wants at least 64 allowed, and hashing must not become a way to keep us busy."""

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without i, l, o, 0 and 1, which people mix up when they copy from paper."""

_HASHER = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
"""RFC 9106 section 4, second recommended option: t=3, 64 MiB, p=4; above OWASP's minimum of 19 MiB, t=2, p=1."""

_WORDS = """
    password passwort pass word kata sandi rahasia admin administrator operator auditor approver leader root
    user test login welcome selamat datang letmein changeme ganti default secret master super qwerty qwertz
    qwertyuiop asdf asdfgh asdfghjkl zxcvbn zxcvbnm abc abcd abcdef iloveyou monkey dragon sunshine princess
    football baseball sayang cinta bismillah alhamdulillah allah indonesia merdeka jakarta kalimantan timur
    borneo balikpapan kota beriman nusantara bekapai manggar sepinggan diskominfo kominfo gerbang gempita bsw
    wifi internet hotspot gateway portal console konsol pemkot walikota dinas ku saya the my is and x
"""
_COMMON = frozenset(_WORDS.split())
"""Words that leaked passwords and this place suggest: a password made of nothing else is guessed first."""

_LEET = str.maketrans("013457@$!", "oieastasi")
_RUNS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")


class WeakPassword(ValueError):
    """Why a password is refused; ``code`` is "short", "long", "name" or "common"."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def check(password: str, name: str) -> None:
    """Raise ``WeakPassword`` for one that may not protect the account ``name``."""
    if len(password) < SHORTEST:
        raise WeakPassword("short")
    if len(password) > LONGEST:
        raise WeakPassword("long")
    plain = password.casefold()
    rest = plain.replace(name.casefold(), "")
    if len(rest) < SHORTEST // 2:
        raise WeakPassword("name")
    if len(set(plain)) < 5 or _is_run(plain) or _is_common(plain) or _is_common(rest):
        raise WeakPassword("common")


def _is_common(text: str) -> bool:
    """Nothing but common words, with digits and signs around them or in place of letters."""
    stripped = re.sub(r"[\W\d_]+", "", text)
    inner = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", text)
    letters = re.sub(r"[\W\d_]+", "", inner.translate(_LEET))
    return _is_words(stripped) or _is_words(letters)


def _is_words(text: str) -> bool:
    """Whether ``text`` can be cut into common words; in time linear in its length, whatever it holds."""
    longest = max(map(len, _COMMON))
    ends = {0}
    for end in range(1, len(text) + 1):
        if any(start in ends and text[start:end] in _COMMON for start in range(max(0, end - longest), end)):
            ends.add(end)
    return len(text) in ends


def _is_run(text: str) -> bool:
    """More than half of its steps go along the alphabet, the digits or a row of keys, either way."""
    steps = [a + b for a, b in pairwise(text)]
    along = sum(any(step in run or step[::-1] in run for run in _RUNS) for step in steps)
    return along > len(steps) / 2


def one_time() -> str:
    """Twenty characters in groups of five: 99 bits, for paper."""
    drawn = [secrets.choice(_LETTERS) for _ in range(20)]
    return "-".join("".join(drawn[i : i + 5]) for i in range(0, 20, 5))


def hashed(password: str) -> str:
    """Salt, parameters and hash in one text (PHC string format)."""
    return _HASHER.hash(password)


def matches(password_hash: str, password: str) -> bool:
    """Whether it is the password; a damaged hash matches nothing."""
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def outdated(password_hash: str) -> bool:
    """Whether it was made with other parameters than today's, so that the next sign-in hashes anew."""
    return _HASHER.check_needs_rehash(password_hash)


NOBODY = hashed(secrets.token_urlsafe(32))
"""What the password of an unknown account is held against, so that it takes as long as that of a known one."""
