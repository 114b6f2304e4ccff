"""Netlink by hand: attributes, messages, one socket. Only what the enforcer's four subsystems need.

Layouts are the kernel's (linux/netlink.h, linux/netfilter/nfnetlink.h), in host byte order unless said otherwise.
A request is answered while it is sent, so all its answers wait in the receive buffer when ``send`` returns.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import NamedTuple, Self

from policy.enforcer.kernel import KernelError

NETLINK_ROUTE = 0
NETLINK_NETFILTER = 12

NLMSG_ERROR = 2
NLMSG_DONE = 3
NLM_F_REQUEST = 0x001
NLM_F_ACK = 0x004
NLM_F_DUMP_INTR = 0x010
NLM_F_DUMP = 0x300
NLM_F_CREATE = 0x400
_NLM_F_ACK_TLVS = 0x200
_NLM_F_CAPPED = 0x100
_NLMSGERR_ATTR_MSG = 1

NFNL_MSG_BATCH_BEGIN = 0x10
NFNL_MSG_BATCH_END = 0x11

_NLA_F_NESTED = 0x8000
#: NLA_TYPE_MASK: without NLA_F_NESTED and NLA_F_NET_BYTEORDER.
_NLA_TYPE_MASK = 0x3FFF
#: The longest payload that an attribute's 16-bit length can tell.
LONGEST_ATTRIBUTE = 0xFFFF - 4

# linux/socket.h and linux/netlink.h
_SOL_NETLINK = 270
_SO_SNDBUFFORCE = 32
_SO_RCVBUFFORCE = 33
_NETLINK_CAP_ACK = 10
_NETLINK_EXT_ACK = 11
#: Octets (the kernel doubles them): a batch of 100,000 elements out; 10,000 answers or a burst of events in.
_SEND_BUFFER = 32 * 2**20
_RECEIVE_BUFFER = 8 * 2**20
#: A dump fills at most 32 kB (netlink_dump); answers to single requests are smaller.
_DATAGRAM = 65_536

#: struct nlmsghdr: length, type, flags, sequence, port.
HEADER = struct.Struct("=IHHII")
#: struct nlattr: length with this header, type.
ATTRIBUTE = struct.Struct("=HH")
#: struct nfgenmsg: family, version, resource id in network byte order.
_NFGENMSG = struct.Struct(">BBH")


class NetlinkError(KernelError):
    """The kernel's refusal: ``code`` is the errno, the text is the kernel's own where it gives one."""

    def __init__(self, code: int, what: str, said: str = "") -> None:
        super().__init__(f"{what}: {os.strerror(code)}{f' ({said})' if said else ''}")
        self.code = code


class Overrun(KernelError):
    """The receive buffer was full and messages were lost (ENOBUFS)."""


class Interrupted(KernelError):
    """A dump is not one moment's state (NLM_F_DUMP_INTR); read again."""


class Message(NamedTuple):
    """One message as it came; ``body`` is what follows its header."""

    type: int
    flags: int
    sequence: int
    body: bytes


def attribute(kind: int, payload: bytes) -> bytes:
    """One attribute, padded to 4 octets; ``ValueError`` if its length cannot be told."""
    if len(payload) > LONGEST_ATTRIBUTE:
        raise ValueError(f"{len(payload)} octets do not fit a netlink attribute")
    return ATTRIBUTE.pack(len(payload) + 4, kind) + payload + bytes(-len(payload) % 4)


def nested(kind: int, *attributes: bytes) -> bytes:
    """An attribute that holds attributes."""
    return attribute(kind | _NLA_F_NESTED, b"".join(attributes))


def text(kind: int, value: str) -> bytes:
    """A string attribute, with its NUL."""
    return attribute(kind, value.encode() + b"\0")


def attributes(payload: bytes) -> Iterator[tuple[int, int, int]]:
    """Each attribute's type, and where its payload begins and ends; ends at what cannot be an attribute."""
    position, end = 0, len(payload)
    while position + 4 <= end:
        length, kind = ATTRIBUTE.unpack_from(payload, position)
        if length < 4 or position + length > end:
            return
        yield kind & _NLA_TYPE_MASK, position + 4, position + length
        position += (length + 3) & ~3


def parsed(payload: bytes) -> dict[int, bytes]:
    """The attributes by type; of a repeated one the last."""
    return {kind: payload[start:end] for kind, start, end in attributes(payload)}


def message(kind: int, flags: int, sequence: int, body: bytes) -> bytes:
    """One message."""
    return HEADER.pack(HEADER.size + len(body), kind, flags, sequence, 0) + body


def netfilter(family: int, resource: int = 0) -> bytes:
    """The header of every netfilter message; its version is NFNETLINK_V0."""
    return _NFGENMSG.pack(family, 0, resource)


def messages(datagram: bytes) -> Iterator[Message]:
    """The messages of one datagram; a length that lies ends it."""
    position, end = 0, len(datagram)
    while position + HEADER.size <= end:
        length, kind, flags, sequence, _ = HEADER.unpack_from(datagram, position)
        if length < HEADER.size or position + length > end:
            return
        yield Message(kind, flags, sequence, datagram[position + HEADER.size : position + length])
        position += (length + 3) & ~3


class Socket:
    """One netlink socket, in the network namespace of the thread that makes it. Not thread-safe."""

    def __init__(self, protocol: int, groups: int = 0) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        self._sequence = 0
        self._abandoned = False
        for level, option, value in (
            (socket.SOL_SOCKET, _SO_SNDBUFFORCE, _SEND_BUFFER),
            (socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER),
            (_SOL_NETLINK, _NETLINK_CAP_ACK, 1),
            (_SOL_NETLINK, _NETLINK_EXT_ACK, 1),
        ):
            self._socket.setsockopt(level, option, value)
        self._socket.bind((0, groups))

    def close(self) -> None:
        """Release it."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def fileno(self) -> int:
        """Readable when something waits."""
        return self._socket.fileno()

    def next_sequence(self) -> int:
        """A number that tells one request's answers from another's."""
        self._sequence = self._sequence % 0x7FFFFFFF + 1
        return self._sequence

    def send(self, data: bytes) -> None:
        """Hand messages to the kernel, which works them off before this returns."""
        try:
            self._socket.send(data)
        except OSError as error:
            raise NetlinkError(error.errno or errno.EIO, "sending to the kernel") from error

    def waiting(self) -> Iterator[bytes]:
        """Every datagram that waits, without blocking; ``Overrun`` where some were lost."""
        while True:
            try:
                yield self._socket.recv(_DATAGRAM, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError as error:
                raise _receiving(error) from error

    def dump(self, kind: int, body: bytes, what: str) -> Iterator[Message]:
        """Ask for a table and yield its messages; ``Interrupted`` at the end if it changed meanwhile."""
        sequence = self.next_sequence()
        self._begin()
        self.send(message(kind, NLM_F_REQUEST | NLM_F_DUMP, sequence, body))
        consistent = True
        while True:
            try:
                datagram = self._socket.recv(_DATAGRAM)
            except OSError as error:
                raise _receiving(error) from error
            for answer in messages(datagram):
                if answer.sequence != sequence:
                    continue
                consistent = consistent and not answer.flags & NLM_F_DUMP_INTR
                if answer.type in (NLMSG_ERROR, NLMSG_DONE):
                    self._abandoned = False
                    _raise_refusal(answer, what)
                    if not consistent:
                        raise Interrupted(f"{what}: the table changed while it was read")
                    return
                yield answer

    def request(self, kind: int, flags: int, bodies: list[bytes], what: str) -> Iterator[Message | NetlinkError]:
        """Send one message a body; yields each body's answer or refusal, in order."""
        self._begin()
        sequences = [self.next_sequence() for _ in bodies]
        flags |= NLM_F_REQUEST
        self.send(b"".join(message(kind, flags, s, body) for s, body in zip(sequences, bodies, strict=True)))
        for datagram in self.waiting():
            for answer in messages(datagram):
                yield answer if answer.type != NLMSG_ERROR else refusal(answer, what)
        self._abandoned = False

    def transact(self, subsystem: int, entries: list[tuple[int, int, bytes]], what: str) -> None:
        """One nfnetlink batch of (type, flags, body): all of it or, with ``NetlinkError``, nothing.

        Only the last entry asks to be acknowledged; every refusal is reported unasked. A batch that the kernel
        gives up as a whole is refused under the sequence of its beginning.
        """
        if not entries:
            return
        self._begin()
        first = self.next_sequence()
        parts = [message(NFNL_MSG_BATCH_BEGIN, NLM_F_REQUEST, first, netfilter(0, subsystem))]
        for number, (kind, flags, body) in enumerate(entries, 1):
            flags |= NLM_F_REQUEST | (NLM_F_ACK if number == len(entries) else 0)
            parts.append(message(kind, flags, self.next_sequence(), body))
        last = self._sequence
        parts.append(message(NFNL_MSG_BATCH_END, NLM_F_REQUEST, self.next_sequence(), netfilter(0, subsystem)))
        self.send(b"".join(parts))
        for datagram in self.waiting():
            for answer in messages(datagram):
                _raise_refusal(answer, what)
                if answer.type == NLMSG_ERROR and answer.sequence == last:
                    self._abandoned = False
                    return
        raise KernelError(f"{what}: the kernel did not answer")

    def drop(self) -> None:
        """Forget everything that waits, what the kernel lost included."""
        while True:
            with suppress(Overrun):
                for _ in self.waiting():
                    pass
                return

    def _begin(self) -> None:
        """Forget what an abandoned request left behind, so that it answers nothing else."""
        if self._abandoned:
            self.drop()
        self._abandoned = True


def refusal(answer: Message, what: str) -> NetlinkError:
    """What an NLMSG_ERROR says; its ``code`` is 0 when it acknowledges."""
    code = -struct.unpack_from("=i", answer.body)[0]
    said = ""
    if answer.flags & _NLM_F_ACK_TLVS:
        # struct nlmsgerr: errno, the refused message (its header only when capped), then attributes.
        echoed = HEADER.size if answer.flags & _NLM_F_CAPPED else struct.unpack_from("=I", answer.body, 4)[0]
        said = parsed(answer.body[4 + (echoed + 3 & ~3) :]).get(_NLMSGERR_ATTR_MSG, b"").rstrip(b"\0").decode()
    return NetlinkError(code, what, said)


def _raise_refusal(answer: Message, what: str) -> None:
    if answer.type == NLMSG_ERROR and (error := refusal(answer, what)).code:
        raise error
    # A dump's end carries its result in the same place (netlink_dump_done).
    if answer.type == NLMSG_DONE and len(answer.body) >= 4:
        code = -struct.unpack_from("=i", answer.body)[0]
        if code > 0:
            raise NetlinkError(code, what)


def _receiving(error: OSError) -> KernelError:
    if error.errno == errno.ENOBUFS:
        return Overrun("the kernel's answers overran the receive buffer")
    return NetlinkError(error.errno or errno.EIO, "receiving from the kernel")
