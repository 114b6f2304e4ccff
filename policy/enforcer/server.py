"""The enforcer's socket: who may call, how frames become requests, and one loop that does everything in turn.

All requests that wait are done in one round, then flows are dropped once for all of them, then they are
answered: a burst of grants costs one walk of the conntrack table.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import pwd
import signal
import socket
import struct
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from policy import protocol
from policy.compiler.ruleset import compile_ruleset
from policy.enforcer.enforcer import Enforcer
from policy.enforcer.journal import Journal, JournalError
from policy.enforcer.kernel import Kernel, KernelError
from policy.enforcer.linux import LinuxKernel
from policy.enforcer.verbs import Answer, Verbs
from policy.protocol import ProtocolError
from policy.settings import PeersSettings, Settings

log = logging.getLogger(__name__)

#: struct ucred in linux/socket.h: pid, uid, gid.
_UCRED = struct.Struct("3i")
#: Connections of one role at once; each worker of a caller keeps at most 8 idle ones.
_MAX_CONNECTIONS = 256
#: A caller that does not read its answers is cut off at this many octets: two readings of 50,000 sessions.
_MAX_UNREAD = 8 * 2**20
#: How often expired sessions are ended, seconds; the kernel has cut them off to the millisecond already.
_EXPIRY_INTERVAL = 1.0
#: The longest a byte limit may go unchecked when nobody asks for a reading, seconds.
_READING_INTERVAL = 10.0
#: Objects made and kept before Python's cycle collector looks at them. A restart with 10,000 sessions or a reading
#: of 50,000 makes a few 100,000 and no cycle; by default (700) the collector walked through every session for
#: them, which took half of the time of both. What a restart made is frozen: it stays, or goes without cycles.
_COLLECT_AFTER = 500_000


def roles(peers: PeersSettings) -> dict[int, str]:
    """Uid -> role; a user who does not exist is a ``LookupError`` that says so."""
    return {_uid(getattr(peers, role), role): role for role in protocol.VERBS}


def _uid(user: str | int, role: str) -> int:
    if isinstance(user, int):
        return user
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        raise LookupError(f"enforcer.peers.{role}: there is no user {user!r} on this machine") from None


class Server:
    """Accepts callers, knows each by its uid, and runs rounds of requests."""

    def __init__(
        self,
        enforcer: Enforcer,
        kernel: Kernel,
        roles_by_uid: Mapping[int, str],
        allowed: Mapping[str, frozenset[str]] = protocol.VERBS,
    ) -> None:
        self._enforcer = enforcer
        self._kernel = kernel
        self._roles = roles_by_uid
        self._verbs = Verbs(enforcer, allowed)
        self._waiting: list[tuple[_Connection, dict[str, Any]]] = []
        self._connections: dict[str, set[_Connection]] = {role: set() for role in allowed}
        self._last_reading = kernel.monotonic()

    async def run(self, listener: socket.socket, stop: asyncio.Event) -> None:
        """Serve until ``stop``."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._kernel.fileno(), self._follow_neighbours)
        server = await loop.create_unix_server(lambda: _Connection(self), sock=listener)
        timer = asyncio.create_task(self._tick())
        try:
            await stop.wait()
        finally:
            timer.cancel()
            loop.remove_reader(self._kernel.fileno())
            server.close()
            for connection in [c for connections in self._connections.values() for c in connections]:
                connection.abort()

    def welcome(self, connection: _Connection, peer: socket.socket) -> str | None:
        """The role behind a connection; ``None``: it must go."""
        credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        _, uid, _ = _UCRED.unpack(credentials)
        role = self._roles.get(uid)
        if role is None or len(self._connections[role]) >= _MAX_CONNECTIONS:
            log.warning("refused a connection of uid %d", uid)
            return None
        self._connections[role].add(connection)
        return role

    def farewell(self, connection: _Connection, role: str) -> None:
        """A connection of ``role`` is gone."""
        self._connections[role].discard(connection)

    def enqueue(self, connection: _Connection, request: dict[str, Any]) -> None:
        """Take a request into the next round."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._round)
        self._waiting.append((connection, request))

    def _round(self) -> None:
        waiting, self._waiting = self._waiting, []
        # The neighbour table first: a phone that has just come is known before the portal asks about it.
        self._follow_neighbours()
        answers = []
        for connection, request in waiting:
            assert connection.role is not None  # noqa: S101 - only connections with a role enqueue
            answers.append((connection, self._verbs.answer(connection.role, request)))
            if request.get("verb") == "observe":
                self._last_reading = self._kernel.monotonic()
        self._guarded(self._enforcer.settle)
        for connection, frames in answers:
            connection.send(frames)

    def _follow_neighbours(self) -> None:
        self._guarded(self._enforcer.follow_neighbours)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_EXPIRY_INTERVAL)
            self._guarded(self._enforcer.expire)
            if self._kernel.monotonic() - self._last_reading > _READING_INTERVAL:
                self._last_reading = self._kernel.monotonic()
                self._guarded(self._enforcer.observe)
            self._guarded(self._enforcer.settle)

    def _guarded(self, step: Callable[[], object]) -> None:
        try:
            step()
        except (KernelError, JournalError) as error:
            log.error("%s failed and is tried again: %s", step.__name__, error)


class _Connection(asyncio.Protocol):
    """One caller: octets in, frames out. A caller that breaks the framing is cut off."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self.role: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a stream server's always is
        self.role = self._server.welcome(self, transport.get_extra_info("socket"))
        if self.role is None:
            transport.abort()
            return
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None
        if self.role is not None:
            self._server.farewell(self, self.role)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            while len(self._buffer) >= protocol.HEADER.size:
                start = protocol.HEADER.size
                length = protocol.body_length(bytes(self._buffer[:start]), protocol.MAX_REQUEST)
                if len(self._buffer) < start + length:
                    return
                request, _ = protocol.decode(bytes(self._buffer[start : start + length]))
                del self._buffer[: start + length]
                self._server.enqueue(self, request)
        except ProtocolError as error:
            log.warning("cut off %s: %s", self.role, error)
            self.abort()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def send(self, frames: Iterable[Answer]) -> None:
        """Write an answer; the caller reads its first frames while the next ones are packed."""
        for message, records in frames:
            if self._transport is None or self._transport.is_closing():
                return
            self._transport.write(protocol.encode(message, records))
        if self._transport is None:
            return
        if self._transport.get_write_buffer_size() > _MAX_UNREAD:
            log.warning("cut off %s: it does not read its answers", self.role)
            self.abort()


def listen(path: Path) -> socket.socket:
    """A listening socket at ``path``, in place of what a killed enforcer left there.

    Everybody may connect; the kernel says who it is, and a uid without a role is cut off before it is read.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(0o666)
    listener.listen(128)
    return listener


def serve(settings: Settings) -> None:
    """Run the enforcer until SIGTERM or SIGINT; what is open stays open, in the kernel and in the journal."""
    gc.set_threshold(_COLLECT_AFTER)
    roles_by_uid = roles(settings.enforcer.peers)
    settings.enforcer.journal.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    kernel = LinuxKernel(settings.network)
    ruleset = compile_ruleset(settings.network, settings.portal)
    enforcer = Enforcer(settings, ruleset, kernel, Journal(settings.enforcer.journal))
    gc.freeze()
    asyncio.run(_run_until_signal(Server(enforcer, kernel, roles_by_uid), settings.enforcer.socket))


async def _run_until_signal(server: Server, path: Path) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await server.run(listen(path), stop)
    finally:
        path.unlink(missing_ok=True)
