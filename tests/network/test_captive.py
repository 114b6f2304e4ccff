"""A phone before sign-in, on real packets: caught on http, refused on https, and nothing of it gets out."""

from __future__ import annotations

import secrets
import socket
import statistics

import pytest

from deploy.lab.configuration import CAPTIVE_API, PORTAL_HOST
from deploy.lab.lab import Lab
from deploy.lab.netns import inside
from deploy.lab.network import LAN_IPV4, LAN_IPV6, WAN_IPV4, WAN_IPV6
from deploy.sandbox.names import NEWS_NAME, PROVIDER_NAME
from deploy.sandbox.probes import PROBES
from policy.model import Address
from tests.network import frames
from tests.network.fence import leaks, site
from tests.network.frames import MARK, Source
from tests.network.guest import Attempt, Guest
from tests.network.inspection import poll
from tests.network.sniffer import Sniffer

pytestmark = pytest.mark.network

FAMILIES = (4, 6)
#: A refusal comes at once; a phone that waits shows its owner a broken network.
REFUSAL_MS = 50.0
#: Resolvers and sites of the real internet that apps carry in their code.
ELSEWHERE: dict[int, str] = {4: "198.18.0.53", 6: "2001:db8:ffff::53"}
LITERALS = {4: ("203.0.113.30", "203.0.113.10", "198.18.0.1"), 6: ("2001:db8:113::30", "2001:db8:ffff::1")}
LAN = {4: LAN_IPV4, 6: LAN_IPV6}
WAN = {4: WAN_IPV4, 6: WAN_IPV6}
METHODS = ("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND", "M-SEARCH")


def request(method: str, path: str, host: str, body: bytes = b"") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


def assert_caught(answer: bytes) -> None:
    """302, not to be stored, to the https portal, and nothing of what was asked in it."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    assert status.split(" ")[1] == "302", answer
    assert headers["location"] == f"https://{PORTAL_HOST}/"
    assert "no-store" in headers["cache-control"]
    assert "strict-transport-security" not in headers
    assert body == b""


def literal(address: str | Address) -> str:
    return f"[{address}]" if ":" in str(address) else str(address)


class TestHttp:
    @pytest.mark.parametrize("family", FAMILIES)
    @pytest.mark.parametrize("probe", PROBES, ids=lambda probe: "".join(probe))
    def test_every_probe_is_sent_to_the_portal(self, stranger: Guest, family: int, probe: tuple[str, str]) -> None:
        host, path = probe
        assert_caught(stranger.say(site("captive.apple.com", family), 80, request("GET", path, host)))

    @pytest.mark.parametrize("family", FAMILIES)
    @pytest.mark.parametrize("method", METHODS)
    def test_every_method(self, stranger: Guest, family: int, method: str) -> None:
        body = b"a=1" if method in ("POST", "PUT", "PATCH") else b""
        assert_caught(stranger.say(site(NEWS_NAME, family), 80, request(method, "/x?y=1", "any.example", body)))

    @pytest.mark.parametrize("family", FAMILIES)
    def test_connect_is_no_way_out(self, stranger: Guest, family: int) -> None:
        asked = request("CONNECT", f"{NEWS_NAME}:443", f"{NEWS_NAME}:443")
        answer = stranger.say(site(NEWS_NAME, family), 80, asked)
        assert not answer.startswith(b"HTTP/1.1 2")

    @pytest.mark.parametrize("to", [to for f in FAMILIES for to in (*LITERALS[f], LAN[f], WAN[f])])
    def test_an_address_as_host(self, stranger: Guest, to: str) -> None:
        assert_caught(stranger.say(to, 80, request("GET", "/", literal(to))))

    @pytest.mark.parametrize("host", ["", "a" * 250, "xn--80ak6aa92e.com", "wifi.balikpapan.test", "a b", "%00"])
    def test_every_host(self, stranger: Guest, host: str) -> None:
        assert_caught(stranger.say(site(NEWS_NAME, 4), 80, request("GET", "/", host)))

    def test_nothing_of_it_reaches_the_sites(self, stranger: Guest, witness: Guest, uplink: Sniffer) -> None:
        targets = [site(NEWS_NAME, family) for family in FAMILIES]
        for to in targets:
            assert_caught(stranger.say(to, 80, request("POST", "/", NEWS_NAME, MARK)))
        assert leaks(uplink, witness) == []


class TestRefusal:
    @pytest.mark.parametrize("family", FAMILIES)
    def test_https_is_reset_at_once(self, stranger: Guest, family: int) -> None:
        tries = [stranger.attempt(site(NEWS_NAME, family), 443) for _ in range(5)]
        assert {t.outcome for t in tries} == {"ConnectionRefusedError"}
        assert statistics.median(t.ms for t in tries) < REFUSAL_MS, tries

    @pytest.mark.parametrize("family", FAMILIES)
    @pytest.mark.parametrize("port", [22, 25, 853, 3128, 5222, 8080, 8443])
    def test_other_ports_too(self, stranger: Guest, family: int, port: int) -> None:
        attempt = stranger.attempt(site(NEWS_NAME, family), port)
        assert attempt.outcome == "ConnectionRefusedError"

    @pytest.mark.parametrize("family", FAMILIES)
    def test_udp_is_refused_not_swallowed(self, stranger: Guest, family: int) -> None:
        to = site(NEWS_NAME, family)
        with stranger.socket(to, socket.SOCK_DGRAM) as quic:
            quic.connect((str(to), 443))
            quic.send(MARK)
            # ICMP "administratively prohibited" is EHOSTUNREACH for IPv4, EACCES for IPv6 (Linux's tables).
            with pytest.raises(OSError, match=r"No route to host|Permission denied"):
                quic.recv(100)

    @pytest.mark.parametrize("family", FAMILIES)
    @pytest.mark.parametrize("port", [22, 8443, 8080, 8444, 9104, 111, 5353])
    def test_the_gateways_own_services(self, stranger: Guest, family: int, port: int) -> None:
        """Console, metrics, and the ports that only a redirect leads to."""
        for to in (LAN[family], WAN[family]):
            assert stranger.attempt(to, port).outcome == "ConnectionRefusedError", to

    @pytest.mark.parametrize("family", FAMILIES)
    def test_from_outside_the_gateway_is_closed(self, lab: Lab, family: int) -> None:
        for port in (22, 53, 80, 443, 8080, 8443, 8444, 9104):
            made = inside(lab.internet.name, lambda: socket.socket(_kind(family), socket.SOCK_STREAM))
            with made:
                made.settimeout(0.2)
                with pytest.raises(OSError, match=r"timed out|refused"):
                    made.connect((WAN[family], port))


class TestGarden:
    @pytest.mark.parametrize("family", FAMILIES)
    def test_the_sign_in_can_be_reached(self, stranger: Guest, family: int) -> None:
        assert stranger.attempt(site(PROVIDER_NAME, family), 443).outcome == "open"

    @pytest.mark.parametrize("family", FAMILIES)
    @pytest.mark.parametrize("case", ["ping", "quic", "udp-80", "tcp-22", "tcp-853", "gre", "protocol-253"])
    def test_by_https_only(self, stranger: Guest, witness: Guest, uplink: Sniffer, family: int, case: str) -> None:
        cases = frames.IPV4 if family == 4 else frames.IPV6
        source = Source(stranger.mac, str(stranger.own(family)))
        stranger.send_frames(frames.build(cases[case], source, str(site(PROVIDER_NAME, family))))
        assert leaks(uplink, witness) == []

    def test_probes_are_not_in_it(self, stranger: Guest) -> None:
        for name in {host for host, _ in PROBES} - {"ipv6.msftconnecttest.com"}:
            assert stranger.attempt(site(name, 4), 443).outcome == "ConnectionRefusedError", name


#: Broadcast of everything, of the sites' network and of the phones' own; multicast.
MANY = ("255.255.255.255", "203.0.113.255", "10.77.3.255", "224.0.0.251", "ff0e::fb", "ff02::1")
CASES = [(family, name) for family, cases in ((4, frames.IPV4), (6, frames.IPV6)) for name in cases]


class TestNothingElsePasses:
    @pytest.mark.parametrize(("family", "name"), CASES)
    def test_crafted(self, stranger: Guest, witness: Guest, uplink: Sniffer, family: int, name: str) -> None:
        case = (frames.IPV4 if family == 4 else frames.IPV6)[name]
        to = str(site(NEWS_NAME, family)) if name != "udp-to-53" else ELSEWHERE[family]
        source = Source(stranger.mac, str(stranger.own(family)))
        for ethernet in (frames.GATEWAY_MAC, "ff:ff:ff:ff:ff:ff"):
            stranger.send_frames(frames.build(case, source, to, ethernet))
        assert leaks(uplink, witness, ELSEWHERE[family]) == []

    @pytest.mark.parametrize("family", FAMILIES)
    def test_the_capture_sees_what_passes(self, witness: Guest, uplink: Sniffer, family: int) -> None:
        """The same frames of a phone that may: otherwise the tests above would prove nothing."""
        cases = frames.IPV4 if family == 4 else frames.IPV6
        source = Source(witness.mac, str(witness.own(family)))
        for name in ("ping", "quic", "tcp-22", "gre", "udp-fragments", "protocol-253"):
            witness.send_frames(frames.build(cases[name], source, str(site(NEWS_NAME, family))))
            assert leaks(uplink, witness), name

    @pytest.mark.parametrize("name", MANY)
    def test_many_receivers(self, stranger: Guest, witness: Guest, uplink: Sniffer, name: str) -> None:
        family, cases = (6, frames.IPV6) if ":" in name else (4, frames.IPV4)
        source = Source(stranger.mac, str(stranger.own(family)))
        for ethernet in (frames.GATEWAY_MAC, "ff:ff:ff:ff:ff:ff"):
            stranger.send_frames(frames.build(cases["udp-80"], source, name, ethernet))
        assert leaks(uplink, witness, name) == []


#: Internet, garden, both sides of the gateway, nobody, the machine itself, a private network, many.
FALSE: dict[int, tuple[str, ...]] = {
    4: ("203.0.113.30", "203.0.113.10", LAN_IPV4, WAN_IPV4, "0.0.0.0", "127.0.0.1", "192.168.1.2", "224.0.0.1"),
    6: ("2001:db8:113::30", "2001:db8:113::10", LAN_IPV6, WAN_IPV6, "::", "::1", "fe80::1", "fd00::2", "ff02::1"),
}
#: Of the phones' network, but nobody's.
NOBODY = {4: "10.77.3.200", 6: "2001:db8:77::200"}
USED = ("udp-80", "tcp-443", "ping")


class TestFalseSources:
    @pytest.mark.parametrize(("family", "address"), [(f, a) for f in FAMILIES for a in (*FALSE[f], NOBODY[f])])
    @pytest.mark.parametrize("whose", ["stranger", "witness"])
    def test_invented(
        self, stranger: Guest, witness: Guest, uplink: Sniffer, family: int, address: str, whose: str
    ) -> None:
        """Neither of a captive phone, nor under the MAC of one that may pass with other addresses."""
        guest = stranger if whose == "stranger" else witness
        cases = frames.IPV4 if family == 4 else frames.IPV6
        for name in USED:
            source = Source(guest.mac, address)
            guest.send_frames(frames.build(cases[name], source, str(site(NEWS_NAME, family))))
        assert leaks(uplink, witness) == []

    @pytest.mark.parametrize("family", FAMILIES)
    def test_no_answer_to_nobody_gets_out(
        self, lab: Lab, attacker: Guest, witness: Guest, uplink: Sniffer, family: int
    ) -> None:
        """The refusal to an address that nobody has cannot be delivered, and the site must not be told."""
        nobody = {4: "10.77.3.201", 6: "2001:db8:77::201"}[family]
        case = (frames.IPV4 if family == 4 else frames.IPV6)["tcp-443"]
        attacker.send_frames(frames.build(case, Source(attacker.mac, nobody), str(site(NEWS_NAME, family))))
        looking = ["ip", f"-{family}", "neighbour", "show", nobody]
        poll(lambda: "FAILED" in lab.gateway.run(looking).stdout, 8, "the gateway has given up looking for it")
        assert leaks(uplink, witness) == []

    @pytest.mark.parametrize("family", FAMILIES)
    def test_the_address_of_a_phone_that_may(
        self, stranger: Guest, witness: Guest, uplink: Sniffer, family: int
    ) -> None:
        cases = frames.IPV4 if family == 4 else frames.IPV6
        for case in cases.values():
            source = Source(stranger.mac, str(witness.own(family)))
            stranger.send_frames(frames.build(case, source, str(site(NEWS_NAME, family))))
        assert leaks(uplink, witness) == []


class TestInwards:
    @pytest.mark.parametrize("whose", ["stranger", "witness"])
    def test_the_internet_reaches_no_phone_unasked(
        self, lab: Lab, stranger: Guest, witness: Guest, whose: str
    ) -> None:
        guest = stranger if whose == "stranger" else witness
        with Sniffer(guest.namespace, "wlan0") as air:
            for port in (9, 80, 443):
                with inside(lab.internet.name, lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)) as out:
                    out.sendto(MARK, (str(guest.ipv6), port))
            fence = f"pagar-{secrets.token_hex(8)}"
            guest.ask(f"{fence}.{NEWS_NAME}", "A", LAN_IPV4)
            assert [frame.hex() for frame in air.until(fence.encode()) if MARK in frame] == []


class TestNames:
    @pytest.mark.parametrize("family", FAMILIES)
    @pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
    def test_another_resolver_is_answered_by_the_gateway(
        self, stranger: Guest, witness: Guest, uplink: Sniffer, family: int, tcp: bool
    ) -> None:
        name = "BeRiTa.TeSt" if tcp else NEWS_NAME
        answer = stranger.ask(name, "A", ELSEWHERE[family], tcp)
        assert [item.to_text() for item in answer.answer[0]] == [str(site(NEWS_NAME, 4))]
        assert leaks(uplink, witness, ELSEWHERE[family]) == []

    def test_the_portals_name_leads_to_the_gateway(self, stranger: Guest) -> None:
        for kind, expected in (("A", LAN_IPV4), ("AAAA", LAN_IPV6)):
            answer = stranger.ask(PORTAL_HOST, kind, LAN_IPV4)
            assert [item.to_text() for item in answer.answer[0]] == [expected]

    def test_windows_gets_the_true_answer(self, stranger: Guest) -> None:
        for kind, expected in (("A", "131.107.255.255"), ("AAAA", "fd3e:4f5a:5b81::1")):
            answer = stranger.ask("dns.msftncsi.com", kind, LAN_IPV4)
            assert [item.to_text() for item in answer.answer[0]] == [expected]


class TestApi:
    def test_it_says_captive(self, stranger: Guest) -> None:
        (facts,) = stranger.steps("api")
        assert (facts["status"], facts["type"]) == (200, "application/captive+json")
        assert "no-store" in facts["cache"] or "private" in facts["cache"]
        body = facts["body"]
        assert body["captive"] is True
        assert body["user-portal-url"].startswith(f"https://{PORTAL_HOST}/")
        assert body["venue-info-url"].startswith("https://")
        assert body["can-extend-session"] in (True, False)
        assert not {"seconds-remaining", "bytes-remaining"} & set(body)

    @pytest.mark.parametrize("family", FAMILIES)
    def test_over_both_families(self, stranger: Guest, family: int) -> None:
        accept = ["--header", "Accept: application/captive+json"]
        answer = stranger.curl(f"-{family}", *accept, CAPTIVE_API)
        assert '"captive": true' in answer

    def test_a_browser_is_shown_the_page(self, stranger: Guest) -> None:
        shown = ["--output", "/dev/null", "--write-out", "%{http_code} %{redirect_url}"]
        assert stranger.curl("--header", "Accept: text/html", *shown, CAPTIVE_API) == f"302 https://{PORTAL_HOST}/"


def _kind(family: int) -> socket.AddressFamily:
    return socket.AF_INET if family == 4 else socket.AF_INET6


def test_a_refusal_is_told_from_silence(stranger: Guest) -> None:
    """Nobody answers at an address of the phone's own network: what silence looks like in these tests."""
    with stranger.socket("10.77.3.240", timeout=0.2) as made, pytest.raises(TimeoutError):
        made.connect(("10.77.3.240", 443))
    assert isinstance(stranger.attempt(site(NEWS_NAME, 4), 443), Attempt)
