"""The authorization code grant: what authlib leaves to us, and where this provider is stricter than it.

Stricter: PKCE with S256 for every client, a code that is spent by its first use even when that use is
refused, and one string as ``aud`` so that clients can compare it exactly.
"""

from __future__ import annotations

import time
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector
from authlib.oauth2.rfc6749 import InvalidRequestError, grants
from authlib.oauth2.rfc6750 import BearerTokenValidator
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import OpenIDCode
from flask import Flask

from deploy.sandbox.provider.clients import Client, Register
from deploy.sandbox.provider.config import ProviderConfig
from deploy.sandbox.provider.keys import Keys
from deploy.sandbox.provider.residents import Resident
from deploy.sandbox.provider.store import Code, Store, Token


class RequiredChallenge(CodeChallenge):  # type: ignore[misc]  # authlib carries no types
    """PKCE for everybody, and never ``plain`` (RFC 9700 section 2.1.1)."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        """Refuse a request without a challenge, or with one that is not S256."""
        data = grant.request.payload.data
        if not data.get("code_challenge") or data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("PKCE with code_challenge_method=S256 is required.")
        super().validate_code_challenge(grant, redirect_uri)


class IdToken(OpenIDCode):  # type: ignore[misc]  # authlib carries no types
    """Signs ID tokens with the provider's key."""

    def __init__(self, config: ProviderConfig, keys: Keys) -> None:
        super().__init__(require_nonce=False)
        self._config = config
        self._keys = keys

    def exists_nonce(self, _nonce: str, _request: Any) -> bool:
        """Say no: replay is the client's to see (OpenID Connect Core section 15.5.2); codes are single use."""
        return False

    def get_client_algorithm(self, _client: Client) -> str:
        """Return the one algorithm; a client pins it and has no say."""
        return "ES256"

    def resolve_client_private_key(self, _client: Client) -> Any:
        """Return the one signing key."""
        return self._keys.signing

    def get_encode_header(self, client: Client) -> dict[str, str]:
        """Name the key, so that a rotation can be followed."""
        return {"alg": self.get_client_algorithm(client), "kid": self._keys.kid, "typ": "JWT"}

    def get_client_claims(self, client: Client) -> dict[str, Any]:
        """Return issuer, audience and times; the library adds nonce, auth_time and at_hash."""
        now = int(time.time())
        return {
            "iss": self._config.issuer,
            "aud": client.client_id,
            "iat": now,
            "exp": now + self._config.id_token_seconds,
        }

    def get_authorization_code_claims(self, authorization_code: Code) -> dict[str, Any]:
        """Add who it is to this client, and the provider's own session for a later logout."""
        claims: dict[str, Any] = super().get_authorization_code_claims(authorization_code)
        code = authorization_code
        return claims | {
            "sub": self._keys.subject(code.resident.number, code.client.sector),
            "sid": code.sid,
        }

    def generate_user_info(self, _user: Resident, _scope: str) -> dict[str, str]:
        """Put nothing else about the person into the token: the userinfo endpoint has it, for who asks."""
        return {}


class BearerTokens(BearerTokenValidator):  # type: ignore[misc]  # authlib carries no types
    """Looks access tokens up in the store."""

    def __init__(self, store: Store) -> None:
        super().__init__(realm="bsw")
        self._store = store

    def authenticate_token(self, token_string: str) -> Token | None:
        """Return the token, or ``None`` for one that is unknown or revoked."""
        return self._store.token(token_string)


def code_grant(store: Store) -> type:
    """Return authlib's code grant over ``store``; the library makes one instance a request."""

    class CodeGrant(grants.AuthorizationCodeGrant):  # type: ignore[misc]  # authlib carries no types
        """Keeps codes in the store."""

        TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")

        def save_authorization_code(self, code: str, request: Any) -> None:
            """Bind the code to everything that the exchange must match."""
            data = request.payload.data
            store.add_code(
                Code(
                    value=code,
                    client=request.client,
                    redirect_uri=request.payload.redirect_uri,
                    scope=request.scope,
                    resident=request.user,
                    nonce=data.get("nonce"),
                    code_challenge=data["code_challenge"],
                )
            )

        def query_authorization_code(self, code: str, client: Client) -> Code | None:
            """Take it out of the store: whatever follows, it cannot be tried again."""
            return store.take_code(code, client)

        def delete_authorization_code(self, authorization_code: Code) -> None:
            """Do nothing: it was taken already."""

        def authenticate_user(self, authorization_code: Code) -> Resident:
            """Return who gave the PIN."""
            return authorization_code.resident

    return CodeGrant


def authorization_server(app: Flask, config: ProviderConfig, keys: Keys, store: Store) -> AuthorizationServer:
    """Return authlib's server, set up for ``config`` and answering from ``store``."""
    app.config["OAUTH2_TOKEN_EXPIRES_IN"] = {"authorization_code": config.id_token_seconds}

    def save_token(token: dict[str, Any], request: Any) -> None:
        store.add_token(
            Token(
                value=token["access_token"],
                code=request.authorization_code.value,
                client=request.client,
                resident=request.user,
                scope=token["scope"],
                expires=time.monotonic() + token["expires_in"],
            )
        )

    server = AuthorizationServer(app, Register(config.clients).get, save_token)
    server.register_grant(code_grant(store), [IdToken(config, keys), RequiredChallenge(required=True)])
    return server


def resource_protector(store: Store) -> ResourceProtector:
    """Return the guard of the userinfo endpoint."""
    protector = ResourceProtector()
    protector.register_token_validator(BearerTokens(store))
    return protector
