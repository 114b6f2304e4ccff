"""Packets of any phone, sent on the phones' side and received on the internet's side, from this one process."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

from deploy.benchmarks.errors import BenchError
from deploy.benchmarks.phones import Phone
from deploy.benchmarks.topology import SITE_IPV4, SITE_IPV6, World
from deploy.lab.netns import inside
from policy.model import Address

PORT = 7_000
_WAIT_SECONDS = 0.2
_TRIES = 10
#: What a busy machine may lose of a stream without anything having interrupted it: at a packet every 2 ms, a pause
#: of 20 ms in a second is more.
_TOLERATED = 0.01
_BUFFER = 8 * 2**20
_SO_RCVBUFFORCE = 33  # socket(7): the buffer beyond net.core.rmem_max
SITES: dict[int, Address] = {4: SITE_IPV4, 6: SITE_IPV6}


class Wire:
    """Both ends of a world: ``pass_one`` sends one datagram of a phone and waits for it at the site."""

    def __init__(self, world: World) -> None:
        self._air = inside(world.phones, _air)
        self._sites = {version: inside(world.internet, lambda v=version: _site(v)) for version in SITES}  # type: ignore[misc]
        self._sent = 0

    def close(self) -> None:
        """Close all sockets."""
        for one in (self._air, *self._sites.values()):
            one.close()

    def send(self, phone: Phone, version: int) -> bytes:
        """Send a datagram of ``phone`` to the site over IPv4 or IPv6; its payload, like no other."""
        self._sent += 1
        payload = self._sent.to_bytes(8, "big")
        self._air.send(phone.datagram(SITES[version], PORT, payload))
        return payload

    def pass_one(self, phone: Phone, version: int) -> tuple[str, int]:
        """Send one and wait for it; the address and port it seems to come from.

        A busy machine loses a packet now and then (netdev_max_backlog), so it is sent again as a phone would;
        BenchError if none ever comes.
        """
        for _ in range(_TRIES):
            payload = self.send(phone, version)
            with suppress(TimeoutError):
                while True:
                    data, sender = self._sites[version].recvfrom(64)
                    if data == payload:
                        return sender[0], sender[1]
        raise BenchError(f"no packet of {phone} came through in {_TRIES} tries (IPv{version})")

    def reply(self, version: int, to: tuple[str, int]) -> None:
        """Send something back from the site."""
        self._sites[version].sendto(b"reply", to)

    def drain(self, version: int) -> int:
        """Take all that waits at the site; how many datagrams."""
        site, count = self._sites[version], 0
        site.setblocking(False)
        try:
            while True:
                site.recv(64)
                count += 1
        except BlockingIOError:
            return count
        finally:
            site.settimeout(_WAIT_SECONDS)


@dataclass
class Stream:
    """A steady stream of one phone's datagrams, to see whether something interrupts it."""

    wire: Wire
    phone: Phone
    interval: float = 0.002
    sent: int = 0

    def __enter__(self) -> Stream:
        self._stop = threading.Event()
        self.wire.drain(4)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def check(self) -> int:
        """After the end: how many were lost. BenchError if that looks like an interruption."""
        time.sleep(0.05)
        lost = self.sent - self.wire.drain(4)
        if lost > self.sent * _TOLERATED:
            raise BenchError(f"{lost} of {self.sent} packets of a granted phone did not come through")
        return lost

    def _run(self) -> None:
        while not self._stop.wait(self.interval):
            self.wire.send(self.phone, 4)
            self.sent += 1


def _air() -> socket.socket:
    # Protocol 0: it sends, and is never handed what arrives.
    air = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    air.bind(("wlan0", 0))
    return air


def _site(version: int) -> socket.socket:
    site = socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
    site.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
    site.bind((str(SITES[version]), PORT))
    site.settimeout(_WAIT_SECONDS)
    return site
