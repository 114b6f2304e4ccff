"""The applications that may send people here to sign in."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from authlib.oauth2.rfc6749 import ClientMixin

#: What a client may ask for: identity, the display name, and what a gateway must know to grant WiFi.
SCOPES = ("openid", "profile", "wifi")

#: What only the resident's own app may ask for: to stay signed in, and to let other devices in.
APP_SCOPES = (*SCOPES, "offline_access", "devices")

APP_ID = "bsw-app"

#: RFC 8628 section 3.4.
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


@dataclass(frozen=True)
class Client(ClientMixin):  # type: ignore[misc]  # authlib carries no types
    """One registered application, in the shape that authlib asks questions of.

    ``redirect_uris`` are compared character by character (RFC 9700 section 2.1). Without a ``secret`` the
    client is public and authenticates by PKCE alone; with one it must prove it (``client_secret_basic`` or
    ``client_secret_post``). ``sector`` is what pairwise subjects are made for (OpenID Connect Core section 8.1):
    the host of the redirect URIs unless several hosts share one. With ``dpop`` it gets no token without a proof
    of its key (RFC 9449 section 5.2). ``logout_uri`` is told when somebody signs out everywhere.
    """

    client_id: str
    redirect_uris: tuple[str, ...]
    secret: str = field(default="", repr=False)
    sector: str = ""
    grants: tuple[str, ...] = ("authorization_code", DEVICE_GRANT)
    scopes: tuple[str, ...] = SCOPES
    dpop: bool = False
    logout_uri: str = ""

    def __post_init__(self) -> None:
        if not self.client_id or not self.redirect_uris:
            raise ValueError("a client has an id and at least one redirect URI")
        hosts = {urlsplit(uri).hostname or "" for uri in self.redirect_uris}
        if any(urlsplit(uri).fragment for uri in self.redirect_uris) or "" in hosts:
            raise ValueError(f"client {self.client_id}: a redirect URI is absolute and has no fragment")
        if self.logout_uri and not _may_be_told(self.logout_uri):
            raise ValueError(f"client {self.client_id}: a logout URI is https (plain http on loopback only)")
        if not self.sector:
            if len(hosts) > 1:
                raise ValueError(f"client {self.client_id}: redirect URIs on several hosts need a sector")
            object.__setattr__(self, "sector", hosts.pop())

    def get_client_id(self) -> str:
        """Return the public identifier."""
        return self.client_id

    def get_default_redirect_uri(self) -> None:
        """Return nothing: a request must name its redirect URI (OpenID Connect Core section 3.1.2.1)."""

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """Return the asked scopes that exist; ``None`` (an error) where ``openid`` is not among them."""
        asked = (scope or "").split()
        return " ".join(name for name in self.scopes if name in asked) if "openid" in asked else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Say whether this exact text is registered."""
        return redirect_uri in self.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        """Compare in constant time; a public client has no secret that could match."""
        return bool(self.secret) and hmac.compare_digest(self.secret.encode(), client_secret.encode())

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        """A client with a secret must use it everywhere; one without cannot."""
        confidential = ("client_secret_basic", "client_secret_post")
        return method in confidential if self.secret else method == "none"

    def check_response_type(self, response_type: str) -> bool:
        """Only the authorization code flow exists here."""
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        """Say whether the client was registered for this grant."""
        return grant_type in self.grants


def _may_be_told(uri: str) -> bool:
    """Say whether a logout token may be posted there (Back-Channel Logout section 2.2)."""
    parts = urlsplit(uri)
    secure = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    return secure and bool(parts.hostname) and not parts.fragment


def is_loopback(host: str) -> bool:
    """Say whether ``host`` is an address of this machine alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def resident_app(issuer: str) -> Client:
    """Return the city's own phone app: public, known by its key, and never without it.

    It reads the answer off the redirect to its claimed https address (RFC 8252 section 7.2).
    """
    return Client(
        APP_ID,
        (f"{issuer}/app/signed-in",),
        grants=("authorization_code", "refresh_token"),
        scopes=APP_SCOPES,
        dpop=True,
    )


class Register:
    """All clients by id."""

    def __init__(self, clients: Iterable[Client]) -> None:
        self._clients = {client.client_id: client for client in clients}

    def get(self, client_id: str) -> Client | None:
        """Return the client, or ``None`` for a stranger."""
        return self._clients.get(client_id)
