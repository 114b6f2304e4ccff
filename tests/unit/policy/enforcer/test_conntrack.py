from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.enforcer.conntrack import flow
from policy.enforcer.netlink import attribute, nested, netfilter, parsed

PHONE = {4: ip_address("10.77.0.11").packed, 6: ip_address("2001:db8:77::11").packed}
SITE = {4: ip_address("203.0.113.10").packed, 6: ip_address("2001:db8:113::10").packed}


def entry(version: int, *more: bytes) -> bytes:
    """An entry as ctnetlink_fill_info writes it."""
    first = 1 if version == 4 else 3
    addresses = nested(1, attribute(first, PHONE[version]), attribute(first + 1, SITE[version]))
    protocol = nested(2, attribute(1, b"\x06"), attribute(2, b"\xc3\x50"), attribute(3, b"\x01\xbb"))
    return netfilter(2) + nested(1, addresses, protocol) + b"".join(more)


@pytest.mark.parametrize("version", [4, 6])
def test_a_flow_is_read_by_its_original_direction(version: int) -> None:
    found = flow(entry(version, attribute(3, bytes(4)), attribute(12, b"abcd")), version)
    assert found is not None
    assert (found.source, found.destination, found.port) == (PHONE[version], SITE[version], 443)
    assert set(parsed(found.name)) == {1, 12}, "found again by its tuple and id"


def test_a_flow_without_ports_has_port_zero() -> None:
    echo = nested(1, nested(1, attribute(1, PHONE[4]), attribute(2, SITE[4])), nested(2, attribute(1, b"\x01")))
    found = flow(netfilter(2) + echo, 4)
    assert found is not None
    assert found.port == 0


def test_the_zone_belongs_to_the_name() -> None:
    found = flow(entry(4, attribute(18, b"\0\x05")), 4)
    assert found is not None
    assert parsed(found.name)[18] == b"\0\x05"


def test_an_entry_of_the_other_family_is_none() -> None:
    assert flow(entry(6), 4) is None


@given(st.binary(max_size=300), st.sampled_from([4, 6]))
def test_no_octets_break_the_reader(data: bytes, version: int) -> None:
    flow(data, version)
