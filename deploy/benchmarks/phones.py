"""Phones by number: their addresses, and the frames they send. 50,000 of them share one cable and one socket.

The addresses are the LAN's of the benchmarks' routers (`topology`): 10.76.0.0/15 and a /64.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface

from policy.model import Address, Mac

LAN_IPV4 = IPv4Interface("10.76.0.1/15")
LAN_IPV6 = IPv6Interface("2001:db8:76::1/64")
GATEWAY_MAC = Mac.parse("02:76:ff:00:00:01")

_FIRST_IPV4 = 256  # 10.76.1.0: leaves the gateway's own /24 alone
_FIRST_IPV6 = 1 << 32
_ETHERTYPE = {4: 0x0800, 6: 0x86DD}
_UDP = 17
_HOPS = 64


@dataclass(frozen=True, slots=True)
class Phone:
    """Phone number ``number``, 0 to 99,999."""

    number: int

    @property
    def mac(self) -> Mac:
        """Locally administered, as a phone's private address is."""
        return Mac(b"\x02\x76" + self.number.to_bytes(4, "big"))

    @property
    def ipv4(self) -> IPv4Address:
        """Its lease."""
        return LAN_IPV4.network.network_address + _FIRST_IPV4 + self.number

    @property
    def ipv6(self) -> IPv6Address:
        """The address it made for itself."""
        return LAN_IPV6.network.network_address + _FIRST_IPV6 + self.number

    def datagram(self, to: Address, port: int, payload: bytes) -> bytes:
        """The Ethernet frame of a UDP datagram from this phone to ``to``, by way of the gateway."""
        source = self.ipv4 if to.version == 4 else self.ipv6
        udp = _udp(source, to, port, payload)
        head = _ipv4_header if to.version == 4 else _ipv6_header
        ethernet = GATEWAY_MAC.packed + self.mac.packed + struct.pack(">H", _ETHERTYPE[to.version])
        return ethernet + head(source, to, len(udp)) + udp


def checksum(octets: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    if len(octets) % 2:
        octets += b"\0"
    total: int = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _udp(source: Address, to: Address, port: int, payload: bytes) -> bytes:
    length = 8 + len(payload)
    pseudo = source.packed + to.packed + struct.pack(">HHHH", 0, length, 0, _UDP)
    head = struct.pack(">HHHH", port, port, length, 0)
    total = checksum(pseudo + head + payload) or 0xFFFF  # RFC 768: zero means no checksum
    return head[:6] + struct.pack(">H", total) + payload


def _ipv4_header(source: Address, to: Address, length: int) -> bytes:
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + length, 0, 0x4000, _HOPS, _UDP, 0) + source.packed + to.packed
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:]


def _ipv6_header(source: Address, to: Address, length: int) -> bytes:
    return struct.pack(">IHBB", 6 << 28, length, _UDP, _HOPS) + source.packed + to.packed
