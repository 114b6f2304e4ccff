"""How long the monitor waits for all counters, beside the kernel's bare dump of them."""

from __future__ import annotations

import gc
import socket
import struct
import time
from collections.abc import Sequence
from statistics import median

from deploy.benchmarks.errors import BenchError
from deploy.benchmarks.figures import Measured
from deploy.benchmarks.gateway import Gateway
from deploy.benchmarks.packets import Wire
from deploy.benchmarks.phones import Phone
from deploy.benchmarks.rounds import interleave
from deploy.lab.netns import inside
from policy.compiler.ruleset import TABLE
from policy.compiler.sets import SHARDS

_NETLINK_NETFILTER = 12
#: linux/netfilter/nfnetlink.h and nf_tables.h: subsystem 10, message NFT_MSG_GETSETELEM 13.
_GET_ELEMENTS = (10 << 8) | 13
_REQUEST_DUMP = 0x1 | 0x300
_DONE, _ERROR = 3, 2
_INET = 1
_TABLE, _SET = 1, 2  # NFTA_SET_ELEM_LIST_TABLE, _SET
_HEADER = struct.Struct("=IHHII")
_COUNTERS = tuple(
    f"{way}{family}_{shard}" for way in ("up", "down") for family in (4, 6) for shard in range(SHARDS)
)


def observe(gateway: Gateway, wire: Wire, phones: Sequence[Phone], versions: Sequence[int]) -> Measured:
    """Milliseconds from the monitor's call until every session's usage is in its hands as an object.

    Each phone has sent a real packet and got a real reply over each of ``versions``, so all counters exist.
    """
    for version in versions:
        for phone in phones:
            wire.reply(version, wire.pass_one(phone, version))
    used = [
        session
        for session in gateway.monitor.observe().live
        if session.usage.up_packets and session.usage.down_packets
    ]
    if len(used) < len(phones):
        raise BenchError(f"only {len(used)} of {len(phones)} phones have both counters")
    dump = inside(
        gateway.world.router, lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
    )
    # A monitor's process holds no 50,000 phones of a benchmark: its garbage collector must not walk them here.
    gc.collect()
    gc.freeze()
    with dump:
        samples = interleave({"observe": lambda: _observe(gateway, len(phones)), "dump": lambda: _dump(dump)})
    return Measured(
        "observe_50000_ms",
        median(samples["observe"]),
        f"{median(samples['dump']):.0f} ms for the kernel's dump alone",
        {"rounds_ms": samples["observe"], "dump_ms": samples["dump"], "versions": list(versions)},
    )


def _observe(gateway: Gateway, expected: int) -> float:
    began = time.perf_counter()
    live = gateway.monitor.observe().live
    milliseconds = (time.perf_counter() - began) * 1e3
    if len(live) < expected:
        raise BenchError(f"the reading has {len(live)} of {expected} sessions")
    return milliseconds


def _dump(kernel: socket.socket) -> float:
    """Read every counter as octets and throw them away; ms."""
    began = time.perf_counter()
    for name in _COUNTERS:
        body = struct.pack("=BBH", _INET, 0, 0) + _text(_TABLE, TABLE) + _text(_SET, name)
        kernel.send(_HEADER.pack(_HEADER.size + len(body), _GET_ELEMENTS, _REQUEST_DUMP, 1, 0) + body)
        while not _is_last(kernel.recv(2**16)):
            pass
    return (time.perf_counter() - began) * 1e3


def _is_last(datagram: bytes) -> bool:
    """Whether the dump ends with this datagram; the message that says so may follow others in it."""
    position = 0
    while position < len(datagram):
        length, kind, *_ = _HEADER.unpack_from(datagram, position)
        if kind == _ERROR:
            raise BenchError("the kernel does not dump a counter set")
        if kind == _DONE:
            return True
        position += length + 3 & ~3
    return False


def _text(kind: int, text: str) -> bytes:
    value = text.encode() + b"\0"
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)
