"""One strict ``gateway.toml``: a frozen table per process. ``deploy/gateway.example.toml`` shows every key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from policy import strict_toml
from policy.strict_toml import (
    AbsolutePath,
    HostName,
    HostNames,
    HttpsUrl,
    InterfaceName,
    IpText,
    LanIpv4,
    LanIpv6,
    OptionalPath,
    Port,
    Text,
    Texts,
    TimeZone,
    User,
    whole_number,
)


class SettingsError(Exception):
    """What is wrong with a settings file: one sentence a problem, each naming the table and the key."""

    def __init__(self, source: str, problems: list[str]) -> None:
        lines = [f"{source}: {len(problems)} problem(s)", *(f"  - {problem}" for problem in problems)]
        super().__init__("\n".join(lines))
        self.problems = problems


_DAY = 86_400


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """Which gateway this is, for the fleet, the reports and the visitor's page."""

    id: Text
    hotspot: Text
    kecamatan: Text
    timezone: TimeZone = ZoneInfo("Asia/Makassar")

    def day(self, moment: datetime) -> date:
        """The local day, on which pseudonyms and daily limits depend."""
        return moment.astimezone(self.timezone).date()


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """Where the phones are (``lan``), where the internet is (``wan``), and the gateway's own LAN addresses."""

    lan: InterfaceName
    wan: InterfaceName
    lan_ipv4: LanIpv4
    lan_ipv6: LanIpv6


@dataclass(frozen=True, slots=True)
class PeersSettings:
    """The users whose processes may call the enforcer: a name or a uid each."""

    portal: User = "gerbang-portal"
    console: User = "gerbang-console"
    monitor: User = "gerbang-monitor"
    resolver: User = "gerbang-resolver"


@dataclass(frozen=True, slots=True)
class EnforcerSettings:
    """The privileged process. ``longest_seconds`` caps every grant, whoever asks."""

    socket: AbsolutePath = Path("/run/gerbang/enforcer.sock")
    journal: AbsolutePath = Path("/var/lib/gerbang/enforcer/journal")
    longest_seconds: Annotated[int, whole_number(60, _DAY)] = _DAY
    peers: PeersSettings = field(default_factory=PeersSettings)


@dataclass(frozen=True, slots=True)
class GardenSettings:
    """What a phone may reach on https before sign-in: the sign-in itself, never a probe's name."""

    names: HostNames
    nameserver: IpText = "127.0.0.1"
    interval_seconds: Annotated[int, whole_number(5, 3600)] = 60


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """An SQLAlchemy URL: SQLite by default, PostgreSQL for a fleet."""

    url: Text = "sqlite:////var/lib/gerbang/gerbang.db"


@dataclass(frozen=True, slots=True)
class PortalSettings:
    """The visitors' portal: its public name, its two ports and its TLS key."""

    host: HostName
    certificate: AbsolutePath
    key: AbsolutePath
    secret_file: AbsolutePath = Path("/var/lib/gerbang/portal/secret")
    http_port: Port = 8080
    https_port: Port = 8443
    workers: Annotated[int, whole_number(1, 64)] = 2


@dataclass(frozen=True, slots=True)
class VisitSettings:
    """How long one sign-in lasts, how many bytes it carries (0: unlimited), how often it may be extended."""

    seconds: Annotated[int, whole_number(60, _DAY)] = 7_200
    bytes: Annotated[int, whole_number(0, 2**50)] = 2_000_000_000
    extensions: Annotated[int, whole_number(0, 100)] = 2


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    """Balikpapan Single Window as an OpenID Provider; without a secret file the portal is a public client."""

    issuer: HttpsUrl
    client_id: Text
    client_secret_file: OptionalPath = None
    ca_file: OptionalPath = None
    scopes: Texts = ("openid", "wifi")


@dataclass(frozen=True, slots=True)
class NoticeSettings:
    """What the privacy notice must name (UU 27/2022 article 21)."""

    controller: Text
    contact: Text
    retention_days: Annotated[int, whole_number(1, 3650)] = 90


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """The staff's console; by default on loopback only, for a tunnel or a management network to reach."""

    host: HostName
    certificate: AbsolutePath
    key: AbsolutePath
    secret_file: AbsolutePath = Path("/var/lib/gerbang/console/secret")
    address: IpText = "127.0.0.1"
    port: Port = 8444


@dataclass(frozen=True, slots=True)
class MonitorSettings:
    """Readings of the counters, where Prometheus finds them, and the key of the pseudonyms."""

    interval_seconds: Annotated[int, whole_number(1, 60)] = 5
    metrics_address: IpText = "127.0.0.1"
    metrics_port: Port = 9104
    pseudonym_key_file: AbsolutePath = Path("/var/lib/gerbang/pseudonym.key")


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole file."""

    gateway: GatewaySettings
    network: NetworkSettings
    enforcer: EnforcerSettings
    garden: GardenSettings
    database: DatabaseSettings
    portal: PortalSettings
    visits: VisitSettings
    identity: IdentitySettings
    notice: NoticeSettings
    console: ConsoleSettings
    monitor: MonitorSettings

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read a file; every problem of it in one ``SettingsError``."""
        try:
            document = strict_toml.parse(path)
        except ValueError as error:
            raise SettingsError(str(path), [str(error)]) from error
        return cls.from_document(document, str(path))

    @classmethod
    def from_document(cls, document: Mapping[str, object], source: str = "gateway.toml") -> Self:
        """Build from parsed TOML; ``source`` is what an error calls it."""
        problems: list[str] = []
        settings = strict_toml.read_table(cls, document, "", problems)
        if settings is not None:
            problems += _contradictions(settings)
        if problems or settings is None:
            raise SettingsError(source, problems)
        return settings


def _contradictions(settings: Settings) -> list[str]:
    """What no single key shows."""
    problems = []
    if settings.network.lan == settings.network.wan:
        problems.append("network.lan and network.wan are the same interface")
    if settings.visits.seconds > settings.enforcer.longest_seconds:
        problems.append("visits.seconds is longer than enforcer.longest_seconds allows")
    ports = [settings.portal.http_port, settings.portal.https_port, settings.console.port]
    if len(set(ports)) < len(ports):
        problems.append("portal.http_port, portal.https_port and console.port must differ")
    return problems
