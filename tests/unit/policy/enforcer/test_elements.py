from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.enforcer import elements
from policy.enforcer.elements import EXPIRATION, KEY, OCTETS, PACKETS
from policy.enforcer.netlink import attribute, nested, parsed, text


def counted(key: bytes, octets: int, packets: int, left: int | None = 5) -> bytes:
    """An element as nf_tables_fill_setelem writes it."""
    counter = nested(2, attribute(1, struct.pack(">Q", octets)), attribute(2, struct.pack(">Q", packets)))
    parts = [nested(1, attribute(1, key)), nested(7, text(1, "counter"), counter)]
    if left is not None:
        parts.append(attribute(5, struct.pack(">Q", left)))
    return nested(1, *parts)


def test_elements_of_one_shape_are_read() -> None:
    payload = b"".join(counted(bytes([10, 77, 0, n]), n * 100, n, n) for n in range(50))
    expected = [(bytes([10, 77, 0, n]), n * 100, n) for n in range(50)]
    assert list(elements.read(payload, KEY, OCTETS, PACKETS)) == expected
    assert list(elements.read(payload, EXPIRATION, KEY)) == [(n, key) for n, (key, _, _) in enumerate(expected)]


@pytest.mark.parametrize("odd", [0, 1, 2])
def test_an_element_of_another_shape_does_not_disturb(odd: int) -> None:
    lefts = [None if number == odd else 9 for number in range(3)]
    payload = b"".join(counted(bytes(4), 7, 1, left) for left in lefts)
    assert list(elements.read(payload, KEY, OCTETS, EXPIRATION)) == [(bytes(4), 7, left or 0) for left in lefts]


def test_elements_of_one_length_and_other_order_are_told_apart() -> None:
    one = nested(
        1, nested(1, attribute(1, b"\1\2\3\4")), attribute(4, bytes(8)), attribute(5, b"\0" * 7 + b"\x09")
    )
    two = nested(
        1, nested(1, attribute(1, b"\5\6\7\x08")), attribute(5, b"\0" * 7 + b"\x07"), attribute(4, bytes(8))
    )
    assert list(elements.read(one + two, KEY, EXPIRATION)) == [(b"\1\2\3\4", 9), (b"\5\6\7\x08", 7)]


def test_nothing_is_read_of_nothing() -> None:
    assert list(elements.read(b"", KEY)) == []


@pytest.mark.parametrize("key", [bytes(4), b"\xaa" * 12, b"\xbb" * 24])
def test_a_written_element_is_what_the_attributes_say(key: bytes) -> None:
    bare = nested(1, nested(1, attribute(1, key)))
    left = struct.pack(">Q", 60_000)
    timed = nested(1, nested(1, attribute(1, key)), attribute(4, left), attribute(5, left))
    assert elements.element(key) == bare
    assert elements.element(key, 60) == timed
    assert list(elements.read(elements.element(key, 60), KEY, EXPIRATION)) == [(key, 60_000)]


@given(st.binary(max_size=300))
def test_no_octets_break_the_reader(data: bytes) -> None:
    for row in elements.read(data, KEY, EXPIRATION, OCTETS, PACKETS):
        assert len(row) == 4
    for value in parsed(data).values():
        list(elements.read(value, EXPIRATION))
