"""Signing a resident out everywhere, and telling the clients (OpenID Connect Back-Channel Logout 1.0)."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import requests
from flask import Flask, Response, make_response, render_template, request

from deploy.sandbox.provider.clients import APP_ID, Client
from deploy.sandbox.provider.config import ProviderConfig
from deploy.sandbox.provider.keys import Keys
from deploy.sandbox.provider.residents import Directory, Resident
from deploy.sandbox.provider.sign_in import notice
from deploy.sandbox.provider.signing import Signer
from deploy.sandbox.provider.store import Session, Store
from deploy.sandbox.provider.texts import language, texts

log = logging.getLogger(__name__)

#: Section 2.4: what makes a token a logout token.
EVENT = "http://schemas.openid.net/event/backchannel-logout"

#: Seconds that a logout token is good for (section 4 recommends at most two minutes).
TOKEN_SECONDS = 120

#: Seconds that one client may take to listen; the person waits for all of them.
_TIMEOUT = 3.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One client that was told; ``status`` is its HTTP status, 0 where it could not be reached."""

    client_id: str
    token: str
    status: int


class Logout:
    """Ends a resident's sessions here and at every client that wants to know."""

    def __init__(self, config: ProviderConfig, keys: Keys, signer: Signer, store: Store) -> None:
        self._config = config
        self._keys = keys
        self._signer = signer
        self._store = store

    def everywhere(self, resident: Resident) -> list[Delivery]:
        """Forget all sessions and tokens of ``resident``, then tell each client once a session.

        Whoever gets people online by the app's tokens knows them by subject alone, so there the whole subject
        is signed out (section 2.4 allows a token without ``sid``).
        """
        ended = self._store.end_sessions(resident)
        return [self._deliver(client, self.token(resident, client, sid)) for client, sid in self._told(ended)]

    def token(self, resident: Resident, client: Client, sid: str = "") -> str:
        """Return the logout token (section 2.4) for one session, or without ``sid`` for all of them."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self._config.issuer,
            "sub": self._keys.subject(resident.number, client.sector),
            "aud": client.client_id,
            "iat": now,
            "exp": now + TOKEN_SECONDS,
            "jti": secrets.token_urlsafe(16),
            "events": {EVENT: {}},
        }
        return self._signer.sign("logout+jwt", claims | ({"sid": sid} if sid else {}))

    def _told(self, ended: Sequence[Session]) -> list[tuple[Client, str]]:
        told = [(session.client, session.sid) for session in ended if session.client.logout_uri]
        if any(session.client.client_id == APP_ID for session in ended):
            sector = self._config.wifi_sector
            told += [
                (client, "") for client in self._config.clients if client.logout_uri and client.sector == sector
            ]
        return told

    def _deliver(self, client: Client, token: str) -> Delivery:
        try:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.post(
                    client.logout_uri,
                    data={"logout_token": token},
                    timeout=_TIMEOUT,
                    allow_redirects=False,
                    verify=self._config.ca_file or True,
                )
            status = answer.status_code
        except requests.RequestException as error:
            log.warning("%s was not told of a logout: %s", client.client_id, type(error).__name__)
            status = 0
        return Delivery(client.client_id, token, status)


class LogoutPage:
    """``/logout``: the PIN once more, then out everywhere."""

    def __init__(self, logout: Logout, directory: Directory) -> None:
        self._logout = logout
        self._directory = directory

    def add_to(self, app: Flask) -> None:
        """Put it where the home page links to."""
        app.add_url_rule("/logout", "logout", self.answer, methods=["GET", "POST"])

    def answer(self) -> Response:
        """Ask, or do it."""
        if request.method != "POST":
            return self._page("", 200)
        resident = self._directory.authenticate(request.form.get("login", ""), request.form.get("pin", ""))
        if resident is None:
            return self._page("wrong", 401)
        told = self._logout.everywhere(resident)
        return notice("logged_out" if all(delivery.status in {200, 204} for delivery in told) else "half_out", 200)

    def _page(self, problem: str, status: int) -> Response:
        words = texts(request)
        html = render_template(
            "logout.html",
            words=words,
            language=language(request),
            problem=words[problem] if problem else "",
            login=request.form.get("login", "")[:64],
            residents=self._directory.residents,
        )
        return make_response(html, status)
