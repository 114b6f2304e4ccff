"""Everything that a provider can do wrong, switched on by whoever holds the object, never over the network.

A relying party must survive each of these; the names follow the OpenID conformance suite where it has one.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum, auto
from typing import Any

Claims = dict[str, Any]


class TokenFault(StrEnum):
    """What is wrong with the tokens that are signed from now on."""

    WRONG_ISSUER = auto()
    NO_ISSUER = auto()
    WRONG_SUBJECT = auto()
    NO_SUBJECT = auto()
    WRONG_AUDIENCE = auto()
    NO_AUDIENCE = auto()
    AUDIENCE_LIST = auto()
    NO_ISSUED_AT = auto()
    OLD = auto()
    FUTURE = auto()
    NO_EXPIRY = auto()
    EXPIRED = auto()
    WRONG_NONCE = auto()
    NO_NONCE = auto()
    WRONG_AT_HASH = auto()
    NO_SID = auto()
    NO_JTI = auto()
    NO_EVENTS = auto()
    WRONG_EVENTS = auto()
    NO_SCOPE = auto()
    UNBOUND = auto()
    SUSPENDED = auto()
    WRONG_TYPE = auto()
    NO_KID = auto()
    UNKNOWN_KID = auto()
    WRONG_KEY = auto()
    EMBEDDED_KEY = auto()
    BAD_SIGNATURE = auto()
    RS256 = auto()
    HS256 = auto()
    NONE = auto()


class KeySetFault(StrEnum):
    """What is wrong with the key set that is published from now on."""

    EMPTY = auto()
    NOT_JSON = auto()
    NO_KID = auto()
    TWO_WITHOUT_KID = auto()
    UNUSABLE_BESIDE = auto()
    ONLY_UNUSABLE = auto()


#: Keys that no ES256 verifier can use: another type, a broken point, an unknown curve, not even an object's shape.
UNUSABLE_KEYS: tuple[dict[str, Any], ...] = (
    {"kty": "unheard-of", "kid": "unusable-1"},
    {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA", "kid": "unusable-2", "use": "sig", "alg": "ES256"},
    {"kty": "EC", "crv": "P-999", "x": "AAAA", "y": "AAAA", "kid": "unusable-3"},
    {"kid": "unusable-4"},
    {"kty": "oct", "k": "c2VjcmV0", "kid": "unusable-5", "alg": "HS256"},
)


@dataclass
class Faults:
    """The switches; a fresh one has all of them off.

    ``paths`` limits slowness and absence to some endpoints, ``kinds`` the token fault to some ``typ``; empty
    means all. ``requests`` counts what was asked, by path, whether it was answered or not.
    """

    delay_seconds: float = 0.0
    unavailable: bool = False
    paths: frozenset[str] = frozenset()
    token: TokenFault | None = None
    kinds: frozenset[str] = frozenset()
    key_set: KeySetFault | None = None
    discovery_issuer: str = ""
    userinfo_subject: str = ""
    requests: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def meet(self, path: str) -> bool:
        """Count a request and be slow if that is on; true if it must be answered with 503."""
        with self._lock:
            self.requests[path] += 1
        touched = not self.paths or path in self.paths
        if touched and self.delay_seconds:
            time.sleep(self.delay_seconds)
        return touched and self.unavailable

    def of(self, kind: str) -> TokenFault | None:
        """Return the fault of tokens with this ``typ``."""
        return self.token if not self.kinds or kind in self.kinds else None

    def document(self, honest: Claims) -> Claims:
        """Return the discovery document to publish."""
        return honest | {"issuer": self.discovery_issuer} if self.discovery_issuer else honest

    def keys(self, honest: list[Claims]) -> list[Claims] | None:
        """Return the keys to publish; ``None`` for something that is no key set at all."""
        nameless = [{name: value for name, value in key.items() if name != "kid"} for key in honest]
        published: dict[KeySetFault | None, list[Claims] | None] = {
            None: honest,
            KeySetFault.EMPTY: [],
            KeySetFault.NOT_JSON: None,
            KeySetFault.NO_KID: nameless,
            KeySetFault.TWO_WITHOUT_KID: [nameless[0], nameless[-1]],
            KeySetFault.UNUSABLE_BESIDE: [*UNUSABLE_KEYS, *honest],
            KeySetFault.ONLY_UNUSABLE: list(UNUSABLE_KEYS),
        }
        return published[self.key_set]


def spoiled(claims: Claims, fault: TokenFault | None) -> Claims:
    """Return the claims with the fault in them; those that are in the header or the signature change nothing."""
    change = _CHANGES.get(fault) if fault else None
    changed = claims | (change(claims) if change else {})
    return {name: value for name, value in changed.items() if value is not None}


def _without(name: str) -> Callable[[Claims], Claims]:
    return lambda _claims: {name: None}


def _with(**values: Any) -> Callable[[Claims], Claims]:
    return lambda _claims: dict(values)


def _moved(seconds: int) -> Callable[[Claims], Claims]:
    """Shift the issue by ``seconds``; the end stays or follows, so that only the age is wrong."""
    return lambda claims: {"iat": claims["iat"] + seconds, "exp": claims["exp"] + max(seconds, 0)}


#: Seconds: more than any leeway, less than would be absurd.
_FAR = 3600

_CHANGES: dict[TokenFault, Callable[[Claims], Claims]] = {
    TokenFault.WRONG_ISSUER: _with(iss="https://elsewhere.test"),
    TokenFault.NO_ISSUER: _without("iss"),
    TokenFault.WRONG_SUBJECT: _with(sub="somebody-else"),
    TokenFault.NO_SUBJECT: _without("sub"),
    TokenFault.WRONG_AUDIENCE: _with(aud="somebody-else"),
    TokenFault.NO_AUDIENCE: _without("aud"),
    TokenFault.AUDIENCE_LIST: lambda claims: {"aud": [claims["aud"], "somebody-else"]},
    TokenFault.NO_ISSUED_AT: _without("iat"),
    TokenFault.OLD: _moved(-_FAR),
    TokenFault.FUTURE: _moved(_FAR),
    TokenFault.NO_EXPIRY: _without("exp"),
    TokenFault.EXPIRED: lambda claims: {"iat": claims["iat"] - _FAR, "exp": claims["exp"] - _FAR},
    TokenFault.WRONG_NONCE: _with(nonce="of-another-sign-in"),
    TokenFault.NO_NONCE: _without("nonce"),
    TokenFault.WRONG_AT_HASH: _with(at_hash="AAAAAAAAAAAAAAAAAAAAAA"),
    TokenFault.NO_SID: _without("sid"),
    TokenFault.NO_JTI: _without("jti"),
    TokenFault.NO_EVENTS: _without("events"),
    TokenFault.WRONG_EVENTS: _with(events={"http://schemas.openid.net/event/other": {}}),
    TokenFault.NO_SCOPE: _with(scope="openid"),
    TokenFault.UNBOUND: _without("cnf"),
    TokenFault.SUSPENDED: _with(bsw_status="suspended"),
}
