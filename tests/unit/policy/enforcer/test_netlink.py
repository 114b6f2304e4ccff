from __future__ import annotations

import errno
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.enforcer import netlink
from policy.enforcer.netlink import Message


def test_attributes_are_padded_and_come_back() -> None:
    payload = netlink.attribute(1, b"abc") + netlink.nested(2, netlink.attribute(3, b"x")) + netlink.text(4, "set")
    assert len(payload) % 4 == 0
    found = netlink.parsed(payload)
    assert found[1] == b"abc"
    assert netlink.parsed(found[2]) == {3: b"x"}
    assert found[4] == b"set\0"


def test_what_an_attribute_cannot_tell_is_refused() -> None:
    netlink.attribute(1, bytes(netlink.LONGEST_ATTRIBUTE))
    with pytest.raises(ValueError, match="do not fit"):
        netlink.attribute(1, bytes(netlink.LONGEST_ATTRIBUTE + 1))


@pytest.mark.parametrize("payload", [b"\x03\0\x01\0", b"\xff\0\x01\0abcd", b"\x08\0\x01", b""])
def test_a_lying_length_ends_the_attributes(payload: bytes) -> None:
    assert list(netlink.attributes(payload)) == []


def test_messages_of_a_datagram() -> None:
    datagram = netlink.message(16, 1, 7, b"abcd") + netlink.message(17, 0, 8, b"")
    assert list(netlink.messages(datagram)) == [Message(16, 1, 7, b"abcd"), Message(17, 0, 8, b"")]
    assert list(netlink.messages(datagram[:-1])) == [Message(16, 1, 7, b"abcd")]


def test_the_kernel_s_own_words_are_in_a_refusal() -> None:
    header = netlink.HEADER.pack(20, 10, 0, 1, 0)
    body = struct.pack("=i", -errno.ENOENT) + header + netlink.text(1, "no such set")
    # NLM_F_CAPPED and NLM_F_ACK_TLVS.
    error = netlink.refusal(Message(netlink.NLMSG_ERROR, 0x100 | 0x200, 1, body), "changing a set")
    assert error.code == errno.ENOENT
    assert str(error) == "changing a set: No such file or directory (no such set)"


@given(st.binary(max_size=300))
def test_no_octets_break_the_reader(data: bytes) -> None:
    for found in netlink.messages(data):
        netlink.parsed(found.body)
    netlink.parsed(data)
