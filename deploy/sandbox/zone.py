"""The laboratory's DNS, as text: one root zone with every name in it, served by nsd.

One zone that holds the whole tree keeps the DNS to a single authoritative server, while the gateway's unbound
still recurses from root hints as on a real line. Pure: names in, files' contents out.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from deploy.sandbox.names import Host
from policy.model import Address

#: Seconds that an answer is kept: short, so that a test which moves a name need not wait.
TTL = 60


def zone_text(hosts: Iterable[Host], nameserver: Host) -> str:
    """Return the zone file of ``.`` (RFC 1035 section 5): SOA, NS, and A and AAAA of each host."""
    lines = [
        f"$TTL {TTL}",
        f". IN SOA {nameserver.name}. hostmaster.{nameserver.name}. 1 3600 600 86400 {TTL}",
        f". IN NS {nameserver.name}.",
    ]
    names = {host.name: host for host in (nameserver, *hosts)}
    lines += [_record(host.name, address) for host in names.values() for address in host.addresses]
    return "\n".join(lines) + "\n"


def hints_text(nameserver: Host) -> str:
    """Return root hints that lead a resolver to ``nameserver`` (3,600,000 s as in IANA's own file)."""
    lines = [f". 3600000 NS {nameserver.name}."]
    lines += [f"{nameserver.name}. 3600000 {_type(address)} {address}" for address in nameserver.addresses]
    return "\n".join(lines) + "\n"


def nsd_text(nameserver: Host, zone_file: Path, state: Path) -> str:
    """Return an nsd.conf that serves ``zone_file`` as the root on the name server's addresses.

    Everything that nsd would keep goes under ``state``; it needs no control socket and changes no user.
    """
    addresses = "\n".join(f"    ip-address: {address}" for address in nameserver.addresses)
    return f"""server:
{addresses}
    server-count: 1
    username: ""
    chroot: ""
    zonesdir: "{state}"
    database: ""
    pidfile: "{state}/nsd.pid"
    xfrdfile: "{state}/xfrd.state"
    xfrdir: "{state}"
    zonelistfile: "{state}/zone.list"
    hide-version: yes
    rrl-ratelimit: 0
remote-control:
    control-enable: no
zone:
    name: "."
    zonefile: "{zone_file}"
"""


def _record(name: str, address: Address) -> str:
    return f"{name}. IN {_type(address)} {address}"


def _type(address: Address) -> str:
    return "A" if address.version == 4 else "AAAA"
