"""Where the provider's endpoints are (OpenID Connect Discovery 1.0)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from portal.identity.cache import Cached
from portal.identity.errors import ProviderUnavailable
from portal.identity.transport import Transport, check_url

#: Endpoints move with a release of the provider, not within an hour.
_FRESH = 3_600.0
_STALE = 86_400.0


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the portal uses of the discovery document.

    ``names_itself``: the provider promises ``iss`` in every authorization response (RFC 9207 section 3).
    ``device_authorization_endpoint`` is ``None`` where the provider has no device grant (RFC 8628 section 4).
    Algorithms are not read from here: they are pinned.
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    names_itself: bool
    device_authorization_endpoint: str | None


class Provider:
    """One issuer, discovered on first use."""

    def __init__(self, issuer: str, transport: Transport, clock: Callable[[], float] = time.monotonic) -> None:
        if not issuer:
            raise ValueError("without an issuer every issuer would be accepted")
        self.issuer = issuer
        self.transport = transport
        self._metadata = Cached(self._discover, _FRESH, _STALE, clock)

    def metadata(self) -> Metadata:
        """The endpoints; ``ProviderUnavailable`` where the provider has never answered or names another issuer."""
        return self._metadata.get()

    def _discover(self) -> Metadata:
        # Section 4: the path is appended to the issuer with its trailing slash, if any, removed.
        document = self.transport.get(self.issuer.removesuffix("/") + "/.well-known/openid-configuration")
        if document.get("issuer") != self.issuer:
            raise ProviderUnavailable("the discovery document is another issuer's")
        device = document.get("device_authorization_endpoint")
        return Metadata(
            self.issuer,
            check_url(document.get("authorization_endpoint")),
            check_url(document.get("token_endpoint")),
            check_url(document.get("jwks_uri")),
            document.get("authorization_response_iss_parameter_supported") is True,
            None if device is None else check_url(device),
        )
