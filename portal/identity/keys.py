"""The provider's public keys, through rotations, outages and tokens that name keys nobody has."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jwt import PyJWK
from jwt.exceptions import PyJWTError

from portal.identity.cache import Cached
from portal.identity.errors import ProviderUnavailable, SignInRejected
from portal.identity.provider import Provider

#: The only algorithm; never taken from a token or a document (RFC 8725 section 3.1).
ALGORITHM = "ES256"
_FRESH = 300.0
#: Sign-ins go on with known keys for this long while the key set cannot be fetched.
_STALE = 86_400.0
#: Fetches that tokens with an unknown key may cause: so many in so many seconds, whatever is thrown at us.
_REFRESHES = 5
_WINDOW = 60.0
#: Keys that are looked at in one set.
_MAX_KEYS = 32


@dataclass(frozen=True, slots=True)
class Key:
    """One usable public key."""

    kid: str | None
    jwk: PyJWK


class KeySet:
    """Finds the key that a token names."""

    def __init__(self, provider: Provider, clock: Callable[[], float] = time.monotonic) -> None:
        self._provider = provider
        self._clock = clock
        self._keys = Cached(self._fetch, _FRESH, _STALE, clock)
        self._refreshes: list[float] = []

    def key(self, kid: str | None) -> PyJWK:
        """The key ``kid``, or the only key for a token that names none; else ``SignInRejected``.

        ``ProviderUnavailable`` when no key set can be had, or none that might hold a new key.

        A name that is not known may be a rotation, so the set is fetched again, but only a few times a minute.
        """
        found = _choose(self._keys.get(), kid)
        if found is None and self._may_refresh():
            found = _choose(self._keys.refresh(), kid)
        if found is None:
            raise SignInRejected("unknown-key")
        return found.jwk

    def _may_refresh(self) -> bool:
        now = self._clock()
        self._refreshes = [moment for moment in self._refreshes if now - moment < _WINDOW]
        if len(self._refreshes) >= _REFRESHES:
            return False
        self._refreshes.append(now)
        return True

    def _fetch(self) -> tuple[Key, ...]:
        document = self._provider.transport.get(self._provider.metadata().jwks_uri)
        entries = document.get("keys")
        if not isinstance(entries, list):
            raise ProviderUnavailable("the key set holds no list of keys")
        keys = tuple(key for entry in entries[:_MAX_KEYS] if (key := _usable(entry)) is not None)
        if not keys:
            raise ProviderUnavailable(f"the key set holds no key for {ALGORITHM}")
        return keys


def _choose(keys: Sequence[Key], kid: str | None) -> Key | None:
    if kid is not None:
        named = next((key for key in keys if key.kid == kid), None)
        if named is not None:
            return named
    only = keys[0] if len(keys) == 1 else None
    # One key and a name missing on either side cannot mean another key; two different names can.
    return only if only is not None and None in (kid, only.kid) else None


def _usable(entry: object) -> Key | None:
    """A P-256 key for signatures; keys of other kinds stand in the same set and are passed over."""
    if not isinstance(entry, Mapping) or not _is_for_signing(entry):
        return None
    kid = entry.get("kid")
    try:
        return Key(kid if isinstance(kid, str) else None, PyJWK(dict(entry), ALGORITHM))
    except (PyJWTError, ValueError, TypeError):
        return None


def _is_for_signing(entry: Mapping[str, Any]) -> bool:
    return (
        (entry.get("kty"), entry.get("crv")) == ("EC", "P-256")
        and entry.get("use", "sig") == "sig"
        and entry.get("alg", ALGORITHM) == ALGORITHM
        and "d" not in entry
    )
