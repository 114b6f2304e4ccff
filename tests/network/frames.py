"""Frames that a phone without a grant may put on the air, with a mark by which a leak is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_RR, fragment
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    PadN,
)
from scapy.layers.l2 import GRE, Dot1Q, Ether
from scapy.layers.sctp import SCTP, SCTPChunkInit
from scapy.packet import Packet, Raw

from tests.network.guest import GATEWAY_MAC

#: Nearly every frame carries it, so that a leak is seen whatever the gateway has made of the headers.
MARK = b"gerbang-must-not-pass"
#: Larger than one frame, for fragments; the mark is in each of its parts.
_LONG = MARK * 120


@dataclass(frozen=True)
class Source:
    """Whom the frames say they come from."""

    mac: str
    address: str


Build = Callable[[Source, str], list[Packet]]


def build(case: Build, source: Source, destination: str, to: str = GATEWAY_MAC) -> list[bytes]:
    """The frames of a case, as bytes, sent to the gateway's MAC."""
    return [bytes(Ether(src=source.mac, dst=to) / packet) for packet in case(source, destination)]


def _four(payload: Any, **fields: Any) -> Build:
    return lambda source, to: [IP(src=source.address, dst=to, **fields) / payload / Raw(MARK)]


def _six(payload: Any, **fields: Any) -> Build:
    return lambda source, to: [IPv6(src=source.address, dst=to, **fields) / payload / Raw(MARK)]


def _fragments4(payload: Any, size: int) -> Build:
    return lambda source, to: list(fragment(IP(src=source.address, dst=to, id=7) / payload / Raw(_LONG), size))


def _fragments6(inner: Any) -> Build:
    """Cut by hand: scapy's own cutter wants to look up routes."""

    def cut(source: Source, to: str) -> list[Packet]:
        whole = bytes(IPv6(src=source.address, dst=to) / inner / Raw(_LONG))[40:]
        number = inner.overload_fields.get(IPv6, {}).get("nh", 17)
        pieces = [whole[at : at + 1200] for at in range(0, len(whole), 1200)]
        return [
            IPv6(src=source.address, dst=to)
            / IPv6ExtHdrFragment(nh=number, offset=at * 150, m=int(at < len(pieces) - 1), id=7)
            / Raw(piece)
            for at, piece in enumerate(pieces)
        ]

    return cut


def _inside4(source: Source, to: str) -> list[Packet]:
    return [IP(src=source.address, dst=to) / GRE() / IP(src="192.0.2.1", dst=to) / UDP(dport=9) / Raw(MARK)]


def _tagged(source: Source, to: str) -> list[Packet]:
    return [Dot1Q(vlan=1) / IP(src=source.address, dst=to) / UDP(dport=9) / Raw(MARK)]


_SCTP = SCTP(sport=40_000, dport=80) / SCTPChunkInit(init_tag=1, n_out_streams=1, n_in_streams=1)


def _tcp(port: int, flags: str = "S") -> Any:
    return TCP(sport=40_000, dport=port, flags=flags, seq=1, ack=1 if "A" in flags else 0)


IPV4: dict[str, Build] = {
    "ping": _four(ICMP()),
    "timestamp": _four(ICMP(type=13)),
    "udp-traceroute": _four(UDP(sport=40_000, dport=33_434)),
    "udp-ntp": _four(UDP(sport=123, dport=123)),
    "udp-80": _four(UDP(sport=40_000, dport=80)),
    "quic": _four(UDP(sport=40_000, dport=443)),
    "udp-dot": _four(UDP(sport=40_000, dport=853)),
    "udp-from-53": _four(UDP(sport=53, dport=40_000)),
    "udp-to-53": _four(UDP(sport=40_000, dport=53)),
    "tcp-22": _four(_tcp(22)),
    "tcp-25": _four(_tcp(25)),
    "tcp-80": _four(_tcp(80)),
    "tcp-443": _four(_tcp(443)),
    "tcp-853": _four(_tcp(853)),
    "tcp-8080": _four(_tcp(8080)),
    "tcp-80-ack": _four(_tcp(80, "A")),
    "tcp-443-ack": _four(_tcp(443, "PA")),
    "tcp-443-fin": _four(_tcp(443, "F")),
    "tcp-443-reset": _four(_tcp(443, "R")),
    "tcp-no-flags": _four(_tcp(443, "")),
    "tcp-all-flags": _four(_tcp(80, "FSRPAUEC")),
    "gre": _inside4,
    "ipip": _four(IP(src="192.0.2.1", dst="192.0.2.2") / UDP(dport=9)),
    "6in4": _four(IPv6(src="2001:db8::1", dst="2001:db8:113::30") / UDP(dport=9)),
    # Without the mark, which would make it malformed: a leak is known by its destination.
    "sctp": lambda source, to: [IP(src=source.address, dst=to) / _SCTP],
    "esp": _four(Raw(bytes(8)), proto=50),
    "udplite": _four(Raw(bytes(8)), proto=136),
    "protocol-253": _four(Raw(bytes(8)), proto=253),
    "options": _four(UDP(dport=9), options=[IPOption_RR(length=7, routers=["0.0.0.0"])]),
    "ttl-1": _four(UDP(dport=9), ttl=1),
    "udp-fragments": _fragments4(UDP(sport=40_000, dport=9), 1200),
    "tcp-443-fragments": _fragments4(_tcp(443), 1200),
    "tcp-small-fragments": _fragments4(_tcp(80), 16),
    "last-fragment-alone": lambda source, to: [
        IP(src=source.address, dst=to, id=8, frag=100, proto=17) / Raw(MARK)
    ],
    "vlan": _tagged,
}

IPV6: dict[str, Build] = {
    "ping": _six(ICMPv6EchoRequest()),
    "udp-traceroute": _six(UDP(sport=40_000, dport=33_434)),
    "udp-80": _six(UDP(sport=40_000, dport=80)),
    "quic": _six(UDP(sport=40_000, dport=443)),
    "udp-dot": _six(UDP(sport=40_000, dport=853)),
    "udp-from-53": _six(UDP(sport=53, dport=40_000)),
    "udp-to-53": _six(UDP(sport=40_000, dport=53)),
    "tcp-22": _six(_tcp(22)),
    "tcp-80": _six(_tcp(80)),
    "tcp-443": _six(_tcp(443)),
    "tcp-853": _six(_tcp(853)),
    "tcp-443-ack": _six(_tcp(443, "PA")),
    "tcp-all-flags": _six(_tcp(80, "FSRPAUEC")),
    "gre": _six(GRE() / IP(src="192.0.2.1", dst="192.0.2.2") / UDP(dport=9)),
    "4in6": _six(IP(src="192.0.2.1", dst="203.0.113.30") / UDP(dport=9)),
    "sctp": lambda source, to: [IPv6(src=source.address, dst=to) / _SCTP],
    "protocol-253": _six(Raw(bytes(8)), nh=253),
    "no-next-header": _six(Raw(b""), nh=59),
    "hop-by-hop-udp": _six(IPv6ExtHdrHopByHop(options=PadN(optdata=b"\0" * 4)) / UDP(dport=9)),
    "hop-by-hop-tcp-443": _six(IPv6ExtHdrHopByHop(options=PadN(optdata=b"\0" * 4)) / _tcp(443)),
    "destination-options-udp": _six(IPv6ExtHdrDestOpt(options=PadN(optdata=b"\0" * 4)) / UDP(dport=9)),
    "destination-options-tcp-80": _six(IPv6ExtHdrDestOpt(options=PadN(optdata=b"\0" * 4)) / _tcp(80)),
    "routing-0-tcp-443": _six(IPv6ExtHdrRouting(type=0, segleft=0) / _tcp(443)),
    "routing-2-udp": _six(IPv6ExtHdrRouting(type=2, segleft=0) / UDP(dport=9)),
    "udp-fragments": _fragments6(UDP(sport=40_000, dport=9)),
    "tcp-443-fragments": _fragments6(_tcp(443)),
    "atomic-fragment": _six(IPv6ExtHdrFragment(m=0, offset=0, id=9) / UDP(dport=9)),
    "last-fragment-alone": _six(IPv6ExtHdrFragment(nh=17, m=0, offset=100, id=9)),
    "hop-limit-1": _six(UDP(dport=9), hlim=1),
}
