"""A phone as a test holds it: joined, with known addresses, and with sockets made inside its namespace."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

import dns.message
import dns.query

from deploy.lab.lab import Phone
from deploy.lab.netns import inside
from policy.model import Address

GATEWAY_MAC = "02:77:00:00:00:01"
_INTERFACE = "wlan0"
_TIMEOUT = 5.0


@dataclass(frozen=True)
class Attempt:
    """How a try to reach something ended: ``open``, ``silence``, or the error's name; after how many ms."""

    outcome: str
    ms: float


@dataclass(frozen=True)
class Bytes:
    """Layer 3 bytes, from and to a phone."""

    up: int
    down: int

    def __sub__(self, other: Bytes) -> Bytes:
        return Bytes(self.up - other.up, self.down - other.down)


@dataclass(frozen=True)
class Guest:
    """A phone that has joined the WiFi."""

    phone: Phone
    mac: str
    ipv4: IPv4Address
    ipv6: IPv6Address

    @classmethod
    def join(cls, phone: Phone) -> Guest:
        """Let it join: DHCP lease and router advertisement."""
        (facts,) = phone.steps("join")
        assert "error" not in facts, facts
        return cls(phone, _mac(phone), IPv4Address(facts["address"].split("/")[0]), IPv6Address(facts["ipv6"]))

    @property
    def namespace(self) -> str:
        return self.phone.machine.name

    @property
    def home(self) -> Path:
        return self.phone.machine.home

    def own(self, family: int) -> Address:
        """Its address of family 4 or 6."""
        return self.ipv4 if family == 4 else self.ipv6

    def steps(self, *steps: str, account: str = "sari") -> list[dict[str, Any]]:
        """Do these steps (deploy/lab/phone.py); every one of them must work."""
        facts = list(self.phone.steps(*steps, account=account))
        assert [f["step"] for f in facts] == list(steps), facts
        assert not any("error" in f for f in facts), facts
        return facts

    def api(self) -> dict[str, Any]:
        """What the captive portal API says to it (RFC 8908)."""
        body: dict[str, Any] = self.steps("api")[0]["body"]
        return body

    def curl(self, *arguments: str, timeout: float = 60) -> str:
        """Run curl to its good end; gives what it prints."""
        done = self.phone.run(["curl", "--silent", "--show-error", "--fail", *arguments], timeout)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def socket(
        self, address: str | Address, kind: socket.SocketKind = socket.SOCK_STREAM, timeout: float = _TIMEOUT
    ) -> socket.socket:
        """An unconnected socket inside the phone, of the family of ``address``."""
        family = socket.AF_INET if ip_address(str(address)).version == 4 else socket.AF_INET6
        made = inside(self.namespace, lambda: socket.socket(family, kind))
        made.settimeout(timeout)
        return made

    def connect(self, address: str | Address, port: int, timeout: float = _TIMEOUT) -> socket.socket:
        """A TCP connection from inside the phone; OSError as the phone's own programs get it."""
        made = self.socket(address, timeout=timeout)
        try:
            made.connect((str(address), port))
        except OSError:
            made.close()
            raise
        return made

    def attempt(self, address: str | Address, port: int) -> Attempt:
        """Try to connect by TCP."""
        began = time.perf_counter()
        try:
            self.connect(address, port).close()
            outcome = "open"
        except TimeoutError:
            outcome = "silence"
        except OSError as error:
            outcome = type(error).__name__ if type(error) is not OSError else str(error.strerror)
        return Attempt(outcome, (time.perf_counter() - began) * 1000)

    def say(self, address: str | Address, port: int, request: bytes, timeout: float = _TIMEOUT) -> bytes:
        """Send bytes by TCP and read until the other side closes (or has answered a whole head)."""
        with self.connect(address, port, timeout) as connection:
            connection.sendall(request)
            answer = b""
            while piece := _piece(connection):
                answer += piece
            return answer

    def ask(self, name: str, kind: str, server: str | Address, tcp: bool = False) -> dns.message.Message:
        """Ask a name server by DNS."""
        query = dns.message.make_query(name, kind)
        kind_of_socket = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
        with self.socket(server, kind_of_socket) as made:
            if tcp:
                made.connect((str(server), 53))
                return dns.query.tcp(query, str(server), timeout=_TIMEOUT, sock=made)
            made.setblocking(False)
            return dns.query.udp(query, str(server), timeout=_TIMEOUT, sock=made)

    def send_frames(self, frames: Sequence[bytes]) -> None:
        """Put whole Ethernet frames on the air."""
        with inside(self.namespace, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)) as wire:
            wire.bind((_INTERFACE, 0))
            for frame in frames:
                wire.send(frame)

    def moved(self) -> Bytes:
        """Layer 3 bytes that its interface has sent and received: the kernel counts 14 more for each frame."""
        done = self.phone.run(["ip", "-json", "-statistics", "link", "show", "dev", _INTERFACE])
        counted = json.loads(done.stdout)[0]["stats64"]
        return Bytes(*(counted[way]["bytes"] - 14 * counted[way]["packets"] for way in ("tx", "rx")))


def reset(connection: socket.socket) -> None:
    """Close with a reset, so that nothing lingers."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def _piece(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except ConnectionResetError:
        return b""


def _mac(phone: Phone) -> str:
    done = phone.run(["ip", "-json", "link", "show", "dev", _INTERFACE])
    return str(json.loads(done.stdout)[0]["address"])
