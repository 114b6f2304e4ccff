"""The provider's Flask application: discovery, keys, tokens, userinfo and the sign-in page."""

from __future__ import annotations

import secrets
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector
from flask import Flask, Response, jsonify, make_response, request
from flask_wtf.csrf import CSRFError, CSRFProtect

from deploy.sandbox.provider.config import ProviderConfig
from deploy.sandbox.provider.controls import Controls
from deploy.sandbox.provider.device_page import DevicePage, add_app_interface
from deploy.sandbox.provider.devices import Devices
from deploy.sandbox.provider.discovery import discovery_document
from deploy.sandbox.provider.faults import Faults
from deploy.sandbox.provider.grants import authorization_server, resource_protector
from deploy.sandbox.provider.hardening import harden, refuse_malformed
from deploy.sandbox.provider.id_token import IdToken
from deploy.sandbox.provider.keys import Keys
from deploy.sandbox.provider.logout import Logout, LogoutPage
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
    faults = Faults()
    _add_faults(app, faults)
    app.before_request(refuse_malformed)
    app.after_request(harden)
    keys, store = Keys(), Store()
    devices = Devices(config.device_seconds, config.device_interval)
    directory = Directory(config.residents)
    signer = Signer(keys, faults)
    tokens = TokenIssuer(config, keys, signer, store)
    server = authorization_server(app, config, store, devices, tokens, IdToken(config, keys, signer))
    csrf = CSRFProtect(app)
    _add_documents(app, config.issuer, keys, faults)
    guard = resource_protector(store, tokens.proofs)
    _add_tokens(app, csrf, server, guard, keys, faults)
    add_app_interface(app, csrf, guard, devices)
    _add_notices(app)
    SignIn(config.issuer, server, directory).add_to(app)
    DevicePage(devices, directory).add_to(app)
    logout = Logout(config, keys, signer, store)
    LogoutPage(logout, directory).add_to(app)
    Controls(keys, logout, faults).attach(app)
    return app


def _add_faults(app: Flask, faults: Faults) -> None:
    @app.before_request
    def be_faulty() -> Response | None:
        return make_response(jsonify(error="temporarily_unavailable"), 503) if faults.meet(request.path) else None


def _add_documents(app: Flask, issuer: str, keys: Keys, faults: Faults) -> None:
    document = discovery_document(issuer)

    @app.get("/.well-known/openid-configuration")
    def discovery() -> Response:
        return jsonify(faults.document(document))

    @app.get("/jwks.json")
    def key_set() -> Response:
        published = faults.keys(keys.public_set()["keys"])
        return make_response("no keys here", 200) if published is None else jsonify(keys=published)


def _add_tokens(
    app: Flask,
    csrf: CSRFProtect,
    server: AuthorizationServer,
    guard: ResourceProtector,
    keys: Keys,
    faults: Faults,
) -> None:
    """Add the endpoints that machines use: no cookie opens them, so no forged form can."""

    @app.post("/token")
    @csrf.exempt  # type: ignore[untyped-decorator]  # flask-wtf carries no types
    def token() -> Any:
        return server.create_token_response()

    @app.post("/device_authorization")
    @csrf.exempt  # type: ignore[untyped-decorator]  # flask-wtf carries no types
    def device_authorization() -> Any:
        return server.create_endpoint_response("device_authorization")

    @app.route("/userinfo", methods=["GET", "POST"])
    @csrf.exempt  # type: ignore[untyped-decorator]  # flask-wtf carries no types
    def userinfo() -> Response:
        with guard.acquire("openid") as held:
            claims = _claims(held, keys)
            return jsonify(claims | {"sub": faults.userinfo_subject or claims["sub"]})


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
