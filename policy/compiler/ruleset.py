"""The gateway's one nftables table, as text: who may pass, who is caught, what is counted.

There is no rule per phone: phones are elements of sets, and every packet is judged by them, established or not,
so a kernel timeout or a removed element cuts a live flow by itself. Nothing here touches a kernel;
``policy.enforcer`` loads the text in one transaction. It loads on nft 1.0.6 and Linux 6.1, Debian 12's.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from policy.compiler.chains import Chain
from policy.compiler.forward import forward
from policy.compiler.gateway import received, said
from policy.compiler.sets import sets
from policy.settings import NetworkSettings, PortalSettings

TABLE = "gerbang"
#: What the table's comment begins with; the structure's digest follows.
COMMENT = "gerbang "


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


def compile_ruleset(network: NetworkSettings, portal: PortalSettings) -> Ruleset:
    """Compile the table for these interfaces, LAN addresses and portal ports (``http_port``, ``https_port``)."""
    chains = [
        *_arrival(network),
        _dstnat(network, portal),
        *forward(network),
        *received(network, portal),
        said(network),
        _postrouting(network),
        _refuse(),
    ]
    declared = sets()
    structure = _digest("\n".join([declared, *(chain.text(rules=False) for chain in chains)]))
    body = "\n\n".join([declared, *(chain.text(rules=True) for chain in chains)])
    digest = f"{structure}.{_digest(body)}"
    version = Chain("version", "", (f'return comment "{digest}"',)).text(rules=True)
    text = f'table inet {TABLE} {{\n\tcomment "{COMMENT}{structure}"\n\n{body}\n\n{version}\n}}\n'
    return Ruleset(text, digest)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _arrival(network: NetworkSettings) -> list[Chain]:
    """Phones' sources that cannot be true go before anything is remembered of them (RFC 2827).

    Every packet passes here, so what phones send most is done with after one rule.
    """
    lan4, lan6 = network.lan_ipv4, network.lan_ipv6
    base = Chain(
        "arrival",
        "type filter hook prerouting priority raw; policy accept;",
        (f'iifname "{network.lan}" goto from_phones',),
    )
    from_phones = Chain(
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
    return [from_phones, base]


def _dstnat(network: NetworkSettings, portal: PortalSettings) -> Chain:
    """What comes to the gateway instead of where it was sent; 443 to others never does."""
    lan = f'iifname "{network.lan}"'
    own4, own6 = f"ip daddr {network.lan_ipv4.ip}", f"ip6 daddr {network.lan_ipv6.ip}"
    http, https = f"redirect to :{portal.http_port}", f"redirect to :{portal.https_port}"
    return Chain(
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


def _postrouting(network: NetworkSettings) -> Chain:
    """IPv4 leaves under the gateway's address, IPv6 under the phone's own."""
    return Chain(
        "postrouting",
        "type nat hook postrouting priority srcnat; policy accept;",
        (f'oifname "{network.wan}" ip saddr {network.lan_ipv4.network} masquerade',),
    )


def _refuse() -> Chain:
    """At once, never by silence: a phone that waits for a time limit looks broken."""
    return Chain(
        "refuse",
        "",
        ("meta l4proto tcp reject with tcp reset", "reject with icmpx admin-prohibited"),
    )
