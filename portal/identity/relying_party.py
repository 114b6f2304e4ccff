"""The portal as a client of one OpenID Provider: how it proves itself, and what an answer with tokens holds."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Self
from urllib.parse import quote

from policy.settings import IdentitySettings
from portal.identity.errors import ProviderUnavailable, SignInRejected
from portal.identity.keys import KeySet
from portal.identity.provider import Metadata, Provider
from portal.identity.tokens import Expected, Subject, verify
from portal.identity.transport import Answer, Transport


class RelyingParty:
    """What every way of signing in shares."""

    def __init__(
        self, provider: Provider, keys: KeySet, client_id: str, client_secret: str | None, scopes: tuple[str, ...]
    ) -> None:
        self._provider = provider
        self.keys = keys
        self.client_id = client_id
        self._client_secret = client_secret
        self.scope = " ".join(dict.fromkeys(("openid", *scopes)))

    @classmethod
    def build(cls, settings: IdentitySettings) -> Self:
        """From the settings; reads the client secret's file, asks the provider nothing yet."""
        provider = Provider(settings.issuer, Transport(settings.ca_file))
        secret = None
        if settings.client_secret_file is not None:
            secret = settings.client_secret_file.read_text(encoding="utf-8").strip()
        return cls(provider, KeySet(provider), settings.client_id, secret, settings.scopes)

    def metadata(self) -> Metadata:
        """The provider's endpoints, or ``ProviderUnavailable``."""
        return self._provider.metadata()

    def ask(self, endpoint: str, form: Mapping[str, str]) -> Answer:
        """Send a form as this client; the caller judges the answer."""
        if self._client_secret is None:
            return self._provider.transport.post(endpoint, {**form, "client_id": self.client_id}, None)
        # RFC 6749 section 2.3.1; a space as %20 is read by servers that know only one of the two encodings.
        credentials = quote(self.client_id, ""), quote(self._client_secret, "")
        return self._provider.transport.post(endpoint, form, credentials)

    def subject(self, answer: Answer, nonce: str | None) -> Subject:
        """Who signed in, by a token endpoint's answer; ``nonce`` is ``None`` for a way in that carries none."""
        if answer.status == 400 and answer.body.get("error") == "invalid_grant":
            raise SignInRejected("code")
        if answer.status != 200:
            raise ProviderUnavailable(f"the token endpoint answers {answer.status}")
        access_token, id_token = answer.body.get("access_token"), answer.body.get("id_token")
        kind = str(answer.body.get("token_type")).lower()
        if not isinstance(access_token, str) or not isinstance(id_token, str) or kind != "bearer":
            raise ProviderUnavailable("the token endpoint's answer lacks a token")
        expected = Expected(self.metadata().issuer, self.client_id, nonce, access_token)
        return verify(id_token, self.keys, expected, time.time())
