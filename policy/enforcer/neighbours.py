"""The LAN's neighbour table: which hardware address the kernel talks to at each address, and its changes.

Constants and structures are those of linux/rtnetlink.h and linux/neighbour.h.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from ipaddress import ip_address

from policy.enforcer import netlink
from policy.enforcer.kernel import KernelError, Neighbour, NeighboursLost
from policy.enforcer.netlink import Interrupted, Message, NetlinkError, Overrun, parsed
from policy.model import Address, Mac

_RTM_NEWNEIGH = 28
_RTM_DELNEIGH = 29
_RTM_GETNEIGH = 30
#: RTMGRP_NEIGH: the bind(2) mask of group RTNLGRP_NEIGH (3).
_RTMGRP_NEIGH = 1 << 2
_NDA_DST = 1
_NDA_LLADDR = 2
#: NUD_REACHABLE, STALE, DELAY, PROBE and PERMANENT: an address was heard, and packets go to it.
_USABLE = 0x02 | 0x04 | 0x08 | 0x10 | 0x80
#: struct ndmsg: family, padding, interface, state, flags, type.
_NDMSG = struct.Struct("=BxxxiHBB")
_EVERY = _NDMSG.pack(0, 0, 0, 0, 0)
#: A table that changed while it was read is read again this often.
_TRIES = 5


class Neighbours:
    """Reads one interface's table and follows it. Not thread-safe."""

    def __init__(self, index: int) -> None:
        """``index`` is the interface's. Events are kept from now on, so a table read later misses nothing."""
        self._index = index
        self._events = netlink.Socket(netlink.NETLINK_ROUTE, _RTMGRP_NEIGH)
        self._socket = netlink.Socket(netlink.NETLINK_ROUTE)

    def close(self) -> None:
        """Release both sockets."""
        self._events.close()
        self._socket.close()

    def fileno(self) -> int:
        """Readable when events wait."""
        return self._events.fileno()

    def table(self) -> list[Neighbour]:
        """Every usable neighbour."""
        for _ in range(_TRIES):
            try:
                answers = self._socket.dump(_RTM_GETNEIGH, _EVERY, "reading the neighbour table")
                return [found for answer in answers if (found := neighbour(answer, self._index)) and found.mac]
            except Interrupted:
                continue
        raise KernelError(f"the neighbour table changed {_TRIES} times while it was read")

    def at(self, address: Address) -> Mac | None:
        """The usable neighbour at one address (a request without NLM_F_DUMP, Linux 5.0)."""
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        body = _NDMSG.pack(family, self._index, 0, 0, 0) + netlink.attribute(_NDA_DST, address.packed)
        for answer in self._socket.request(_RTM_GETNEIGH, 0, [body], f"looking for {address}"):
            if isinstance(answer, NetlinkError):
                if answer.code not in (0, errno.ENOENT):
                    raise answer
            elif (found := neighbour(answer, self._index)) is not None:
                return found.mac
        return None

    def events(self) -> list[Neighbour]:
        """What changed since the last call, in order, without blocking.

        ``NeighboursLost`` when some are; what still waits is older than the table to be read then, so it goes.
        """
        try:
            return list(self._waiting())
        except Overrun as error:
            self._events.drop()
            raise NeighboursLost("neighbour events overflowed; read the table again") from error

    def _waiting(self) -> Iterator[Neighbour]:
        for datagram in self._events.waiting():
            for event in netlink.messages(datagram):
                if (found := neighbour(event, self._index)) is not None:
                    yield found


def neighbour(event: Message, index: int) -> Neighbour | None:
    """What a message says of one interface; an unusable entry has no ``mac``, anything else is ``None``."""
    if event.type not in (_RTM_NEWNEIGH, _RTM_DELNEIGH) or len(event.body) < _NDMSG.size:
        return None
    _, interface, state, _, _ = _NDMSG.unpack_from(event.body)
    said = parsed(event.body[_NDMSG.size :])
    address = said.get(_NDA_DST, b"")
    if interface != index or len(address) not in (4, 16):
        return None
    usable = event.type == _RTM_NEWNEIGH and state & _USABLE
    return Neighbour(ip_address(address), _mac(said.get(_NDA_LLADDR, b"")) if usable else None)


def _mac(packed: bytes) -> Mac | None:
    """A phone's address; group and zero addresses, which a phone can claim in ARP, are nobody's."""
    try:
        return Mac(packed)
    except ValueError:
        return None
