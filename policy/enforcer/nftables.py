"""The sets of table ``inet gerbang`` (``policy.compiler.ruleset``) over raw netlink: the hot path of every grant.

All changes of one call go in one nfnetlink batch, which the kernel commits whole or not at all, to packets at one
moment. Constants are those of linux/netfilter/nf_tables.h and linux/netfilter/nfnetlink.h.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from ipaddress import ip_address
from operator import itemgetter
from typing import Any

from policy.compiler.ruleset import COMMENT, TABLE
from policy.enforcer import elements, netlink
from policy.enforcer.kernel import KernelError
from policy.enforcer.netlink import Interrupted, NetlinkError, nested, text
from policy.model import Binding, Mac
from policy.plan import Change, Close, Learn, Open

_NFNL_SUBSYS_NFTABLES = 10
_NFPROTO_INET = 1
_NFT_MSG_GETTABLE = _NFNL_SUBSYS_NFTABLES << 8 | 1
_NFT_MSG_NEWSETELEM = _NFNL_SUBSYS_NFTABLES << 8 | 12
_NFT_MSG_GETSETELEM = _NFNL_SUBSYS_NFTABLES << 8 | 13
_NFT_MSG_DELSETELEM = _NFNL_SUBSYS_NFTABLES << 8 | 14
_NFTA_TABLE_NAME = 1
_NFTA_TABLE_USERDATA = 6
_NFTA_SET_ELEM_LIST_TABLE = 1
_NFTA_SET_ELEM_LIST_SET = 2
_NFTA_SET_ELEM_LIST_ELEMENTS = 3

_HEADER = netlink.netfilter(_NFPROTO_INET)
#: Single elements asked for in one system call: their answers fit the receive buffer many times.
_GETS = 256
#: A dump that a foreign table's change interrupted is read again this often.
_TRIES = 5
#: From this kernel on, adding a present element sets its timeout anew; before, it is left as it is.
_REFRESHES_SINCE = (6, 12)

#: A counter as it is read: key, octets, packets.
Counter = tuple[bytes, int, int]
_COUNTER = (elements.KEY, elements.OCTETS, elements.PACKETS)
_KEY_OF = itemgetter(0)
#: Set name -> key -> timeout in seconds, or ``None``: the element goes.
Wishes = Mapping[str, Mapping[bytes, int | None]]


def granted_key(binding: Binding) -> bytes:
    """``ether_addr . ipvX_addr``: each field of a concatenation fills whole 32-bit registers."""
    return binding.mac.packed + b"\0\0" + binding.address.packed


def granted_binding(key: bytes) -> Binding:
    """The inverse; ``ValueError`` for what no grant of ours made."""
    return Binding(Mac(key[:6]), ip_address(key[8:]))


def wishes(changes: Iterable[Change]) -> Wishes:
    """What the changes come to: of a binding the last word counts, and an address is online while one opens it."""
    bindings: dict[Binding, int | None] = {}
    found: dict[str, dict[bytes, int | None]] = {}
    for change in changes:
        match change:
            case Open(binding, seconds):
                bindings[binding] = seconds
            case Close(binding):
                bindings[binding] = None
            case Learn(address, seconds):
                found.setdefault(f"garden{address.version}", {})[address.packed] = seconds
    for binding, wish in bindings.items():
        address = binding.address
        found.setdefault(f"granted{address.version}", {})[granted_key(binding)] = wish
        online = found.setdefault(f"online{address.version}", {})
        online[address.packed] = max(wish or 0, online.get(address.packed) or 0) or None
    return found


class Sets:
    """Reads and writes elements through a socket of its own. Not thread-safe."""

    def __init__(self, refreshes: bool | None = None) -> None:
        """``refreshes``: whether adding a present element renews it; asked of the kernel's version by default."""
        self._socket = netlink.Socket(netlink.NETLINK_NETFILTER)
        self._refreshes = _release() >= _REFRESHES_SINCE if refreshes is None else refreshes

    def close(self) -> None:
        """Release the socket."""
        self._socket.close()

    def change(self, wishes: Wishes) -> None:
        """Make the sets as wished in one transaction; with ``KernelError`` nothing is done.

        What must go is added first, so that deleting what is not there is no error; on older kernels what must
        stay is deleted and added again, so that its timeout is new.
        """
        try:
            self._transact(wishes)
        except NetlinkError as error:
            if error.code != errno.ENOENT:
                raise
            # An element timed out between being found present and being deleted; now it is gone.
            self._transact(wishes)

    def _transact(self, wishes: Wishes) -> None:
        batch: list[tuple[int, int, bytes]] = []
        create = netlink.NLM_F_CREATE
        for name, wished in wishes.items():
            every = [elements.element(key, seconds or 1) for key, seconds in wished.items()]
            gone = [elements.element(k) for k, seconds in wished.items() if seconds is None or not self._refreshes]
            batch += [(_NFT_MSG_NEWSETELEM, create, body) for body in _bodies(name, every)]
            batch += [(_NFT_MSG_DELSETELEM, 0, body) for body in _bodies(name, gone)]
            if not self._refreshes:
                again = [elements.element(key, seconds) for key, seconds in wished.items() if seconds is not None]
                batch += [(_NFT_MSG_NEWSETELEM, create, body) for body in _bodies(name, again)]
        self._socket.transact(_NFNL_SUBSYS_NFTABLES, batch, f"changing table inet {TABLE}")

    def timeouts(self, name: str) -> dict[bytes, int]:
        """Every key of a set with the milliseconds that it has left, all of one moment."""
        for _ in range(_TRIES):
            with suppress(Interrupted):
                found: dict[bytes, int] = {}
                for rows in self._dump(name, elements.KEY, elements.EXPIRATION):
                    found.update(rows)
                return found
        raise KernelError(f"set {name} changed {_TRIES} times while it was read: who else changes nftables here?")

    def counters(self, name: str) -> dict[bytes, Counter]:
        """Every counter of a set by its key.

        A foreign table's change meanwhile does not move these elements, so an interrupted reading still counts.
        """
        found: dict[bytes, Counter] = {}
        with suppress(Interrupted):
            for rows in self._dump(name, *_COUNTER):
                counters = list(rows)
                found.update(zip(map(_KEY_OF, counters), counters, strict=True))
        return found

    def counters_of(self, names: Iterable[tuple[str, bytes]]) -> dict[bytes, Counter]:
        """The counter of each (set, key), without reading the others; one that is not there is left out."""
        found: dict[bytes, Counter] = {}
        bodies = [body for name, key in names for body in _bodies(name, [elements.element(key)])]
        for start in range(0, len(bodies), _GETS):
            part = bodies[start : start + _GETS]
            for answer in self._socket.request(_NFT_MSG_GETSETELEM, 0, part, "reading counters"):
                if isinstance(answer, NetlinkError):
                    if answer.code not in (0, errno.ENOENT):
                        raise answer
                    continue
                for rows in _read(answer.body, *_COUNTER):
                    found.update((row[0], row) for row in rows)
        return found

    def structure(self) -> str | None:
        """The structure's digest in the standing table's comment; ``None``: there is no table."""
        body = _HEADER + text(_NFTA_TABLE_NAME, TABLE)
        for answer in self._socket.request(_NFT_MSG_GETTABLE, 0, [body], f"reading table inet {TABLE}"):
            if isinstance(answer, NetlinkError):
                if answer.code == errno.ENOENT:
                    return None
                raise answer
            data = netlink.parsed(answer.body[len(_HEADER) :]).get(_NFTA_TABLE_USERDATA, b"")
            said = re.search(re.escape(COMMENT.encode()) + rb"(\w+)", data)
            return said[1].decode() if said else ""
        return None

    def _dump(self, name: str, *wanted: elements.Path) -> Iterator[Iterator[tuple[Any, ...]]]:
        for answer in self._socket.dump(_NFT_MSG_GETSETELEM, _set(name), f"reading set {name}"):
            yield from _read(answer.body, *wanted)


def _read(body: bytes, *wanted: elements.Path) -> Iterator[Iterator[tuple[Any, ...]]]:
    """Rows of each list of elements in a message."""
    for kind, start, end in netlink.attributes(body[len(_HEADER) :]):
        if kind == _NFTA_SET_ELEM_LIST_ELEMENTS:
            yield elements.read(body[len(_HEADER) + start : len(_HEADER) + end], *wanted)


@cache
def _set(name: str) -> bytes:
    """The beginning of every message about a set."""
    return _HEADER + text(_NFTA_SET_ELEM_LIST_TABLE, TABLE) + text(_NFTA_SET_ELEM_LIST_SET, name)


def _bodies(name: str, encoded: list[bytes]) -> Iterator[bytes]:
    """Bodies of as few messages as hold these elements of one set."""
    if not encoded:
        return
    fitting = netlink.LONGEST_ATTRIBUTE // max(map(len, encoded))
    for first in range(0, len(encoded), fitting):
        yield _set(name) + nested(_NFTA_SET_ELEM_LIST_ELEMENTS, *encoded[first : first + fitting])


def _release() -> tuple[int, int]:
    """The running kernel's version; an unreadable one counts as old, which always works."""
    found = re.match(r"(\d+)\.(\d+)", os.uname().release)
    return (int(found[1]), int(found[2])) if found else (0, 0)
