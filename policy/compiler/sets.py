"""The sets that phones, their counters and the walled garden are elements of."""

from __future__ import annotations

#: Elements of ``granted*`` and ``online*``: 65,536 sessions with an address of each family to spare.
_GRANTED_SIZE = 131_072
#: Elements of the counters: they outlive grants, and a phone changes its IPv6 addresses daily (RFC 8981).
_COUNTED_SIZE = 262_144
#: Each counter set is split in this many by the low bits of the address, because a dump costs the square of its
#: size (the kernel walks from the beginning again for every 32 kB): 50,000 counters 170 ms whole, 80 ms in eight,
#: 50 ms in 32; more gain nothing.
SHARDS = 32
_GARDEN_SIZE = 16_384
_PHONES_SIZE = 65_536


def sets() -> str:
    """All declarations."""
    lines = []
    for family, kind in ((4, "ipv4_addr"), (6, "ipv6_addr")):
        lines += [
            _set(f"granted{family}", f"ether_addr . {kind}", "timeout", _GRANTED_SIZE),
            _set(f"online{family}", kind, "timeout", _GRANTED_SIZE),
            _set(f"garden{family}", kind, "timeout", _GARDEN_SIZE),
            *(_counter(way, family, shard, kind) for way in ("up", "down") for shard in range(SHARDS)),
        ]
    lines.append(_set("connections", "ether_addr", "dynamic", _PHONES_SIZE))
    return "\n".join(lines)


def counter_set(way: str, address: bytes) -> str:
    """The set that counts a packed address, ``way`` being ``up`` or ``down``."""
    return f"{way}{4 if len(address) == 4 else 6}_{address[-1] % SHARDS}"


def _counter(way: str, family: int, shard: int, kind: str) -> str:
    # An idle counter outlives the longest grant (24 h), so within a session it never starts again.
    size = _COUNTED_SIZE // SHARDS
    return _set(f"{way}{family}_{shard}", kind, "dynamic,timeout", size, "timeout 25h; counter;")


def _set(name: str, kind: str, flags: str, size: int, more: str = "") -> str:
    return f"\tset {name} {{ type {kind}; size {size}; flags {flags}; {more}".rstrip() + " }"
