"""An issuer on loopback that a test makes say anything, also what no honest provider would."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

CLIENT = "wifi-gateway"
NONCE = "the-nonce-of-this-sign-in"
ACCESS_TOKEN = "an-access-token"
AUDIENCE = "urn:bpn:wifi-gateway:gw-0001"


class _Silent(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        """Keep pytest's output to what failed."""


class Issuer:
    """Documents by path; tests change them. ``asked`` counts requests by path."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: Counter[str] = Counter()
        self.forms: list[dict[str, str]] = []
        self.authorizations: list[str | None] = []
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.documents: dict[str, Any] = {
            "/.well-known/openid-configuration": {
                "issuer": url,
                "authorization_endpoint": f"{url}/authorize",
                "token_endpoint": f"{url}/token",
                "jwks_uri": f"{url}/keys",
                "authorization_response_iss_parameter_supported": True,
            },
            "/keys": {"keys": [jwk(self.key, kid="k1")]},
            "/token": {"access_token": ACCESS_TOKEN, "token_type": "Bearer", "id_token": self.token()},
        }
        self.statuses: dict[str, int] = {}

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Good claims, changed; ``...`` removes one."""
        now = int(time.time())
        good = {
            "iss": self.url,
            "sub": "somebody",
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": NONCE,
        }
        return {name: value for name, value in (good | changes).items() if value is not ...}

    def token(self, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """A signed ID token; ``header`` replaces ``{"kid": "k1"}``."""
        headers = {"kid": "k1"} if header is None else header
        # Not jwt.encode(): that refuses to make some of the tokens that must be refused.
        return jwt.PyJWS().encode(json.dumps(self.claims(**changes)).encode(), self.key, "ES256", headers)

    def access_token(self, wallet: Wallet, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """What BSW gives the app for gateway ``gw-0001``, bound to the wallet's key."""
        now = int(time.time())
        claims = {
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + 120,
            "nonce": ...,
            "jti": secrets.token_urlsafe(16),
            "client_id": "bsw-app",
            "scope": "openid wifi",
            "cnf": {"jkt": wallet.thumbprint},
            "bsw_status": "active",
            "bsw_age_band": "18+",
        }
        return self.token({"typ": "at+jwt", "kid": "k1"} | (header or {}), **(claims | changes))

    def offer_device_codes(self, interval: int = 5) -> None:
        """From now on there is a device grant, and nobody has decided."""
        self.documents["/.well-known/openid-configuration"]["device_authorization_endpoint"] = f"{self.url}/device"
        self.documents["/device"] = {
            "device_code": "the-secret",
            "user_code": "WDJB-MJHT",
            "verification_uri": f"{self.url}/approve",
            "expires_in": 300,
            "interval": interval,
        }
        self.decide("authorization_pending")

    def decide(self, error: str) -> None:
        """What the next polls are told."""
        self.documents["/token"], self.statuses["/token"] = {"error": error}, 400

    def approve(self, **claims: Any) -> None:
        """The next poll gets an ID token, without a nonce."""
        token = self.token(**{"nonce": ..., **claims})
        self.documents["/token"] = {"access_token": ACCESS_TOKEN, "token_type": "Bearer", "id_token": token}
        self.statuses["/token"] = 200

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        self.asked[request.path] += 1
        if request.method == "POST":
            self.forms.append(request.form.to_dict())
            self.authorizations.append(request.headers.get("Authorization"))
        document = self.documents.get(request.path)
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        status = self.statuses.get(request.path, 404 if document is None else 200)
        response = Response(body, status, content_type="application/json")
        if status == 302:
            response.headers["Location"] = f"{self.url}/elsewhere"
        return response(environ, start_response)


class Wallet:
    """The app's key, and the proofs that it makes; written from RFC 9449 and 7638 alone."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())

    @property
    def thumbprint(self) -> str:
        public = jwk(self.key)
        canonical = json.dumps({name: public[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
        return _sha256(canonical)

    def proof(
        self, token: str, url: str, nonce: str | None, header: dict[str, Any] | None = None, /, **changes: Any
    ) -> str:
        """A good proof, changed; ``...`` removes a claim."""
        good = {
            "jti": secrets.token_urlsafe(16),
            "htm": "POST",
            "htu": url,
            "iat": int(time.time()),
            "ath": _sha256(token),
            "nonce": ... if nonce is None else nonce,
        }
        claims = {name: value for name, value in (good | changes).items() if value is not ...}
        headers = {"typ": "dpop+jwt", "jwk": jwk(self.key)} | (header or {})
        return jwt.PyJWS().encode(json.dumps(claims).encode(), self.key, "ES256", headers)


def _sha256(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def jwk(key: ec.EllipticCurvePrivateKey, **members: Any) -> dict[str, Any]:
    """The public key as a JWK."""
    return json.loads(ECAlgorithm.to_jwk(key.public_key())) | members


@contextmanager
def running_issuer(certificate: tuple[str, str] | None = None) -> Iterator[Issuer]:
    """Serve until the context ends; over https as ``localhost`` with a ``certificate`` and its key."""
    server = make_server(
        "127.0.0.1",
        0,
        lambda e, s: issuer(e, s),
        threaded=True,
        request_handler=_Silent,
        ssl_context=certificate,
    )
    origin = "https://localhost" if certificate else "http://127.0.0.1"
    issuer = Issuer(f"{origin}:{server.port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Clock:
    """A monotonic clock that tests move."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now
