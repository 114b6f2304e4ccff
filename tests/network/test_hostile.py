"""One phone sends what no honest phone would; the others are served all the same, and nothing exits."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from deploy.lab.configuration import PORTAL_HOST
from deploy.lab.lab import Lab
from deploy.lab.network import LAN_IPV4
from deploy.sandbox.names import NEWS_NAME
from tests.network.fence import site
from tests.network.guest import GATEWAY_MAC, Guest, reset
from tests.network.inspection import family_of

pytestmark = pytest.mark.network

WATCHED = ("enforcer", "portal", "console", "monitor", "resolver", "unbound", "dnsmasq")
#: Not a promise but a bound: on a machine that does nothing else it is some 20 ms.
LONGEST_SECONDS = 5.0
#: What the portal may grow by under attack, octets: two workers with 48 connections each of one phone's.
GROWTH = 64 * 2**20
FAMILIES = (4, 6)


def memory(lab: Lab, name: str) -> int:
    """Resident octets of a server with its workers."""
    total = 0
    for pid in family_of(lab.process(name).pid):
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
        total += int(pages) * os.sysconf("SC_PAGE_SIZE")
    return total


@contextmanager
def nothing_exits(lab: Lab) -> Iterator[None]:
    """The same processes, workers included, before and after; the portal no larger than it may be."""
    before = {name: family_of(lab.process(name).pid) for name in WATCHED}
    size = memory(lab, "portal")
    yield
    assert {name: family_of(lab.process(name).pid) for name in WATCHED} == before
    assert memory(lab, "portal") - size < GROWTH


def served(guest: Guest) -> float:
    """Seconds for another phone's http redirect and its portal page, by https."""
    began = time.perf_counter()
    answer = guest.say(site(NEWS_NAME, 4), 80, b"GET / HTTP/1.1\r\nHost: x.test\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 302"), answer
    with secured(guest) as tls:
        tls.sendall(f"GET / HTTP/1.1\r\nHost: {PORTAL_HOST}\r\nConnection: close\r\n\r\n".encode())
        assert tls.recv(12) == b"HTTP/1.1 200"
    took = time.perf_counter() - began
    assert took < LONGEST_SECONDS
    return took


def secured(guest: Guest, timeout: float = 5.0) -> ssl.SSLSocket:
    """A TLS connection to the portal."""
    context = ssl.create_default_context(cafile=str(guest.phone.machine.trusted))
    return context.wrap_socket(guest.connect(LAN_IPV4, 443, timeout), server_hostname=PORTAL_HOST)


def http(line: str, *headers: str, body: bytes = b"", host: str | None = PORTAL_HOST) -> bytes:
    hosts = [f"Host: {host}"] if host is not None else []
    return "\r\n".join([line, *hosts, *headers, "", ""]).encode("latin-1") + body


BAD = {
    "8 kB URL": http("GET /" + "a" * 8192 + " HTTP/1.1"),
    "1 MB URL": http("GET /" + "a" * 2**20 + " HTTP/1.1"),
    "empty parameters": http("GET /?fas=&&=&code=&state=&lang= HTTP/1.1"),
    "empty callback": http("GET /oidc/callback?code=&state= HTTP/1.1"),
    "callback twice": http("GET /oidc/callback?code=a&code=b&state=c HTTP/1.1"),
    "binary parameters": http("GET /oidc/callback?code=%00%ff%fe&state=%0d%0a%f0%28 HTTP/1.1"),
    "raw binary path": http("GET /\xff\xfe\x80?\x90=\x91 HTTP/1.1"),
    "path upwards": http("GET /static/../../../../etc/passwd HTTP/1.1"),
    "no length": http("POST /masuk HTTP/1.1", "Content-Type: application/x-www-form-urlencoded"),
    "length too long": http("POST /masuk HTTP/1.1", "Content-Length: 100000", body=b"a=1"),
    "length too short": http("POST /masuk HTTP/1.1", "Content-Length: 1", body=b"a=1&b=2"),
    "length negative": http("POST /masuk HTTP/1.1", "Content-Length: -1", body=b"a=1"),
    "length twice": http("POST /masuk HTTP/1.1", "Content-Length: 1", "Content-Length: 3", body=b"a=1"),
    "length of 10^40": http("POST /masuk HTTP/1.1", "Content-Length: 1" + "0" * 40, body=b"a=1"),
    "bad chunk": http("POST /masuk HTTP/1.1", "Transfer-Encoding: chunked", body=b"zz\r\na=1\r\n0\r\n\r\n"),
    "endless chunk": http("POST /masuk HTTP/1.1", "Transfer-Encoding: chunked", body=b"ffffffffffffffff\r\na"),
    "chunked and length": http(
        "POST /masuk HTTP/1.1", "Transfer-Encoding: chunked", "Content-Length: 3", body=b"0\r\n\r\n"
    ),
    "unknown coding": http("POST /masuk HTTP/1.1", "Transfer-Encoding: gzip, x", body=b"abc"),
    "large form": http("POST /masuk HTTP/1.1", f"Content-Length: {2**20}", body=b"a" * 2**20),
    "no host": http("GET / HTTP/1.1", host=None),
    "two hosts": http("GET / HTTP/1.1", "Host: evil.test"),
    "foreign host": http("GET / HTTP/1.1", host="evil.test"),
    "host with a line break": b"GET / HTTP/1.1\r\nHost: a\r\n b: c\r\n\r\n",
    "1,000 headers": http("GET / HTTP/1.1", *(f"X-{n}: {n}" for n in range(1000))),
    "100 kB header": http("GET / HTTP/1.1", "Cookie: " + "a" * 100_000),
    "broken cookie": http("GET / HTTP/1.1", "Cookie: __Host-gerbang=\xff\x00; =; ;;"),
    "unknown version": http("GET / HTTP/9.9"),
    "no version": b"GET /\r\n\r\n",
    "spaces": b"   \r\n\r\n\r\n",
    "nothing but zeros": bytes(65_536),
    "noise": random.Random(7).randbytes(65_536),
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "smuggled": b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\nGET /x HTTP/1.1\r\nHost: b\r\n\r\n",
}


class TestBadRequests:
    @pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
    def test_by_http_and_https(self, lab: Lab, attacker: Guest, stranger: Guest, bad: bytes) -> None:
        with nothing_exits(lab):
            for connect in (lambda: attacker.connect(site(NEWS_NAME, 4), 80), lambda: secured(attacker)):
                self.answered_or_closed(connect, bad)
            served(stranger)

    def answered_or_closed(self, connect: Callable[[], socket.socket], bad: bytes) -> None:
        """Neither an error of the server's own (5xx) nor anything from outside its pages, nor silence for long."""
        with connect() as connection:
            connection.settimeout(10)
            answer = b""
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                connection.sendall(bad)
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_WR)
                while piece := connection.recv(65_536):
                    answer += piece
        assert not answer.startswith(b"HTTP/1.1 5"), answer[:200]
        assert b"root:" not in answer
        assert b"Traceback" not in answer


HELLO_HEAD = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32)
NO_TLS = {
    "http": http("GET / HTTP/1.1"),
    "noise": random.Random(8).randbytes(4096),
    "half a ClientHello": HELLO_HEAD,
    "SSL 2": b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10",
    "alert": b"\x15\x03\x03\x00\x02\x02\x28",
    "huge record": b"\x16\x03\x03\xff\xff" + bytes(65_535),
}


@pytest.mark.parametrize("sent", NO_TLS.values(), ids=NO_TLS)
def test_what_is_no_tls(lab: Lab, attacker: Guest, stranger: Guest, sent: bytes) -> None:
    with nothing_exits(lab), attacker.connect(LAN_IPV4, 443, timeout=10) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(sent)
        served(stranger)
        with contextlib.suppress(ConnectionError):
            while connection.recv(65_536):  # ends, because the portal gives up on it within 10 s
                pass


SLOW = 200
#: Longer than the portal's deadlines for headers and handshakes (5 s).
HELD_SECONDS = 6.0
TRICKLES = {
    80: (b"GET / HT", b"TP/1.1\r\n", b"Host: a\r\n", b"X: 1\r\n"),
    443: (HELLO_HEAD[:5], b"\1", b"\0", b"\0"),
}


class Slow:
    """Connections of one phone that never come to the point; each that is closed is opened again at once."""

    def __init__(self, guest: Guest, to: str, port: int) -> None:
        self._guest, self._to, self._port = guest, to, port
        self._open = {number: self._connect() for number in range(SLOW)}

    def _connect(self) -> socket.socket:
        made = self._guest.socket(self._to)
        made.setblocking(False)
        made.connect_ex((self._to, self._port))
        return made

    def trickle(self, piece: bytes) -> None:
        """A few octets on each."""
        for number, connection in self._open.items():
            try:
                connection.send(piece)
            except BlockingIOError:
                continue
            except OSError:
                connection.close()
                self._open[number] = self._connect()

    def close(self) -> None:
        """Let go of all."""
        for connection in self._open.values():
            reset(connection)


@pytest.mark.parametrize("port", [80, 443])
def test_200_slow_connections_starve_nobody(
    lab: Lab, attacker: Guest, stranger: Guest, witness: Guest, port: int
) -> None:
    to = {80: str(site(NEWS_NAME, 4)), 443: LAN_IPV4}[port]
    took: list[float] = []
    with nothing_exits(lab), contextlib.closing(Slow(attacker, to, port)) as slow:
        deadline = time.monotonic() + HELD_SECONDS
        while time.monotonic() < deadline:
            slow.trickle(TRICKLES[port][len(took) % 4])
            took.append(served(stranger))
        assert witness.attempt(site(NEWS_NAME, 4), 443).outcome == "open"
    print(f"worst of {len(took)} visits beside {SLOW} slow connections to {port}: {max(took) * 1000:.0f} ms")


FLOOD = 4_000


@pytest.mark.parametrize("family", FAMILIES)
def test_invented_neighbours_crowd_out_nobody(
    lab: Lab, attacker: Guest, stranger: Guest, witness: Guest, family: int
) -> None:
    """Each refusal makes the gateway look for an address that nobody has; the honest ones must stay known."""
    with nothing_exits(lab):
        attacker.send_frames(list(invented(attacker, family)))
        served(stranger)
        assert witness.attempt(site(NEWS_NAME, family), 443).outcome == "open"


def invented(guest: Guest, family: int) -> Iterator[bytes]:
    """Frames of one phone under very many addresses of its network."""
    to, ethernet = str(site(NEWS_NAME, family)), Ether(src=guest.mac, dst=GATEWAY_MAC)
    for number in range(FLOOD):
        if family == 4:
            packet = IP(src=f"10.77.{number // 250 % 4}.{number % 250 + 1}", dst=to)
        else:
            packet = IPv6(src=f"2001:db8:77::bad:{number:x}", dst=to)
        yield bytes(ethernet / packet / UDP(sport=40_000, dport=9))
