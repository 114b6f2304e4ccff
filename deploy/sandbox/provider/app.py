"""The provider's Flask application: discovery, keys, tokens, userinfo and the sign-in page."""

from __future__ import annotations

import secrets
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector
from flask import Flask, Response, jsonify
from flask_wtf.csrf import CSRFError, CSRFProtect

from deploy.sandbox.provider.clients import APP_SCOPES
from deploy.sandbox.provider.config import ProviderConfig
from deploy.sandbox.provider.grants import authorization_server, resource_protector
from deploy.sandbox.provider.hardening import harden, refuse_malformed
from deploy.sandbox.provider.id_token import IdToken
from deploy.sandbox.provider.keys import Keys
from deploy.sandbox.provider.residents import Directory
from deploy.sandbox.provider.sign_in import SignIn, notice
from deploy.sandbox.provider.signing import Signer
from deploy.sandbox.provider.store import Store, Token
from deploy.sandbox.provider.tokens import TokenIssuer

#: A request here is a short form; anything longer is not meant well.
_LONGEST_BODY = 16 * 1024


def create_app(config: ProviderConfig) -> Flask:
    """Return a provider that serves ``config.issuer``, with fresh keys and an empty memory."""
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=secrets.token_hex(32),
        MAX_CONTENT_LENGTH=_LONGEST_BODY,
        MAX_FORM_PARTS=50,
        SESSION_COOKIE_NAME="__Host-bsw" if config.secure else "bsw",
        SESSION_COOKIE_SECURE=config.secure,
        SESSION_COOKIE_SAMESITE="Lax",
    )
    app.before_request(refuse_malformed)
    app.after_request(harden)
    keys, store = Keys(), Store()
    signer = Signer(keys)
    tokens = TokenIssuer(config, keys, signer, store)
    server = authorization_server(app, config, store, tokens, IdToken(config, keys, signer))
    csrf = CSRFProtect(app)
    _add_documents(app, config.issuer, keys)
    _add_tokens(app, csrf, server, resource_protector(store, tokens.proofs), keys)
    _add_notices(app)
    SignIn(config.issuer, server, Directory(config.residents)).add_to(app)
    return app


def _add_documents(app: Flask, issuer: str, keys: Keys) -> None:
    document = _discovery(issuer)

    @app.get("/.well-known/openid-configuration")
    def discovery() -> Response:
        return jsonify(document)

    @app.get("/jwks.json")
    def key_set() -> Response:
        return jsonify(keys.public_set())


def _discovery(issuer: str) -> dict[str, Any]:
    """Return the provider's metadata (OpenID Connect Discovery section 3; RFCs 8414, 9207, 9449)."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "jwks_uri": f"{issuer}/jwks.json",
        "scopes_supported": list(APP_SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "dpop_signing_alg_values_supported": ["ES256"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "claims_supported": [
            *("iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "sid", "at_hash"),
            *("name", "bsw_status", "bsw_age_band"),
        ],
        "ui_locales_supported": ["id", "en"],
        "authorization_response_iss_parameter_supported": True,
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }


def _add_tokens(
    app: Flask, csrf: CSRFProtect, server: AuthorizationServer, guard: ResourceProtector, keys: Keys
) -> None:
    """Add the endpoints that machines use: no cookie opens them, so no forged form can."""

    @app.post("/token")
    @csrf.exempt  # type: ignore[untyped-decorator]  # flask-wtf carries no types
    def token() -> Any:
        return server.create_token_response()

    @app.route("/userinfo", methods=["GET", "POST"])
    @csrf.exempt  # type: ignore[untyped-decorator]  # flask-wtf carries no types
    def userinfo() -> Response:
        with guard.acquire("openid") as held:
            return jsonify(_claims(held, keys))


def _claims(token: Token, keys: Keys) -> dict[str, str]:
    """Return what ``token`` may read of its resident, by scope."""
    resident, scopes = token.resident, token.scope.split()
    claims = {"sub": keys.subject(resident.number, token.client.sector)}
    if "profile" in scopes:
        claims["name"] = resident.name
    if "wifi" in scopes:
        claims |= {"bsw_status": resident.status, "bsw_age_band": resident.age_band}
    return claims


def _add_notices(app: Flask) -> None:
    @app.get("/")
    def home() -> Response:
        return notice("home", 200)

    @app.errorhandler(CSRFError)
    def stale(_error: CSRFError) -> Response:
        return notice("stale", 400)
