"""Codes and tokens that are out, in memory: a code is taken once, and both run out by themselves."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Protocol

from authlib.oauth2.rfc6749 import TokenMixin
from authlib.oidc.core import AuthorizationCodeMixin

from deploy.sandbox.provider.clients import Client
from deploy.sandbox.provider.residents import Resident

#: Seconds that a code may wait to be exchanged. RFC 6749 section 4.1.2 allows ten minutes; a portal needs one.
CODE_SECONDS = 60

#: Seconds that the app stays signed in without being used; 30 days, as long as a sandbox will ever run.
REFRESH_SECONDS = 30 * 86400

#: Used codes and refresh tokens that are recognised when they come again; the oldest are forgotten first.
_MOST_SPENT = 100_000


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
    """One opaque access token for this provider's own endpoints. ``expires`` is on the monotonic clock.

    ``key`` is the thumbprint of the key that must be proven with it, empty for a bearer token.
    """

    value: str
    client: Client
    resident: Resident
    scope: str
    expires: float
    key: str = ""
    sid: str = ""

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


@dataclass(frozen=True)
class Refresh:
    """A lasting right to new tokens, until it is used: the next one comes with the answer."""

    client: Client
    resident: Resident
    scope: str
    key: str
    sid: str
    auth_time: int
    expires: float = field(default_factory=lambda: time.monotonic() + REFRESH_SECONDS)

    def get_scope(self) -> str:
        """Return the granted scopes."""
        return self.scope

    def check_client(self, client: Client) -> bool:
        """Say whether it was given to this application."""
        return self.client == client


@dataclass(frozen=True, slots=True)
class Session:
    """One resident signed in at one client; ``sid`` is what the client knows it by."""

    sid: str
    client: Client
    resident: Resident


class SignedIn(Protocol):
    """What a session begins with."""

    @property
    def resident(self) -> Resident:
        """Who signed in."""

    @property
    def sid(self) -> str:
        """The session's name."""


class Store:
    """Every code, token and session that is out; safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._codes: dict[str, Code] = {}
        self._tokens: dict[str, Token] = {}
        self._refresh: dict[str, Refresh] = {}
        self._spent: dict[str, str] = {}
        self._sessions: dict[tuple[str, str], Session] = {}

    def add_code(self, code: Code) -> None:
        """Keep a code, and forget what has run out."""
        now = time.monotonic()
        with self._lock:
            self._codes = {value: old for value, old in self._codes.items() if old.expires > now}
            self._tokens = {value: old for value, old in self._tokens.items() if old.expires > now}
            self._refresh = {value: old for value, old in self._refresh.items() if old.expires > now}
            self._codes[code.value] = code

    def take_code(self, value: str, client: Client) -> Code | None:
        """Hand a code out once, and only to the client it was made for.

        Seen a second time it has leaked, so whatever came of it is revoked (RFC 6749 section 4.1.2).
        """
        with self._lock:
            code = self._codes.pop(value, None)
            if code is None:
                self._reused(value)
                return None
            self._spend(value, code.sid)
        return code if code.client == client and code.expires > time.monotonic() else None

    def add_token(self, token: Token) -> None:
        """Keep a token until it runs out."""
        with self._lock:
            self._tokens[token.value] = token

    def token(self, value: str) -> Token | None:
        """Return the token with this value, if it is out."""
        with self._lock:
            return self._tokens.get(value)

    def add_refresh(self, refresh: Refresh) -> str:
        """Keep a refresh token and return its value; empty if the session was ended meanwhile."""
        value = secrets.token_urlsafe(32)
        with self._lock:
            if (refresh.sid, refresh.client.client_id) not in self._sessions:
                return ""
            self._refresh[value] = refresh
        return value

    def refresh(self, value: str) -> Refresh | None:
        """Return the refresh token with this value; one that was used before ends its whole session.

        Two then hold it, and nobody can say which of them is the thief (RFC 9700 section 4.14.2).
        """
        with self._lock:
            self._reused(value)
            found = self._refresh.get(value)
        return found if found and found.expires > time.monotonic() else None

    def spend_refresh(self, value: str) -> bool:
        """Take a refresh token out; false if somebody else was faster."""
        with self._lock:
            found = self._refresh.pop(value, None)
            if found:
                self._spend(value, found.sid)
        return found is not None

    def add_session(self, origin: SignedIn, client: Client) -> None:
        """Remember who is signed in where, for a later logout."""
        with self._lock:
            session = Session(origin.sid, client, origin.resident)
            self._sessions[origin.sid, client.client_id] = session

    def end_sessions(self, resident: Resident) -> list[Session]:
        """Forget all sessions of a resident with their tokens, and return them."""
        with self._lock:
            ended = [held for held in self._sessions.values() if held.resident.number == resident.number]
            for session in ended:
                self._end(session.sid)
        return ended

    def _spend(self, value: str, sid: str) -> None:
        self._spent[value] = sid
        if len(self._spent) > _MOST_SPENT:
            del self._spent[next(iter(self._spent))]

    def _reused(self, value: str) -> None:
        if sid := self._spent.get(value):
            self._end(sid)

    def _end(self, sid: str) -> None:
        self._tokens = {key: token for key, token in self._tokens.items() if token.sid != sid}
        self._refresh = {key: held for key, held in self._refresh.items() if held.sid != sid}
        self._sessions = {key: held for key, held in self._sessions.items() if held.sid != sid}
