"""Sees every frame that arrives at a machine of the laboratory, and knows when it has seen enough."""

from __future__ import annotations

import socket
import struct
import time
from types import TracebackType
from typing import Self

from deploy.lab.netns import inside

_ETH_P_ALL = 0x0003  # linux/if_ether.h
# linux/if_packet.h and asm-generic/socket.h
_SOL_PACKET, _PACKET_STATISTICS, _PACKET_IGNORE_OUTGOING = 263, 6, 23
_SO_RCVBUFFORCE = 33
_BUFFER = 64 * 2**20


class Sniffer:
    """Captures what comes in at one interface from the moment the ``with`` block begins."""

    def __init__(self, namespace: str, interface: str) -> None:
        kind = socket.SOCK_RAW
        self._socket = inside(namespace, lambda: socket.socket(socket.AF_PACKET, kind, socket.htons(_ETH_P_ALL)))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        self._socket.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        self._socket.bind((interface, _ETH_P_ALL))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def until(self, sentinel: bytes, seconds: float = 5.0) -> list[bytes]:
        """The frames that arrived before the one that contains ``sentinel``; that one must arrive in time.

        Whoever sends the sentinel after everything else thus knows that what is not among them never comes.
        """
        frames: list[bytes] = []
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                frame = self._socket.recv(65_600)
            except TimeoutError:
                break
            if sentinel in frame:
                assert self._lost() == 0, "the capture lost frames, so it proves nothing"
                return frames
            frames.append(frame)
        raise AssertionError(f"the sentinel did not arrive within {seconds} s; {len(frames)} other frames did")

    def _lost(self) -> int:
        counted = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
        return int(struct.unpack("II", counted)[1])


def destination(frame: bytes) -> str:
    """The address to which a frame's IP packet goes; empty where it holds none."""
    kind = frame[12:14]
    if kind == b"\x08\x00" and len(frame) >= 34:
        return socket.inet_ntop(socket.AF_INET, frame[30:34])
    if kind == b"\x86\xdd" and len(frame) >= 54:
        return socket.inet_ntop(socket.AF_INET6, frame[38:54])
    return ""
