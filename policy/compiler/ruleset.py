"""The gateway's one nftables table, as text: who may pass, who is caught, what is counted.

There is no rule per phone: phones are elements of sets, and every packet is judged by them, established or not,
so a kernel timeout or a removed element cuts a live flow by itself. Nothing here touches a kernel;
``policy.enforcer`` loads the text in one transaction. It loads on nft 1.0.6 and Linux 6.1, Debian 12's.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from policy.settings import NetworkSettings, PortalSettings

TABLE = "gerbang"
#: What the table's comment begins with; the structure's digest follows.
COMMENT = "gerbang "

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
#: Connections that one phone may hold to the gateway and the garden. Browsers open 6 per host and name; a phone
#: that holds more than this hurts itself only.
_CONNECTIONS = 48
#: Echo requests to the gateway that are answered, per second for the whole LAN: enough to test a cable by.
_ECHOES = 50


@dataclass(frozen=True, slots=True)
class Ruleset:
    """One compiled table. ``digest`` names the text: ``structure.rules``.

    The part before the dot names the sets and the hooks, which a running table cannot change; it stands in the
    table's comment. The whole digest stands in the comment of a rule of chain ``version``.
    """

    text: str
    digest: str

    @property
    def structure(self) -> str:
        """The digest of what makes a running table unfit to take these rules in place."""
        return self.digest.partition(".")[0]


@dataclass(frozen=True, slots=True)
class _Chain:
    """A chain; ``hook`` is its base chain declaration, empty for one that others jump to."""

    name: str
    hook: str
    rules: tuple[str, ...]

    def text(self, rules: bool) -> str:
        lines = [f"\tchain {self.name} {{"]
        if self.hook:
            lines.append(f"\t\t{self.hook}")
        if rules:
            lines += [f"\t\t{rule}" for rule in self.rules]
        return "\n".join([*lines, "\t}"])


def compile_ruleset(network: NetworkSettings, portal: PortalSettings) -> Ruleset:
    """Compile the table for these interfaces, LAN addresses and portal ports (``http_port``, ``https_port``)."""
    chains = [
        *_arrival(network),
        _dstnat(network, portal),
        *_forward(network),
        *_input(network, portal),
        _output(network),
        _postrouting(network),
        _refuse(),
    ]
    sets = _sets()
    structure = _digest("\n".join([sets, *(chain.text(rules=False) for chain in chains)]))
    body = "\n\n".join([sets, *(chain.text(rules=True) for chain in chains)])
    digest = f"{structure}.{_digest(body)}"
    version = _Chain("version", "", (f'return comment "{digest}"',)).text(rules=True)
    text = f'table inet {TABLE} {{\n\tcomment "{COMMENT}{structure}"\n\n{body}\n\n{version}\n}}\n'
    return Ruleset(text, digest)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _sets() -> str:
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


def _arrival(network: NetworkSettings) -> list[_Chain]:
    """Sources that cannot be true go before anything is remembered of them (RFC 2827).

    Every packet passes here, so what phones send most is done with after one rule.
    """
    lan4, lan6 = network.lan_ipv4, network.lan_ipv6
    base = _Chain(
        "arrival",
        "type filter hook prerouting priority raw; policy accept;",
        (f'iifname "{network.wan}" goto from_outside', f'iifname "{network.lan}" goto from_phones'),
    )
    from_phones = _Chain(
        "from_phones",
        "",
        (
            f"ip saddr {lan4.network} ip saddr != {lan4.ip} accept",
            f"ip6 saddr {lan6.network} ip6 saddr != {lan6.ip} accept",
            "ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept",
            "meta nfproto ipv4 drop",
            "ip6 saddr fe80::/10 fib saddr type local drop",
            "ip6 saddr { ::, fe80::/10 } accept",
            "drop",
        ),
    )
    from_outside = _Chain("from_outside", "", (f"ip saddr {lan4.network} drop", f"ip6 saddr {lan6.network} drop"))
    return [from_phones, from_outside, base]


def _dstnat(network: NetworkSettings, portal: PortalSettings) -> _Chain:
    """What comes to the gateway instead of where it was sent; 443 to others never does."""
    lan = f'iifname "{network.lan}"'
    own4, own6 = f"ip daddr {network.lan_ipv4.ip}", f"ip6 daddr {network.lan_ipv6.ip}"
    http, https = f"redirect to :{portal.http_port}", f"redirect to :{portal.https_port}"
    return _Chain(
        "dstnat",
        "type nat hook prerouting priority dstnat; policy accept;",
        (
            f"{lan} meta l4proto {{ tcp, udp }} th dport 53 redirect to :53",
            f"{lan} {own4} tcp dport 443 {https}",
            f"{lan} {own6} tcp dport 443 {https}",
            f"{lan} {own4} tcp dport 80 {http}",
            f"{lan} {own6} tcp dport 80 {http}",
            f"{lan} tcp dport 80 ether saddr . ip saddr != @granted4 {http}",
            f"{lan} tcp dport 80 ether saddr . ip6 saddr != @granted6 {http}",
        ),
    )


def _forward(network: NetworkSettings) -> list[_Chain]:
    lan, wan = f'"{network.lan}"', f'"{network.wan}"'
    few = f"add @connections {{ ether saddr ct count over {_CONNECTIONS} }} goto refuse"
    upwards = _Chain(
        "upwards",
        "",
        (
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
    downwards = _Chain(
        "downwards",
        "",
        (
            "ct state new,untracked drop",
            f"ip daddr @online4 {_count('down', 4)}",
            f"ip6 daddr @online6 {_count('down', 6)}",
            "ct state established tcp sport 443 ip saddr @garden4 accept",
            "ct state established tcp sport 443 ip6 saddr @garden6 accept",
            "ct state related icmp type destination-unreachable ct original ip daddr @garden4 accept",
            "ct state related icmpv6 type packet-too-big ct original ip6 daddr @garden6 accept",
            "drop",
        ),
    )
    base = _Chain(
        "forward",
        "type filter hook forward priority filter; policy drop;",
        (
            "ct state invalid drop",
            f"iifname {lan} oifname {wan} goto upwards",
            f"iifname {wan} oifname {lan} goto downwards",
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


def _counting() -> list[_Chain]:
    return [
        _Chain(f"count_{way}{family}_{shard}", "", (f"update @{way}{family}_{shard} {{ {address} }} accept",))
        for (way, family), address in _PHONE.items()
        for shard in range(SHARDS)
    ]


def _input(network: NetworkSettings, portal: PortalSettings) -> list[_Chain]:
    base = _Chain(
        "input",
        "type filter hook input priority filter; policy drop;",
        (
            'iifname "lo" accept',
            "ct state invalid drop",
            f'iifname "{network.lan}" goto from_lan',
            f'iifname "{network.wan}" goto from_wan',
        ),
    )
    from_wan = _Chain(
        "from_wan",
        "",
        (
            "ct state { established, related } accept",
            "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept",
            "ip protocol udp udp sport 67 udp dport 68 accept",
            "ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept",
            "drop",
        ),
    )
    return [base, _from_lan(network, portal), from_wan]


def _from_lan(network: NetworkSettings, portal: PortalSettings) -> _Chain:
    """What a phone may have of the gateway itself: an address, names, the portal, a sign of life."""
    captive = f"tcp dport {portal.http_port} ct status dnat"
    elsewhere4 = f"ct original ip daddr != {network.lan_ipv4.ip}"
    elsewhere6 = f"ct original ip6 daddr != {network.lan_ipv6.ip}"
    services = f"tcp dport {{ 53, {portal.http_port}, {portal.https_port} }}"
    portals = f"tcp dport {{ {portal.http_port}, {portal.https_port} }}"
    return _Chain(
        "from_lan",
        "",
        (
            "icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } accept",
            "meta nfproto ipv4 udp sport 68 udp dport 67 accept",
            "ip6 saddr fe80::/10 udp sport 546 udp dport 547 accept",
            "meta pkttype != unicast drop",
            "udp dport 53 accept",
            f"{services} ct state new add @connections {{ ether saddr ct count over {_CONNECTIONS} }} goto refuse",
            # A flow that was caught before its phone signed in ends now: the next one goes where it is sent.
            f"{captive} {elsewhere4} ether saddr . ip saddr @granted4 goto refuse",
            f"{captive} {elsewhere6} ether saddr . ip6 saddr @granted6 goto refuse",
            "tcp dport 53 accept",
            f"{portals} ct status dnat accept",
            "ct state { established, related } ct direction reply accept",
            "ct state related meta l4proto { icmp, ipv6-icmp } accept",
            f"icmp type echo-request limit rate {_ECHOES}/second accept",
            f"icmpv6 type echo-request limit rate {_ECHOES}/second accept",
            "goto refuse",
        ),
    )


def _output(network: NetworkSettings) -> _Chain:
    """Our own packets may all leave, but for the news that a phone cannot be found.

    A refusal goes back to where a packet said it came from; when a phone has invented that address, the kernel
    would tell the site (destination unreachable), and a captive phone would have a way to speak to it.
    """
    wan = f'oifname "{network.wan}"'
    return _Chain(
        "output",
        "type filter hook output priority filter; policy accept;",
        (
            f"{wan} icmp type destination-unreachable icmp code host-unreachable drop",
            f"{wan} icmpv6 type destination-unreachable drop",
        ),
    )


def _postrouting(network: NetworkSettings) -> _Chain:
    """IPv4 leaves under the gateway's address, IPv6 under the phone's own."""
    return _Chain(
        "postrouting",
        "type nat hook postrouting priority srcnat; policy accept;",
        (f'oifname "{network.wan}" ip saddr {network.lan_ipv4.network} masquerade',),
    )


def _refuse() -> _Chain:
    """At once, never by silence: a phone that waits for a time limit looks broken."""
    return _Chain(
        "refuse",
        "",
        ("meta l4proto tcp reject with tcp reset", "reject with icmpx admin-prohibited"),
    )
