from ipaddress import ip_address

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from deploy.benchmarks.phones import GATEWAY_MAC, LAN_IPV4, LAN_IPV6, Phone


def test_fifty_thousand_phones_have_addresses_of_their_own_inside_the_lan() -> None:
    phones = [Phone(number) for number in range(50_000)]
    assert len({phone.mac for phone in phones}) == len({phone.ipv4 for phone in phones}) == len(phones)
    assert len({phone.ipv6 for phone in phones}) == len(phones)
    for phone in (phones[0], phones[-1]):
        assert phone.ipv4 in LAN_IPV4.network
        assert phone.ipv4 not in (LAN_IPV4.ip, LAN_IPV4.network.broadcast_address)
        assert phone.ipv6 in LAN_IPV6.network
        assert phone.ipv6 != LAN_IPV6.ip


@pytest.mark.parametrize("site", ["203.0.113.60", "2001:db8:113::60"])
@pytest.mark.parametrize("payload", [b"12345678", b"odd"])
def test_a_datagram_is_what_another_implementation_reads_and_would_send(site: str, payload: bytes) -> None:
    phone, address = Phone(49_999), ip_address(site)
    frame = Ether(phone.datagram(address, 7_000, payload))
    assert (frame.src, frame.dst) == (str(phone.mac), str(GATEWAY_MAC))
    layer = IP if address.version == 4 else IPv6
    assert (frame[layer].src, frame[layer].dst) == (
        str(phone.ipv4 if address.version == 4 else phone.ipv6),
        site,
    )
    assert bytes(frame[UDP].payload) == payload
    checksums = bytes(frame)
    for part in (layer, UDP):
        for field in ("chksum", "len", "plen"):
            if field in frame[part].fields:
                del frame[part].fields[field]
    assert bytes(frame) == checksums
