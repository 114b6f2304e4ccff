"""The one table of the laboratory's internet: every name, its addresses, and what answers there.

Addresses are documentation ranges (RFC 5737, RFC 3849); names under ``test`` belong to nobody (RFC 6761). The
probes' names are the real ones, since phones ask for them; in the laboratory they lead here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from policy.model import Address


class Role(StrEnum):
    """Which site answers at a name."""

    NAMESERVER = "nameserver"
    PROVIDER = "provider"
    GEMPITA = "gempita"
    NEWS = "news"
    STREAMING = "streaming"
    DENIED = "denied"
    PROBE = "probe"
    RECORD = "record"  # only the answer of the DNS matters


@dataclass(frozen=True, slots=True)
class Host:
    """One name of the internet."""

    name: str
    role: Role
    addresses: tuple[Address, ...]


SITES_IPV4 = IPv4Network("203.0.113.0/24")
SITES_IPV6 = IPv6Network("2001:db8:113::/64")

#: The portal's own name: served by the gateway, not by the internet.
PORTAL_NAME = "wifi.balikpapan.test"

PROVIDER_NAME = "bsw.balikpapan.test"
GEMPITA_NAME = "gempita.balikpapan.test"
NEWS_NAME = "berita.test"
STREAMING_NAME = "video.test"
DENIED_NAME = "judi.test"
NAMESERVER_NAME = "ns.internet.test"


def _pair(last: str) -> tuple[IPv4Address, IPv6Address]:
    """Return 203.0.113.``last`` and 2001:db8:113::``last``: one number to remember for both."""
    return IPv4Address(f"203.0.113.{last}"), IPv6Address(f"2001:db8:113::{last}")


_PROBES = _pair("60")
_PROBE_NAMES = (
    "connectivitycheck.gstatic.com",
    "clients3.google.com",
    "www.google.com",
    "captive.apple.com",
    "www.apple.com",
    "www.msftconnecttest.com",
    "detectportal.firefox.com",
    "nmcheck.gnome.org",
    "spectrum.s3.amazonaws.com",
)

HOSTS: tuple[Host, ...] = (
    Host(NAMESERVER_NAME, Role.NAMESERVER, _pair("53")),
    Host(PROVIDER_NAME, Role.PROVIDER, _pair("10")),
    Host(GEMPITA_NAME, Role.GEMPITA, _pair("20")),
    Host(NEWS_NAME, Role.NEWS, _pair("30")),
    Host(STREAMING_NAME, Role.STREAMING, _pair("40")),
    Host(DENIED_NAME, Role.DENIED, _pair("50")),
    *(Host(name, Role.PROBE, _PROBES) for name in _PROBE_NAMES),
    Host("ipv6.msftconnecttest.com", Role.PROBE, _PROBES[1:]),
    # What Windows compares the DNS's answer with; nothing is asked of these addresses.
    Host(
        "dns.msftncsi.com",
        Role.RECORD,
        (IPv4Address("131.107.255.255"), IPv6Address("fd3e:4f5a:5b81::1")),
    ),
)

NAMESERVER = next(host for host in HOSTS if host.role is Role.NAMESERVER)


def served() -> tuple[Host, ...]:
    """Return the hosts that answer http and https."""
    return tuple(host for host in HOSTS if host.role not in (Role.NAMESERVER, Role.RECORD))


def site_addresses() -> tuple[Address, ...]:
    """Return every address that the internet's machine must hold, the name server's among them, once each."""
    hosts = (host for host in HOSTS if host.role is not Role.RECORD)
    return tuple(dict.fromkeys(address for host in hosts for address in host.addresses))
