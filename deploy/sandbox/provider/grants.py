"""The grants of codes and refresh tokens: what authlib leaves to us, and where this provider is stricter than it.

Stricter: PKCE with S256 for every client, a code that is spent by its first use even when that use is
refused, and one string as ``aud`` so that clients can compare it exactly.
"""

from __future__ import annotations

from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector
from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError, grants
from authlib.oauth2.rfc6750 import BearerTokenValidator
from authlib.oauth2.rfc7636 import CodeChallenge
from flask import Flask, request

from deploy.sandbox.provider.clients import Client, Register
from deploy.sandbox.provider.config import ProviderConfig
from deploy.sandbox.provider.device_grant import device_endpoint, device_grant
from deploy.sandbox.provider.devices import Devices
from deploy.sandbox.provider.dpop import Proofs
from deploy.sandbox.provider.id_token import IdToken
from deploy.sandbox.provider.residents import Resident
from deploy.sandbox.provider.store import Code, Refresh, Store, Token
from deploy.sandbox.provider.tokens import TokenIssuer


class RequiredChallenge(CodeChallenge):  # type: ignore[misc]  # authlib carries no types
    """PKCE for everybody, and never ``plain`` (RFC 9700 section 2.1.1)."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        """Refuse a request without a challenge, or with one that is not S256."""
        data = grant.request.payload.data
        if not data.get("code_challenge") or data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("PKCE with code_challenge_method=S256 is required.")
        super().validate_code_challenge(grant, redirect_uri)


class BearerTokens(BearerTokenValidator):  # type: ignore[misc]  # authlib carries no types
    """Looks access tokens up in the store."""

    def __init__(self, store: Store) -> None:
        super().__init__(realm="bsw")
        self._store = store

    def authenticate_token(self, token_string: str) -> Token | None:
        """Return the token, or ``None`` for one that is unknown or revoked, or bound to a key (RFC 9449, 7.2)."""
        token = self._store.token(token_string)
        return token if token and not token.key else None


class BoundTokens(BearerTokens):
    """Looks up tokens that are bound to a key, and asks for the key (RFC 9449 section 7.1)."""

    TOKEN_TYPE = "dpop"  # noqa: S105  # the scheme's name

    def __init__(self, store: Store, proofs: Proofs) -> None:
        super().__init__(store)
        self._proofs = proofs

    def authenticate_token(self, token_string: str) -> Token | None:
        """Return the token if this request proves its key."""
        token = self._store.token(token_string)
        if token and token.key and token.key == self._proofs.key(request, token_string):
            return token
        return None


def code_grant(store: Store, tokens: TokenIssuer) -> type:
    """Return authlib's code grant over ``store``; the library makes one instance a request."""

    class CodeGrant(grants.AuthorizationCodeGrant):  # type: ignore[misc]  # authlib carries no types
        """Keeps codes in the store."""

        TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")

        @property
        def origin(self) -> Code:
            """Return what the token comes from."""
            code: Code = self.request.authorization_code
            return code

        def save_authorization_code(self, code: str, asked: Any) -> None:
            """Bind the code to everything that the exchange must match."""
            data = asked.payload.data
            store.add_code(
                Code(
                    value=code,
                    client=asked.client,
                    redirect_uri=asked.payload.redirect_uri,
                    scope=asked.scope,
                    resident=asked.user,
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

        def generate_token(self, *, scope: str, **_others: Any) -> dict[str, Any]:
            """Issue what the request asks for."""
            return tokens.issue(self.origin, self.request.client, scope)

        def save_token(self, token: Any) -> None:
            """Do nothing: what must be kept was kept when it was made."""

    return CodeGrant


def refresh_grant(store: Store, tokens: TokenIssuer) -> type:
    """Return authlib's refresh grant over ``store``: each token works once, under the key it was given to."""

    class RefreshGrant(grants.RefreshTokenGrant):  # type: ignore[misc]  # authlib carries no types
        """Renews the app's sign-in."""

        TOKEN_ENDPOINT_AUTH_METHODS = ("none", "client_secret_basic", "client_secret_post")

        def authenticate_refresh_token(self, refresh_token: str) -> Refresh | None:
            """Return what the token stands for; only the proven key may use it up (RFC 9449 section 5)."""
            key = tokens.key_of(self.request.client)
            found = store.refresh(refresh_token)
            if found is None or found.key != key or not found.check_client(self.request.client):
                return None
            return found

        def authenticate_user(self, refresh_token: Refresh) -> Resident:
            """Return who gave the PIN when it all began."""
            return refresh_token.resident

        def issue_token(self, _user: Resident, refresh_token: Refresh) -> dict[str, Any]:
            """Take the old token, then issue: of two requests with the same token one fails."""
            asked = self.request.payload.scope or ""
            if asked and asked != refresh_token.scope:
                raise InvalidRequestError("A refresh keeps its scope; name the resource instead.")
            if not store.spend_refresh(self.request.form["refresh_token"]):
                raise InvalidGrantError()
            return tokens.issue(refresh_token, self.request.client, refresh_token.scope)

        def save_token(self, token: Any) -> None:
            """Do nothing: what must be kept was kept when it was made."""

        def revoke_old_credential(self, _refresh_token: Refresh) -> None:
            """Do nothing: it was taken already."""

    return RefreshGrant


def authorization_server(
    app: Flask,
    config: ProviderConfig,
    store: Store,
    devices: Devices,
    tokens: TokenIssuer,
    id_token: IdToken,
) -> AuthorizationServer:
    """Return authlib's server, set up for ``config`` and answering from ``store``."""
    server = AuthorizationServer(app, Register(config.registered).get, lambda _token, _request: None)
    server.register_grant(code_grant(store, tokens), [id_token, RequiredChallenge(required=True)])
    server.register_grant(refresh_grant(store, tokens))
    server.register_grant(device_grant(devices, tokens), [id_token])
    server.register_endpoint(device_endpoint(config.issuer, devices))
    return server


def resource_protector(store: Store, proofs: Proofs) -> ResourceProtector:
    """Return the guard of the endpoints that take the provider's own tokens."""
    protector = ResourceProtector()
    protector.register_token_validator(BearerTokens(store))
    protector.register_token_validator(BoundTokens(store, proofs))
    return protector
