"""Forgetting flows: the conntrack entries of phones whose verdict has changed.

A walk of the kernel's table costs the same whether it is empty or not: 11 ms for the 262,144 buckets of a machine
with more than 4 GB, measured. The rules judge every packet by sets, so nothing waits for this; it is done for
many phones at once and, by ``linux``, beside the hot path. Constants are those of
linux/netfilter/nfnetlink_conntrack.h.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from policy.enforcer import netlink
from policy.enforcer.netlink import Interrupted, NetlinkError, attribute, nested, parsed
from policy.model import Address

_NFNL_SUBSYS_CTNETLINK = 1
_IPCTNL_MSG_CT_GET = _NFNL_SUBSYS_CTNETLINK << 8 | 1
_IPCTNL_MSG_CT_DELETE = _NFNL_SUBSYS_CTNETLINK << 8 | 2
_CTA_TUPLE_ORIG = 1
_CTA_ID = 12
_CTA_ZONE = 18
_CTA_FILTER = 25
_CTA_TUPLE_IP = 1
_CTA_TUPLE_PROTO = 2
_CTA_IP_SRC = {4: 1, 6: 3}
_CTA_IP_DST = {4: 2, 6: 4}
_CTA_PROTO_DST_PORT = 3
_CTA_FILTER_ORIG_FLAGS = 1
_CTA_FILTER_REPLY_FLAGS = 2
#: CTA_FILTER_FLAG(CTA_IP_SRC) in net/netfilter/nf_conntrack_netlink.c: of the tuple, only this must match.
_BY_SOURCE = struct.pack("=I", 1 << 0)
_BY_NOTHING = struct.pack("=I", 0)

_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_LENGTHS = {4: 4, 6: 16}
#: struct nfgenmsg, then the headers of CTA_TUPLE_ORIG, CTA_TUPLE_IP and CTA_IP_Vx_SRC: where every entry of the
#: kernel's tells its original source.
_SOURCE_AT = 4 + 3 * netlink.ATTRIBUTE.size
_DNS = 53
#: Entries deleted in one system call.
_DELETES = 256
_COUNT = Path("/proc/sys/net/netfilter/nf_conntrack_count")


class Flow(NamedTuple):
    """One entry, by its original direction. ``port`` is 0 where the protocol has none; ``name`` finds it again."""

    source: bytes
    destination: bytes
    port: int
    name: bytes


class Conntrack:
    """Deletes entries through a socket of its own. Not thread-safe."""

    def __init__(self) -> None:
        self._socket = netlink.Socket(netlink.NETLINK_NETFILTER)

    def close(self) -> None:
        """Release the socket."""
        self._socket.close()

    def forget(self, sources: Collection[Address], keep: Collection[bytes]) -> int:
        """Delete the entries that come from ``sources``; returns how many.

        Kept are flows to the packed destinations in ``keep`` and to any name server, because their verdict never
        changes: the answer that a phone waits for, and through which it signs in, must still find its way.
        """
        gone = 0
        for version, kind in _FAMILIES.items():
            wanted = {address.packed for address in sources if address.version == version}
            if wanted and _entries():
                names = [
                    flow.name
                    for flow in self._flows(version, kind, wanted)
                    if flow.destination not in keep and flow.port != _DNS
                ]
                gone += self._delete(kind, names)
        return gone

    def _flows(self, version: int, kind: int, wanted: set[bytes]) -> Iterator[Flow]:
        body = netlink.netfilter(kind)
        # The kernel's filter is inverted for IPv6: it leaves out what matches (seen on 6.18).
        if len(wanted) == 1 and version == 4:
            body += _filter(*wanted)
        with suppress(Interrupted):
            for answer in self._socket.dump(_IPCTNL_MSG_CT_GET, body, "reading flows"):
                source = answer.body[_SOURCE_AT : _SOURCE_AT + _LENGTHS[version]]
                if source in wanted and (found := flow(answer.body, version)) is not None:
                    yield found

    def _delete(self, kind: int, names: list[bytes]) -> int:
        gone = 0
        bodies = [netlink.netfilter(kind) + name for name in names]
        for start in range(0, len(bodies), _DELETES):
            part = bodies[start : start + _DELETES]
            for answer in self._socket.request(_IPCTNL_MSG_CT_DELETE, netlink.NLM_F_ACK, part, "deleting a flow"):
                if isinstance(answer, NetlinkError) and answer.code not in (0, errno.ENOENT):
                    raise answer
                gone += isinstance(answer, NetlinkError) and answer.code == 0
        return gone


def flow(body: bytes, version: int) -> Flow | None:
    """Read one entry; ``None`` for what has no addresses of this IP version."""
    entry = parsed(body[4:])
    original = parsed(entry.get(_CTA_TUPLE_ORIG, b""))
    addresses = parsed(original.get(_CTA_TUPLE_IP, b""))
    ports = parsed(original.get(_CTA_TUPLE_PROTO, b""))
    source, destination = addresses.get(_CTA_IP_SRC[version]), addresses.get(_CTA_IP_DST[version])
    if source is None or destination is None:
        return None
    # The id too: an entry made anew since has the same tuple, and its verdict is the new one.
    kept = (_CTA_TUPLE_ORIG, _CTA_ZONE, _CTA_ID)
    name = b"".join(attribute(kind, entry[kind]) for kind in kept if kind in entry)
    return Flow(source, destination, int.from_bytes(ports.get(_CTA_PROTO_DST_PORT, b""), "big"), name)


def _filter(source: bytes) -> bytes:
    """Lets the kernel pick one IPv4 source's entries (Linux 5.8)."""
    ends = attribute(_CTA_IP_SRC[4], source) + attribute(_CTA_IP_DST[4], bytes(4))
    return nested(_CTA_TUPLE_ORIG, nested(_CTA_TUPLE_IP, ends)) + nested(
        _CTA_FILTER,
        attribute(_CTA_FILTER_ORIG_FLAGS, _BY_SOURCE),
        attribute(_CTA_FILTER_REPLY_FLAGS, _BY_NOTHING),
    )


def _entries() -> int:
    """Entries in this thread's network namespace: reading that is cheaper than a walk."""
    return int(_COUNT.read_text(encoding="ascii"))
