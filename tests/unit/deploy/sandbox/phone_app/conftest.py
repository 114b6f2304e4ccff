"""A provider, and a portal written from the contract alone: what the app must get past."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterator

import jwt
import pytest
from flask import Flask, Response, jsonify, make_response, request

from deploy.sandbox.provider import Client
from tests.providers import running_provider, serving

AUDIENCE = "urn:bpn:wifi-gateway:gw-17"


@pytest.fixture(scope="session")
def issuer() -> Iterator[str]:
    with running_provider([Client("gerbang", ("https://wifi.balikpapan.test/oidc/callback",))]) as url:
        yield url


@pytest.fixture(scope="session")
def portal(issuer: str) -> Iterator[str]:
    with serving(lambda origin: _portal(origin, issuer)) as url:
        yield url


def _portal(origin: str, issuer: str) -> Flask:
    """Verify as a gateway does: the token by the provider's keys, the proof by its own, both by each other."""
    app = Flask("portal")
    nonces: set[str] = set()
    keys = jwt.PyJWKClient(f"{issuer}/jwks.json")

    @app.post("/app/v1/challenge")
    def challenge() -> Response:
        assert request.get_json() == {}
        nonce = secrets.token_urlsafe(16)
        nonces.add(nonce)
        host = "https://elsewhere.test" if request.headers.get("User-Agent") == "lured" else origin
        return jsonify(nonce=nonce, audience=AUDIENCE, session_url=f"{host}/app/v1/session")

    @app.post("/app/v1/session")
    def session() -> Response:
        scheme, token = request.headers["Authorization"].split(" ")
        claims = jwt.decode(
            token, keys.get_signing_key_from_jwt(token).key, ["ES256"], issuer=issuer, audience=AUDIENCE
        )
        proof = request.headers["DPoP"]
        header = jwt.get_unverified_header(proof)
        proven = jwt.decode(proof, jwt.PyJWK(header["jwk"], "ES256").key, ["ES256"])
        ath = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
        good = (
            scheme == "DPoP"
            and header["typ"] == "dpop+jwt"
            and proven["ath"] == ath
            and (proven["htm"], proven["htu"]) == ("POST", f"{origin}/app/v1/session")
            and proven["nonce"] in nonces
        )
        nonces.discard(proven["nonce"])
        if not good or claims["bsw_status"] != "active":
            return make_response(jsonify(title="Refused", code="proof_invalid"), 401)
        return jsonify(online=True, sub=claims["sub"], jkt=claims["cnf"]["jkt"], address=request.remote_addr)

    return app
