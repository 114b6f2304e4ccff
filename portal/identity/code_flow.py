"""Authorization code with PKCE: the way out to the provider's page and the way back."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from portal.identity import jose
from portal.identity.errors import SignInRejected
from portal.identity.provider import Metadata
from portal.identity.relying_party import RelyingParty
from portal.identity.tokens import Subject

#: Octets of state, nonce and verifier each: 256 bits, RFC 7636 section 7.1.
_RANDOM = 32
#: Octets of a code; providers use 20 to 400.
_MAX_CODE = 2_048


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sign-in under way: where the browser goes, and what only this portal knows until it is back."""

    url: str
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


class CodeFlow:
    """Signing in with a browser on the phone itself."""

    def __init__(self, party: RelyingParty, redirect_uri: str) -> None:
        self._party = party
        self._redirect_uri = redirect_uri

    def start(self, language: str) -> Attempt:
        """Begin a sign-in; ``language`` is what the visitor reads (``ui_locales``)."""
        metadata = self._party.metadata()
        state, nonce, verifier = (secrets.token_urlsafe(_RANDOM) for _ in range(3))
        challenge = jose.digest(verifier)
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self._party.client_id,
                "redirect_uri": self._redirect_uri,
                "scope": self._party.scope,
                "state": state,
                "nonce": nonce,
                "code_challenge": challenge,
                "code_challenge_method": "S256",
                "ui_locales": language,
            }
        )
        joint = "&" if urlsplit(metadata.authorization_endpoint).query else "?"
        return Attempt(metadata.authorization_endpoint + joint + query, state, nonce, verifier)

    def finish(self, answer: Mapping[str, str], nonce: str, verifier: str) -> Subject:
        """Turn the callback's parameters into who signed in; the caller has matched ``state`` already."""
        metadata = self._party.metadata()
        self._check_sender(answer, metadata)
        if "error" in answer:
            raise SignInRejected("denied" if answer["error"] == "access_denied" else "provider-error")
        code = answer.get("code", "")
        if not 0 < len(code) <= _MAX_CODE or not code.isprintable() or not code.isascii():
            raise SignInRejected("code")
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": verifier,
        }
        return self._party.subject(self._party.ask(metadata.token_endpoint, form), nonce)

    def _check_sender(self, answer: Mapping[str, str], metadata: Metadata) -> None:
        """RFC 9207 section 2.4: an answer of another provider, or one that hides whose it is, goes no further."""
        sender = answer.get("iss")
        if (sender is not None or metadata.names_itself) and sender != metadata.issuer:
            raise SignInRejected("issuer")
