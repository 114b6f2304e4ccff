"""The laboratory's cables: namespaces `gateway`, `air`, `internet`, `phone1`..., and how a program runs in one.

    phoneN wlan0 --- air (a bridge: the access point) --- lan0 gateway wan0 --- uplink internet

`air` carries frames only, and none between phones. Phones begin with their link down and no address: joining
is the phone's own work. The gateway begins with forwarding off: turning it on is the enforcer's, once its
rules are in.
"""

import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.lab.errors import LabError
from deploy.lab.netns import inside

LAN_IPV4 = "10.77.0.1"
LAN_IPV6 = "2001:db8:77::1"
WAN_IPV4 = "198.51.100.2"
WAN_IPV6 = "2001:db8:51::2"
UPLINK_IPV4 = "198.51.100.1"
UPLINK_IPV6 = "2001:db8:51::1"

# How Python's requests, OpenSSL's own tools and curl are told.
_TRUST = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE")
_RESOLV_CONF = Path("/etc/resolv.conf")
# A host as its maker ships it: no forwarding, whatever the machine that runs the lab does with its own.
_HOST = {
    "net.ipv4.ip_forward": 0,
    "net.ipv4.conf.all.rp_filter": 0,
    "net.ipv4.conf.default.rp_filter": 0,
    "net.ipv6.conf.all.forwarding": 0,
    # Nobody here takes another's address, and the check (RFC 4862, 5.4) costs each start 1-2 s.
    "net.ipv6.conf.default.accept_dad": 0,
}
_STATIC = {**_HOST, "net.ipv6.conf.all.accept_ra": 0, "net.ipv6.conf.default.accept_ra": 0}
# router_solicitation_delay: without it the kernel waits up to 1 s before it first asks (RFC 4861, 6.3.7).
_PHONE = {
    **_HOST,
    "net.ipv6.conf.default.accept_ra": 1,
    "net.ipv6.conf.default.autoconf": 1,
    "net.ipv6.conf.default.use_tempaddr": 0,
    "net.ipv6.conf.default.router_solicitation_delay": 0,
}
_AIR = {"net.ipv6.conf.all.disable_ipv6": 1, "net.ipv6.conf.default.disable_ipv6": 1}


@dataclass(frozen=True)
class Namespace:
    """One machine of the laboratory: a network namespace, a home and a resolv.conf of its own."""

    name: str
    directory: Path
    trusted: Path | None = None  # a certificate authority that its programs trust instead of the machine's

    @property
    def home(self) -> Path:
        """Where its programs keep what they keep."""
        return self.directory / "home"

    @property
    def resolv_conf(self) -> Path:
        """The file its programs see as /etc/resolv.conf."""
        return self.directory / "resolv.conf"

    @property
    def environment(self) -> dict[str, str]:
        """What its programs find in their environment; proxies of the machine outside do not exist in here."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TERM") if name in os.environ}
        trust = dict.fromkeys(_TRUST, str(self.trusted)) if self.trusted else {}
        return {**kept, **trust, "HOME": str(self.home), "PYTHONUNBUFFERED": "1"}

    def command(self, arguments: Sequence[str]) -> list[str]:
        """The command line that runs `arguments` in here. Each step executes the next, so the process id stays."""
        bind = f'mount --bind "$0" {_RESOLV_CONF.resolve()} && exec "$@"'
        enter = ["nsenter", f"--net=/run/netns/{self.name}", "unshare", "--mount", "--"]
        return [*enter, "/bin/sh", "-c", bind, str(self.resolv_conf), *arguments]

    def run(
        self, arguments: Sequence[str], timeout: float = 60, extra: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in here to its end and keep what it says; the caller judges the exit status."""
        return subprocess.run(
            self.command(arguments),
            env={**self.environment, **(extra or {})},
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            start_new_session=True,  # Ctrl-C is for the laboratory
            check=False,
        )


def build(directory: Path, phones: int, sites: Sequence[str], authority: Path) -> dict[str, Namespace]:
    """Make every namespace, cable, address and route.

    `sites` are the addresses that the internet holds, `authority` the certificate authority that phones trust.

    LabError names the command that the kernel refused.
    """
    names = ["gateway", "air", "internet", *(f"phone{number}" for number in range(1, phones + 1))]
    trusted = {name: authority for name in names if name.startswith("phone")}
    machines = {name: Namespace(name, directory / name, trusted.get(name)) for name in names}
    for machine in machines.values():
        _furnish(machine)
    _ip([], [f"netns add {name}" for name in names])
    for name in names:
        inside(name, lambda name=name: _set(_kernel_settings(name)))  # type: ignore[misc]
    for name, lines in cables(phones, sites).items():
        _ip(["-n", name], lines)
    return machines


def demolish(machines: Iterable[Namespace]) -> None:
    """Remove the namespaces; their links, addresses and rules go with them."""
    _ip(["-force"], [f"netns delete {machine.name}" for machine in machines])


def cables(phones: int, sites: Sequence[str]) -> dict[str, list[str]]:
    """Per namespace the lines for `ip -batch`, in the order in which they must run."""
    air = ["link add air type bridge forward_delay 0 stp_state 0 mcast_snooping 0", "link set air up"]
    air += _port("gateway", "lan0", "02:77:00:00:00:01", "gateway")
    for number in range(1, phones + 1):
        air += _port(f"phone{number}", "wlan0", f"02:77:00:00:01:{number:02x}", f"phone{number}")
        air.append(f"link set phone{number} type bridge_slave isolated on")
    lines = {
        "air": air,
        "internet": ["link add uplink type veth peer name wan0 netns gateway", *_internet(sites)],
        "gateway": _gateway(),
    }
    return lines | {f"phone{number}": ["link set lo up"] for number in range(1, phones + 1)}


def _port(port: str, interface: str, mac: str, namespace: str) -> list[str]:
    return [
        f"link add {port} type veth peer name {interface} address {mac} netns {namespace}",
        f"link set {port} master air up",
    ]


def _gateway() -> list[str]:
    return [
        "link set lo up",
        f"address add {LAN_IPV4}/22 dev lan0",
        f"address add {LAN_IPV6}/64 dev lan0",
        f"address add {WAN_IPV4}/24 dev wan0",
        f"address add {WAN_IPV6}/64 dev wan0",
        "link set lan0 up",
        "link set wan0 up",
        f"route add default via {UPLINK_IPV4}",
        f"route add default via {UPLINK_IPV6}",
    ]


def _internet(sites: Sequence[str]) -> list[str]:
    return [
        "link set lo up",
        *(f"address add {address} dev lo" for address in sites),
        f"address add {UPLINK_IPV4}/24 dev uplink",
        f"address add {UPLINK_IPV6}/64 dev uplink",
        "link set uplink up",
        f"route add 2001:db8:77::/64 via {WAN_IPV6}",
    ]


def _kernel_settings(name: str) -> Mapping[str, int]:
    if name.startswith("phone"):
        return _PHONE
    return _AIR if name == "air" else _STATIC


def _set(settings: Mapping[str, int]) -> None:
    for key, value in settings.items():
        Path("/proc/sys", *key.split(".")).write_text(f"{value}\n", encoding="ascii")


def _furnish(machine: Namespace) -> None:
    machine.home.mkdir(parents=True)
    machine.resolv_conf.write_text("", encoding="ascii")
    # Where resolv.conf points into /run (systemd-resolved), the private /run lacks its target: make one.
    place = _RESOLV_CONF.resolve()
    if not place.exists() and place.is_relative_to("/run"):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()


def _ip(options: Sequence[str], lines: Sequence[str]) -> None:
    done = subprocess.run(
        ["ip", *options, "-batch", "-"],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise LabError(f"ip {' '.join(options)} refused: {done.stderr.strip()} (lines: {'; '.join(lines)})")
