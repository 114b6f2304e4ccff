"""The benchmarks' cables: three worlds side by side, alike but for the router in the middle.

    phones-NAME wlan0 --- lan0 NAME wan0 --- uplink internet-NAME        NAME: one, many, bare

`one` and `many` run an enforcer each; `bare` forwards everything and translates IPv4 addresses, nothing else: the
yardstick of the other two. Everything lives in the private /run that `deploy/isolated` gives.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from deploy.benchmarks.errors import BenchError
from deploy.benchmarks.phones import GATEWAY_MAC, LAN_IPV4, LAN_IPV6, Phone
from deploy.lab.netns import inside

SITE_IPV4 = IPv4Address("203.0.113.60")
SITE_IPV6 = IPv6Address("2001:db8:113::60")

_HOST = {
    "net.ipv4.ip_forward": 0,
    "net.ipv4.conf.all.rp_filter": 0,
    "net.ipv4.conf.default.rp_filter": 0,
    "net.ipv6.conf.all.forwarding": 0,
    "net.ipv6.conf.all.accept_ra": 0,
    "net.ipv6.conf.default.accept_ra": 0,
    "net.ipv6.conf.default.accept_dad": 0,
}
_ROUTER = {"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1}
_TRANSLATE = """
table ip bare {
    chain leave {
        type nat hook postrouting priority srcnat
        oifname "wan0" masquerade
    }
}
"""


@dataclass(frozen=True, slots=True)
class World:
    """One router, by name, with the namespaces on both sides of it."""

    router: str

    @property
    def phones(self) -> str:
        """The namespace whose ``wlan0`` is phone 0's; the other phones send raw frames there."""
        return f"phones-{self.router}"

    @property
    def internet(self) -> str:
        """The namespace that holds the site."""
        return f"internet-{self.router}"


ONE, MANY, BARE = World("one"), World("many"), World("bare")
WORLDS = (ONE, MANY, BARE)


def build() -> None:
    """Make all worlds, and open the bare router. BenchError names the command that was refused."""
    for world in WORLDS:
        machines = _cables(world)
        _ip([], [f"netns add {name}" for name in machines])
        for name in machines:
            inside(name, lambda: _set(_HOST))
        for name, lines in machines.items():
            _ip(["-n", name], lines)
    inside(BARE.router, lambda: _set(_ROUTER))
    run(BARE.router, ["nft", "-f", "-"], _TRANSLATE)


def introduce(world: World, phones: Sequence[Phone]) -> None:
    """Put the phones into the router's neighbour table for good, as if each had just been heard of."""
    lines = [
        f"neighbour replace {address} lladdr {phone.mac} dev lan0 nud permanent"
        for phone in phones
        for address in (phone.ipv4, phone.ipv6)
    ]
    _ip(["-n", world.router], lines)


def enter(namespace: str, command: Sequence[str]) -> list[str]:
    """The command line that runs ``command`` in a namespace; the process id stays."""
    return ["nsenter", f"--net=/run/netns/{namespace}", "--", *command]


def run(namespace: str, command: Sequence[str], text: str = "", timeout: float = 60) -> str:
    """Run a program in a namespace to its end; what it printed. BenchError with its complaint if it fails."""
    done = subprocess.run(
        enter(namespace, command), input=text, capture_output=True, text=True, timeout=timeout, check=False
    )
    if done.returncode != 0:
        raise BenchError(
            f"{' '.join(command)} in {namespace} failed: {(done.stderr or done.stdout).strip()[:500]}"
        )
    return done.stdout


def _cables(world: World) -> dict[str, list[str]]:
    """Per namespace the lines for `ip -batch`, in the order in which they must run."""
    phone = Phone(0)
    phones = [
        "link set lo up",
        f"link add wlan0 address {phone.mac} type veth peer name lan0 address {GATEWAY_MAC} netns {world.router}",
        f"address add {phone.ipv4}/{LAN_IPV4.network.prefixlen} dev wlan0",
        f"address add {phone.ipv6}/64 dev wlan0",
        "link set wlan0 up",
        f"route add default via {LAN_IPV4.ip}",
        f"route add default via {LAN_IPV6.ip}",
    ]
    internet = [
        "link set lo up",
        f"link add uplink type veth peer name wan0 netns {world.router}",
        f"address add {SITE_IPV4} dev lo",
        f"address add {SITE_IPV6} dev lo",
        "address add 198.51.100.1/24 dev uplink",
        "address add 2001:db8:51::1/64 dev uplink",
        "link set uplink up",
        f"route add {LAN_IPV6.network} via 2001:db8:51::2",
    ]
    router = [
        "link set lo up",
        f"address add {LAN_IPV4} dev lan0",
        f"address add {LAN_IPV6} dev lan0",
        "address add 198.51.100.2/24 dev wan0",
        "address add 2001:db8:51::2/64 dev wan0",
        "link set lan0 up",
        "link set wan0 up",
        "route add default via 198.51.100.1",
        "route add default via 2001:db8:51::1",
    ]
    return {world.phones: phones, world.internet: internet, world.router: router}


def _set(settings: Mapping[str, int]) -> None:
    for key, value in settings.items():
        Path("/proc/sys", *key.split(".")).write_text(f"{value}\n", encoding="ascii")


def _ip(options: Sequence[str], lines: Sequence[str]) -> None:
    done = subprocess.run(
        ["ip", *options, "-batch", "-"], input="\n".join(lines) + "\n", capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise BenchError(f"ip {' '.join(options)} refused: {done.stderr.strip()[:500]}")
