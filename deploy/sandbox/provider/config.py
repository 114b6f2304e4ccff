"""What one running provider is told."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from deploy.sandbox.provider.clients import APP_ID, Client, is_loopback, resident_app
from deploy.sandbox.provider.devices import DEVICE_SECONDS, INTERVAL
from deploy.sandbox.provider.residents import RESIDENTS, Resident


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """Issuer, clients and residents. ``ValueError`` says what cannot work.

    ``issuer`` is an origin and is used exactly as written: https, or plain http on a loopback address for
    tests. ``id_token_seconds`` is the life of ID and access tokens: the portal reads them at once. The
    gateways know a resident by the subject of ``wifi_sector``, however the sign-in was made; unless told
    otherwise it is that of the first client, the portal. ``ca_file`` is trusted when clients are told of a
    logout (else the system's authorities are).
    """

    issuer: str
    clients: tuple[Client, ...]
    residents: tuple[Resident, ...] = RESIDENTS
    id_token_seconds: int = 300
    wifi_sector: str = ""
    ca_file: str = ""
    device_seconds: int = DEVICE_SECONDS
    device_interval: int = INTERVAL

    def __post_init__(self) -> None:
        url = urlsplit(self.issuer)
        if self.issuer != f"{url.scheme}://{url.netloc}" or not url.hostname or "@" in url.netloc:
            raise ValueError(f"issuer {self.issuer!r} is not an origin such as https://bsw.balikpapan.test")
        if url.scheme != "https" and not (url.scheme == "http" and is_loopback(url.hostname)):
            raise ValueError(f"issuer {self.issuer!r} is not https")
        if self.id_token_seconds < 1:
            raise ValueError(f"a token lives at least 1 second, not {self.id_token_seconds}")
        if any(client.client_id == APP_ID for client in self.clients):
            raise ValueError(f"client {APP_ID} is the provider's own and registered already")
        if not self.wifi_sector and self.clients:
            object.__setattr__(self, "wifi_sector", self.clients[0].sector)

    @property
    def registered(self) -> tuple[Client, ...]:
        """Every client: those of the file and the residents' app."""
        return (*self.clients, resident_app(self.issuer))

    @property
    def secure(self) -> bool:
        """Whether cookies may and must be marked Secure."""
        return self.issuer.startswith("https://")
