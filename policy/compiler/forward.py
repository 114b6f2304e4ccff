"""What passes through the gateway, judged packet by packet and counted: the hot path.

The order of rules is measured: what most packets meet comes first, and nothing is asked twice.
"""

from __future__ import annotations

from policy.compiler.chains import CONNECTIONS, Chain
from policy.compiler.sets import SHARDS
from policy.settings import NetworkSettings


def forward(network: NetworkSettings) -> list[Chain]:
    """The base chain and those behind it."""
    lan, wan = f'"{network.lan}"', f'"{network.wan}"'
    few = f"add @connections {{ ether saddr ct count over {CONNECTIONS} }} goto refuse"
    upwards = Chain(
        "upwards",
        "",
        (
            "ct state invalid drop",
            f"ether saddr . ip saddr @granted4 {_count('up', 4)}",
            f"ether saddr . ip6 saddr @granted6 {_count('up', 6)}",
            f"tcp dport 443 ip daddr @garden4 ct state new {few}",
            f"tcp dport 443 ip6 daddr @garden6 ct state new {few}",
            "tcp dport 443 ip daddr @garden4 accept",
            "tcp dport 443 ip6 daddr @garden6 accept",
            "goto refuse",
        ),
    )
    # Last two rules: path MTU discovery of flows to the garden (RFC 1191, RFC 8201).
    downwards = Chain(
        "downwards",
        "",
        (
            # Also what is invalid or from a false source: no flow of a phone answers to either.
            "ct state & (established | related) == 0 drop",
            f"ip daddr @online4 {_count('down', 4)}",
            f"ip6 daddr @online6 {_count('down', 6)}",
            "ct state established tcp sport 443 ip saddr @garden4 accept",
            "ct state established tcp sport 443 ip6 saddr @garden6 accept",
            "ct state related icmp type destination-unreachable ct original ip daddr @garden4 accept",
            "ct state related icmpv6 type packet-too-big ct original ip6 daddr @garden6 accept",
            "drop",
        ),
    )
    base = Chain(
        "forward",
        "type filter hook forward priority filter; policy drop;",
        (
            f"iifname {lan} oifname {wan} goto upwards",
            f"iifname {wan} oifname {lan} goto downwards",
            "ct state invalid drop",
            f"iifname {lan} goto refuse",
        ),
    )
    return [*_counting(), base, upwards, downwards]


_PHONE = {("up", 4): "ip saddr", ("up", 6): "ip6 saddr", ("down", 4): "ip daddr", ("down", 6): "ip6 daddr"}


def _count(way: str, family: int) -> str:
    """The end of a rule that accepts and counts: by the address's low bits to its set."""
    low = "0.0.0.{}" if family == 4 else "::{:x}"
    shards = ", ".join(f"{low.format(shard)} : goto count_{way}{family}_{shard}" for shard in range(SHARDS))
    return f"{_PHONE[way, family]} & {low.format(SHARDS - 1)} vmap {{ {shards} }}"


def _counting() -> list[Chain]:
    return [
        Chain(f"count_{way}{family}_{shard}", "", (f"update @{way}{family}_{shard} {{ {address} }} accept",))
        for (way, family), address in _PHONE.items()
        for shard in range(SHARDS)
    ]
