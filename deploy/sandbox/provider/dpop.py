"""Proofs of possession (RFC 9449): whoever asks holds the key that the token is bound to."""

from __future__ import annotations

import hashlib
import threading
import time
from typing import Any
from urllib.parse import urlsplit

from authlib.oauth2 import OAuth2Error
from flask import Request, g
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from deploy.sandbox.provider.keys import base64url

#: Seconds that a proof's ``iat`` may be off, either way: phones' clocks drift, and a proof is used at once.
PROOF_SECONDS = 60

#: Longest proof that is looked at; one with a P-256 key and all claims has about 600 characters.
_LONGEST_PROOF = 4096


class InvalidProof(OAuth2Error):  # type: ignore[misc]  # authlib carries no types
    """The proof is missing or does not prove (RFC 9449 section 5)."""

    error = "invalid_dpop_proof"


class Proofs:
    """Verifies proofs made for this provider's own endpoints, and remembers each one until it is too old."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, str], float] = {}

    def key(self, request: Request, access_token: str = "") -> str:
        """Return the thumbprint (RFC 7638) of the key that signed this request's one proof.

        With ``access_token`` the proof must name it (``ath``). Asked again within a request it answers from
        the first time, since a proof counts once. ``InvalidProof`` says what is missing.
        """
        if "dpop_key" not in g:
            g.dpop_key = self._verify(request, access_token)
        return str(g.dpop_key)

    def _verify(self, request: Request, access_token: str) -> str:
        proofs = request.headers.getlist("DPoP")
        if len(proofs) != 1 or len(proofs[0]) > _LONGEST_PROOF or "," in proofs[0]:
            raise InvalidProof("One DPoP header is required.")
        key, claims = _read(proofs[0])
        _check_claims(claims, request.method, self._issuer + request.path, access_token)
        thumbprint = str(key.thumbprint())
        self._spend(thumbprint, claims["jti"])
        return thumbprint

    def _spend(self, thumbprint: str, jti: str) -> None:
        now = time.monotonic()
        with self._lock:
            self._seen = {proof: until for proof, until in self._seen.items() if until > now}
            if (thumbprint, jti) in self._seen:
                raise InvalidProof("The proof was used before.")
            self._seen[thumbprint, jti] = now + 2 * PROOF_SECONDS


def token_hash(access_token: str) -> str:
    """Return the ``ath`` of a token: base64url of its SHA-256 (RFC 9449 section 4.2)."""
    return base64url(hashlib.sha256(access_token.encode()).digest())


def _read(proof: str) -> tuple[ECKey, dict[str, Any]]:
    """Return the key in the proof's header and the claims that it signed."""
    found: list[ECKey] = []

    def embedded(signed: Any) -> ECKey:
        header = signed.headers()
        jwk = header.get("jwk")
        if header.get("typ") != "dpop+jwt" or not isinstance(jwk, dict):
            raise ValueError("not a proof")
        if jwk.get("kty") != "EC" or jwk.get("crv") != "P-256" or "d" in jwk:
            raise ValueError("not a public P-256 key")
        found.append(ECKey.import_key({name: jwk[name] for name in ("kty", "crv", "x", "y")}))
        return found[0]

    try:
        claims = jwt.decode(proof, embedded, algorithms=["ES256"]).claims
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InvalidProof("The proof cannot be verified.") from error
    return found[0], dict(claims)


def _check_claims(claims: dict[str, Any], method: str, url: str, access_token: str) -> None:
    jti, iat, htu = claims.get("jti"), claims.get("iat"), claims.get("htu")
    if not isinstance(jti, str) or not 1 <= len(jti) <= 256:
        raise InvalidProof("The proof has no jti.")
    if not isinstance(iat, int) or isinstance(iat, bool) or abs(time.time() - iat) > PROOF_SECONDS:
        raise InvalidProof("The proof is not from now.")
    if claims.get("htm") != method or not isinstance(htu, str) or _without_query(htu) != url:
        raise InvalidProof("The proof is for another request.")
    if access_token and claims.get("ath") != token_hash(access_token):
        raise InvalidProof("The proof is for another token.")


def _without_query(url: str) -> str:
    """Leave out what ``htu`` does not cover (RFC 9449 section 4.3, number 9)."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}{parts.path}"
