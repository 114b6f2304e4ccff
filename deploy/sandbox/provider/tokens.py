"""What a client gets for a proven sign-in: an opaque token for this provider, or a signed one for a gateway."""

from __future__ import annotations

import re
import secrets
import time
from typing import Any, Protocol

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError, InvalidScopeError
from flask import request

from deploy.sandbox.provider.clients import Client
from deploy.sandbox.provider.config import ProviderConfig
from deploy.sandbox.provider.dpop import Proofs
from deploy.sandbox.provider.keys import Keys
from deploy.sandbox.provider.residents import Resident
from deploy.sandbox.provider.signing import Signer
from deploy.sandbox.provider.store import Refresh, Store, Token

#: Seconds that a token for a gateway lives: enough to be carried there, not to be carried about.
GATEWAY_SECONDS = 120

#: What stands for one gateway as a resource (RFC 8707 section 2 wants an absolute URI).
_GATEWAY = re.compile(r"urn:bpn:wifi-gateway:[a-z0-9][a-z0-9-]{0,62}")


class InvalidTarget(OAuth2Error):  # type: ignore[misc]  # authlib carries no types
    """The asked resource is not one that this client gets tokens for (RFC 8707 section 2)."""

    error = "invalid_target"


class Origin(Protocol):
    """Where the right to a token comes from: a code, an approved device, a refresh token."""

    @property
    def resident(self) -> Resident:
        """Who signed in."""

    @property
    def sid(self) -> str:
        """The provider's session, for a later logout."""

    @property
    def auth_time(self) -> int:
        """When the PIN was given, in seconds of Unix time."""


class TokenIssuer:
    """Makes and remembers tokens."""

    def __init__(self, config: ProviderConfig, keys: Keys, signer: Signer, store: Store) -> None:
        self.proofs = Proofs(config.issuer)
        self._config = config
        self._keys = keys
        self._signer = signer
        self._store = store

    def issue(self, origin: Origin, client: Client, scope: str) -> dict[str, Any]:
        """Return the token endpoint's answer to the current request (RFC 6749 section 5.1).

        A client that must prove its key, or chooses to, gets tokens bound to that key (RFC 9449 section 5).
        """
        key = self.key_of(client)
        if not isinstance(origin, Refresh):  # which goes on with a session, and must not bring an ended one back
            self._store.add_session(origin, client)
        gateway = _asked_gateway()
        if gateway:
            answer = self._for_gateway(gateway, origin, client, scope, key)
        else:
            answer = self._for_provider(origin, client, scope, key)
        if "offline_access" in scope.split() and client.check_grant_type("refresh_token"):
            renewed = Refresh(client, origin.resident, scope, key, origin.sid, origin.auth_time)
            answer["refresh_token"] = self._store.add_refresh(renewed)
            if not answer["refresh_token"]:
                raise InvalidGrantError("The resident signed out.")
        return answer

    def key_of(self, client: Client) -> str:
        """Return the thumbprint that the current request proves; empty where none is offered or asked."""
        return self.proofs.key(request) if client.dpop or "DPoP" in request.headers else ""

    def _for_provider(self, origin: Origin, client: Client, scope: str, key: str) -> dict[str, Any]:
        seconds = self._config.id_token_seconds
        token = Token(
            value=secrets.token_urlsafe(32),
            client=client,
            resident=origin.resident,
            scope=scope,
            expires=time.monotonic() + seconds,
            key=key,
            sid=origin.sid,
        )
        self._store.add_token(token)
        return _answer("DPoP" if key else "Bearer", token.value, seconds, scope)

    def _for_gateway(self, gateway: str, origin: Origin, client: Client, scope: str, key: str) -> dict[str, Any]:
        """Sign a token for one gateway (RFC 9068), which knows the person as all gateways do."""
        if not client.dpop:
            raise InvalidTarget("Only the resident's own app gets tokens for a gateway.")
        if "wifi" not in scope.split():
            raise InvalidScopeError("A token for a gateway needs the scope wifi.")
        now = int(time.time())
        claims = {
            "iss": self._config.issuer,
            "sub": self._keys.subject(origin.resident.number, self._config.wifi_sector),
            "aud": gateway,
            "client_id": client.client_id,
            "scope": "wifi",
            "iat": now,
            "exp": now + GATEWAY_SECONDS,
            "jti": secrets.token_urlsafe(16),
            "auth_time": origin.auth_time,
            "cnf": {"jkt": key},
            "bsw_status": origin.resident.status,
            "bsw_age_band": origin.resident.age_band,
        }
        return _answer("DPoP", self._signer.sign("at+jwt", claims), GATEWAY_SECONDS, "wifi")


def _asked_gateway() -> str:
    """Return the one gateway that the request names as ``resource`` or ``audience``; empty for none."""
    asked = set(request.form.getlist("resource") + request.form.getlist("audience"))
    if len(asked) > 1:
        raise InvalidRequestError("A token is for one resource.")
    gateway = asked.pop() if asked else ""
    if gateway and not _GATEWAY.fullmatch(gateway):
        raise InvalidTarget("Not a gateway of the city's WiFi.")
    return gateway


def _answer(kind: str, token: str, seconds: int, scope: str) -> dict[str, Any]:
    return {"access_token": token, "token_type": kind, "expires_in": seconds, "scope": scope}
