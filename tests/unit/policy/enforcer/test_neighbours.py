from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.enforcer.kernel import Neighbour
from policy.enforcer.neighbours import neighbour
from policy.enforcer.netlink import Message, attribute
from policy.model import Mac

LAN = 3
PHONE = Mac.parse("02:00:00:00:00:01")
V4, V6 = ip_address("10.77.0.11"), ip_address("2001:db8:77::11")
NEW, DELETED = 28, 29
INCOMPLETE, REACHABLE, STALE, DELAY, PROBE, FAILED, NOARP, PERMANENT = (1 << bit for bit in range(8))


def event(
    address: bytes, state: int, kind: int = NEW, index: int = LAN, mac: bytes | None = PHONE.packed
) -> Message:
    body = struct.pack("=BxxxiHBB", 2, index, state, 0, 1) + attribute(1, address)
    return Message(kind, 0, 0, body + (attribute(2, mac) if mac is not None else b""))


@pytest.mark.parametrize("address", [V4, V6])
@pytest.mark.parametrize("state", [REACHABLE, STALE, DELAY, PROBE, PERMANENT])
def test_a_usable_neighbour_has_its_mac(address: object, state: int) -> None:
    found = neighbour(event(address.packed, state), LAN)  # type: ignore[attr-defined]
    assert found == Neighbour(address, PHONE)  # type: ignore[arg-type]


@pytest.mark.parametrize("state", [INCOMPLETE, FAILED, NOARP])
def test_an_unusable_one_has_none(state: int) -> None:
    assert neighbour(event(V4.packed, state), LAN) == Neighbour(V4, None)


def test_a_deleted_one_has_none() -> None:
    assert neighbour(event(V4.packed, REACHABLE, kind=DELETED), LAN) == Neighbour(V4, None)


@pytest.mark.parametrize("mac", [None, bytes(6), b"\xff" * 6, b"\x02\0", b"\x01\0\x5e\0\0\x01"])
def test_what_cannot_be_a_phone_s_mac_is_nobody(mac: bytes | None) -> None:
    assert neighbour(event(V4.packed, REACHABLE, mac=mac), LAN) == Neighbour(V4, None)


def test_other_interfaces_and_messages_say_nothing() -> None:
    assert neighbour(event(V4.packed, REACHABLE, index=LAN + 1), LAN) is None
    assert neighbour(event(V4.packed, REACHABLE, kind=16), LAN) is None
    assert neighbour(event(b"\x0a\x4d", REACHABLE), LAN) is None


@given(st.binary(max_size=100))
def test_no_octets_break_the_reader(data: bytes) -> None:
    neighbour(Message(NEW, 0, 0, data), 0)
