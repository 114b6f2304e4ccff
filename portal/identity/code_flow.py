"""Authorization code with PKCE: the way out to the provider's page and the way back."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import quote, urlencode, urlsplit

from policy.settings import IdentitySettings
from portal.identity.errors import ProviderUnavailable, SignInRejected
from portal.identity.keys import KeySet
from portal.identity.provider import Metadata, Provider
from portal.identity.tokens import Expected, Subject, verify
from portal.identity.transport import Answer, Transport

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
    """The portal as a relying party of one provider."""

    def __init__(
        self,
        provider: Provider,
        keys: KeySet,
        client_id: str,
        client_secret: str | None,
        redirect_uri: str,
        scopes: tuple[str, ...],
    ) -> None:
        self._provider = provider
        self.keys = keys
        self._client_id = client_id
        self._client_secret = client_secret
        self._redirect_uri = redirect_uri
        self._scope = " ".join(dict.fromkeys(("openid", *scopes)))

    @classmethod
    def build(cls, settings: IdentitySettings, redirect_uri: str) -> Self:
        """From the settings; reads the client secret's file, asks the provider nothing yet."""
        provider = Provider(settings.issuer, Transport(settings.ca_file))
        secret = None
        if settings.client_secret_file is not None:
            secret = settings.client_secret_file.read_text(encoding="utf-8").strip()
        return cls(provider, KeySet(provider), settings.client_id, secret, redirect_uri, settings.scopes)

    def start(self, language: str) -> Attempt:
        """Begin a sign-in; ``language`` is what the visitor reads (``ui_locales``)."""
        metadata = self._provider.metadata()
        state, nonce, verifier = (secrets.token_urlsafe(_RANDOM) for _ in range(3))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self._client_id,
                "redirect_uri": self._redirect_uri,
                "scope": self._scope,
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
        metadata = self._provider.metadata()
        self._check_sender(answer, metadata)
        if "error" in answer:
            raise SignInRejected("denied" if answer["error"] == "access_denied" else "provider-error")
        code = answer.get("code", "")
        if not 0 < len(code) <= _MAX_CODE or not code.isprintable() or not code.isascii():
            raise SignInRejected("code")
        access_token, id_token = self._exchange(metadata, code, verifier)
        expected = Expected(metadata.issuer, self._client_id, nonce, access_token)
        return verify(id_token, self.keys, expected, time.time())

    def _check_sender(self, answer: Mapping[str, str], metadata: Metadata) -> None:
        """RFC 9207 section 2.4: an answer of another provider, or one that hides whose it is, goes no further."""
        sender = answer.get("iss")
        if (sender is not None or metadata.names_itself) and sender != metadata.issuer:
            raise SignInRejected("issuer")

    def _exchange(self, metadata: Metadata, code: str, verifier: str) -> tuple[str, str]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": verifier,
        }
        credentials = None
        if self._client_secret is None:
            form["client_id"] = self._client_id
        else:  # RFC 6749 section 2.3.1; a space as %20 is read by servers that know only one of the two encodings
            credentials = quote(self._client_id, ""), quote(self._client_secret, "")
        return _tokens(self._provider.transport.post(metadata.token_endpoint, form, credentials))


def _tokens(answer: Answer) -> tuple[str, str]:
    if answer.status == 400 and answer.body.get("error") == "invalid_grant":
        raise SignInRejected("code")
    if answer.status != 200:
        raise ProviderUnavailable(f"the token endpoint answers {answer.status}")
    access_token, id_token = answer.body.get("access_token"), answer.body.get("id_token")
    kind = str(answer.body.get("token_type")).lower()
    if not isinstance(access_token, str) or not isinstance(id_token, str) or kind != "bearer":
        raise ProviderUnavailable("the token endpoint's answer lacks a token")
    return access_token, id_token
