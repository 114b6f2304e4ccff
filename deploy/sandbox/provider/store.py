"""Codes and tokens that are out, in memory: a code is taken once, and both run out by themselves."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field

from authlib.oauth2.rfc6749 import TokenMixin
from authlib.oidc.core import AuthorizationCodeMixin

from deploy.sandbox.provider.clients import Client
from deploy.sandbox.provider.residents import Resident

#: Seconds that a code may wait to be exchanged. RFC 6749 section 4.1.2 allows ten minutes; a portal needs one.
CODE_SECONDS = 60


@dataclass(frozen=True)
class Code(AuthorizationCodeMixin):  # type: ignore[misc]  # authlib carries no types
    """One authorization code and all that it is bound to. ``expires`` is on the monotonic clock."""

    value: str
    client: Client
    redirect_uri: str
    scope: str
    resident: Resident
    nonce: str | None
    code_challenge: str
    code_challenge_method: str = "S256"
    auth_time: int = field(default_factory=lambda: int(time.time()))
    sid: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    expires: float = field(default_factory=lambda: time.monotonic() + CODE_SECONDS)

    def get_redirect_uri(self) -> str:
        """Return where the code was sent; the exchange must name the same."""
        return self.redirect_uri

    def get_scope(self) -> str:
        """Return the granted scopes."""
        return self.scope

    def get_nonce(self) -> str | None:
        """Return the client's nonce for the ID token."""
        return self.nonce

    def get_auth_time(self) -> int:
        """Return when the PIN was given, in seconds of Unix time."""
        return self.auth_time


@dataclass(frozen=True)
class Token(TokenMixin):  # type: ignore[misc]  # authlib carries no types
    """One opaque access token for the userinfo endpoint. ``expires`` is on the monotonic clock."""

    value: str
    code: str
    client: Client
    resident: Resident
    scope: str
    expires: float

    def get_scope(self) -> str:
        """Return the granted scopes."""
        return self.scope

    def is_expired(self) -> bool:
        """Say whether its time has run out."""
        return time.monotonic() >= self.expires

    def is_revoked(self) -> bool:
        """Say no: a revoked token is not in the store any more."""
        return False

    def get_client(self) -> Client:
        """Return the application that it was given to."""
        return self.client

    def get_user(self) -> Resident:
        """Return the person that it speaks of."""
        return self.resident


class Store:
    """Every code and token that is out; safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._codes: dict[str, Code] = {}
        self._tokens: dict[str, Token] = {}

    def add_code(self, code: Code) -> None:
        """Keep a code, and forget what has run out."""
        now = time.monotonic()
        with self._lock:
            self._codes = {value: old for value, old in self._codes.items() if old.expires > now}
            self._tokens = {value: old for value, old in self._tokens.items() if old.expires > now}
            self._codes[code.value] = code

    def take_code(self, value: str, client: Client) -> Code | None:
        """Hand a code out once, and only to the client it was made for.

        Seen a second time it has leaked, so whatever token came of it is revoked (RFC 6749 section 4.1.2).
        """
        with self._lock:
            code = self._codes.pop(value, None)
            if code is None:
                self._tokens = {key: token for key, token in self._tokens.items() if token.code != value}
                return None
        return code if code.client == client and code.expires > time.monotonic() else None

    def add_token(self, token: Token) -> None:
        """Keep a token until it runs out."""
        with self._lock:
            self._tokens[token.value] = token

    def token(self, value: str) -> Token | None:
        """Return the token with this value, if it is out."""
        with self._lock:
            return self._tokens.get(value)
