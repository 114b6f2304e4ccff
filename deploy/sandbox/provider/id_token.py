"""What an ID token says, for each grant that gives one."""

from __future__ import annotations

import time
from typing import Any

from authlib.oidc.core import OpenIDCode
from authlib.oidc.core.grants.util import create_half_hash

from deploy.sandbox.provider.config import ProviderConfig
from deploy.sandbox.provider.keys import Keys
from deploy.sandbox.provider.signing import Signer
from deploy.sandbox.provider.tokens import Origin


class IdToken(OpenIDCode):  # type: ignore[misc]  # authlib carries no types
    """Adds a signed ID token to the answer of the token endpoint."""

    def __init__(self, config: ProviderConfig, keys: Keys, signer: Signer) -> None:
        super().__init__(require_nonce=False)
        self._config = config
        self._keys = keys
        self._signer = signer

    def exists_nonce(self, _nonce: str, _request: Any) -> bool:
        """Say no: replay is the client's to see (OpenID Connect Core section 15.5.2); codes are single use."""
        return False

    def process_token(self, grant: Any, response: Any) -> Any:
        """Complete the answer where ``openid`` was granted and the token is for this provider."""
        _, token, _ = response
        if "openid" in token["scope"].split():
            token["id_token"] = self._signed(grant.origin, grant.request.client, token["access_token"])
        return token

    def _signed(self, origin: Origin, client: Any, access_token: str) -> str:
        """Nothing about the person but who it is to this client: the userinfo endpoint has the rest."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self._config.issuer,
            "sub": self._keys.subject(origin.resident.number, client.sector),
            "aud": client.client_id,
            "iat": now,
            "exp": now + self._config.id_token_seconds,
            "auth_time": origin.auth_time,
            "sid": origin.sid,
            "at_hash": create_half_hash(access_token, "ES256").decode(),
        }
        if nonce := getattr(origin, "nonce", None):
            claims["nonce"] = nonce
        return self._signer.sign("JWT", claims)
