"""The DNS's files are what nsd accepts, and hold every name of the table."""

from __future__ import annotations

import shutil
import subprocess
from ipaddress import IPv6Address
from pathlib import Path

import dns.name
import dns.rdatatype
import dns.zone
import pytest

from deploy.sandbox.names import HOSTS, NAMESERVER, Role, site_addresses
from deploy.sandbox.zone import hints_text, nsd_text, zone_text


def test_every_host_has_its_addresses() -> None:
    zone = dns.zone.from_text(zone_text(HOSTS, NAMESERVER), origin=dns.name.root, relativize=False)
    for host in HOSTS:
        found = [
            record.address
            for kind in (dns.rdatatype.A, dns.rdatatype.AAAA)
            for record in zone.get_rdataset(f"{host.name}.", kind) or ()
        ]
        assert found == [str(address) for address in host.addresses]


def test_hints_lead_to_the_name_server() -> None:
    assert hints_text(NAMESERVER).splitlines() == [
        ". 3600000 NS ns.internet.test.",
        "ns.internet.test. 3600000 A 203.0.113.53",
        "ns.internet.test. 3600000 AAAA 2001:db8:113::53",
    ]


def test_no_name_stands_twice_and_no_address_has_two_roles() -> None:
    assert len({host.name for host in HOSTS}) == len(HOSTS)
    roles: dict[object, set[Role]] = {}
    for host in HOSTS:
        for address in host.addresses:
            roles.setdefault(address, set()).add(host.role)
    assert all(len(found) == 1 for found in roles.values())


def test_the_machine_holds_what_is_served_and_nothing_of_others() -> None:
    assert IPv6Address("2001:db8:113::53") in site_addresses()
    assert not any(str(address).startswith(("131.", "fd3e")) for address in site_addresses())


@pytest.mark.skipif(shutil.which("nsd-checkzone") is None, reason="nsd is not installed")
def test_nsd_accepts_it(tmp_path: Path) -> None:
    zone, conf = tmp_path / "root.zone", tmp_path / "nsd.conf"
    zone.write_text(zone_text(HOSTS, NAMESERVER))
    conf.write_text(nsd_text(NAMESERVER, zone, tmp_path))
    for command in (["nsd-checkzone", ".", zone], ["nsd-checkconf", conf]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
