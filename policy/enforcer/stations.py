"""A mirror of the LAN's neighbour table: which phone is at an address, which addresses a phone has.

The table has an entry for every phone that the gateway exchanges packets with, so an address that a phone made
for itself (RFC 8981) appears here without anybody's help. Only addresses of the LAN that can be a phone's count.
"""

from __future__ import annotations

from collections.abc import Iterable

from policy.enforcer.kernel import Neighbour
from policy.model import Address, Mac
from policy.settings import NetworkSettings


class Stations:
    """Follows neighbour events; ``at`` and ``addresses`` answer without asking the kernel."""

    def __init__(self, network: NetworkSettings) -> None:
        self._networks = (network.lan_ipv4.network, network.lan_ipv6.network)
        self._reserved: set[Address] = {network.lan_ipv4.ip, network.lan_ipv6.ip}
        for lan in self._networks:
            self._reserved |= {lan.network_address, lan.broadcast_address}
        self._mac: dict[Address, Mac] = {}
        self._addresses: dict[Mac, set[Address]] = {}

    def may_hold(self, address: Address) -> bool:
        """Whether a phone may have ``address``: inside the LAN, not the gateway's, not a network's own."""
        return address not in self._reserved and self.is_local(address)

    def is_local(self, address: Address) -> bool:
        """Whether ``address`` is of the LAN, a phone's or not."""
        return any(address in lan for lan in self._networks)

    def at(self, address: Address) -> Mac | None:
        """The phone at ``address``."""
        return self._mac.get(address)

    def addresses(self, mac: Mac) -> frozenset[Address]:
        """All addresses of a phone."""
        return frozenset(self._addresses.get(mac, ()))

    def replace(self, table: Iterable[Neighbour]) -> None:
        """Start again from the whole table."""
        self._mac.clear()
        self._addresses.clear()
        for neighbour in table:
            self.update(neighbour)

    def update(self, neighbour: Neighbour) -> None:
        """Apply one event."""
        address, mac = neighbour.address, neighbour.mac
        if not self.may_hold(address):
            return
        before = self._mac.get(address)
        if before == mac:
            return
        if before is not None:
            self._addresses[before].discard(address)
            if not self._addresses[before]:
                del self._addresses[before]
        if mac is None:
            self._mac.pop(address, None)
        else:
            self._mac[address] = mac
            self._addresses.setdefault(mac, set()).add(address)
