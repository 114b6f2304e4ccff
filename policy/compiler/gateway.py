"""What the gateway itself receives and says."""

from __future__ import annotations

from policy.compiler.chains import CONNECTIONS, Chain
from policy.settings import NetworkSettings, PortalSettings

#: Echo requests to the gateway that are answered, per second for the whole LAN: enough to test a cable by.
_ECHOES = 50


def received(network: NetworkSettings, portal: PortalSettings) -> list[Chain]:
    """What phones and the internet may have of it."""
    base = Chain(
        "input",
        "type filter hook input priority filter; policy drop;",
        (
            'iifname "lo" accept',
            "ct state invalid drop",
            f'iifname "{network.lan}" goto from_lan',
            f'iifname "{network.wan}" goto from_wan',
        ),
    )
    from_wan = Chain(
        "from_wan",
        "",
        (
            # Nobody out there is one of our phones, whatever flow the packet fits (RFC 2827).
            f"ip saddr {network.lan_ipv4.network} drop",
            f"ip6 saddr {network.lan_ipv6.network} drop",
            "ct state { established, related } accept",
            "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept",
            "ip protocol udp udp sport 67 udp dport 68 accept",
            "ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept",
            "drop",
        ),
    )
    return [base, _from_lan(network, portal), from_wan]


def _from_lan(network: NetworkSettings, portal: PortalSettings) -> Chain:
    """What a phone may have of the gateway itself: an address, names, the portal, a sign of life."""
    captive = f"tcp dport {portal.http_port} ct status dnat"
    elsewhere4 = f"ct original ip daddr != {network.lan_ipv4.ip}"
    elsewhere6 = f"ct original ip6 daddr != {network.lan_ipv6.ip}"
    services = f"tcp dport {{ 53, {portal.http_port}, {portal.https_port} }}"
    portals = f"tcp dport {{ {portal.http_port}, {portal.https_port} }}"
    return Chain(
        "from_lan",
        "",
        (
            "icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } accept",
            "meta nfproto ipv4 udp sport 68 udp dport 67 accept",
            "ip6 saddr fe80::/10 udp sport 546 udp dport 547 accept",
            "meta pkttype != unicast drop",
            "udp dport 53 accept",
            f"{services} ct state new add @connections {{ ether saddr ct count over {CONNECTIONS} }} goto refuse",
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


def said(network: NetworkSettings) -> Chain:
    """Our own packets may all leave, but for the news that a phone cannot be found.

    A refusal goes back to where a packet said it came from; when a phone has invented that address, the kernel
    would tell the site (destination unreachable), and a captive phone would have a way to speak to it.
    """
    wan = f'oifname "{network.wan}"'
    return Chain(
        "output",
        "type filter hook output priority filter; policy accept;",
        (
            f"{wan} icmp type destination-unreachable icmp code host-unreachable drop",
            f"{wan} icmpv6 type destination-unreachable drop",
        ),
    )
