"""How portal, console, monitor and resolver speak to the enforcer.

Blocking sockets, so that it works in threads and, with gevent's patched sockets, in greenlets alike. Idle
connections are kept; each is used by one caller at a time.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, Full, LifoQueue
from typing import Any

from policy import protocol
from policy.model import Address, Device, EndedSession, Mac, Observation, SessionUsage, Usage
from policy.protocol import ProtocolError, Refused

#: Between two tries, seconds: a restarted enforcer listens again within a few tenths of a second.
_PAUSE = 0.05


class EnforcerUnavailable(Exception):
    """Nobody answers on the enforcer's socket: what is open stays open, nothing new can be; try again."""


class EnforcerClient:
    """Asks the enforcer behind ``socket_path``; each call waits at most ``timeout`` seconds for each frame.

    Every verb may raise ``EnforcerUnavailable`` or ``Refused``. All verbs are idempotent, so a call that finds
    a dead connection (the enforcer was restarted) is made again for ``timeout`` seconds: a visitor who signs in
    at that moment waits a little and need not try again.
    """

    def __init__(self, socket_path: Path | str, timeout: float = 2.0) -> None:
        self._path = str(socket_path)
        self._timeout = timeout
        self._idle: LifoQueue[socket.socket] = LifoQueue(maxsize=8)

    def close(self) -> None:
        """Close idle connections; a later call opens new ones."""
        while True:
            try:
                self._idle.get_nowait().close()
            except Empty:
                return

    def look(self, address: Address) -> Device:
        """Who is at ``address``, and what its session has used."""
        answer, _ = self._ask({"verb": "look", "address": str(address)})
        usage = answer.get("usage")
        return Device(
            address,
            Mac.parse(answer["mac"]) if answer.get("mac") else None,
            answer.get("session"),
            answer.get("seconds_left"),
            answer.get("bytes_left"),
            Usage(*usage) if usage is not None else None,
        )

    def admit(
        self, session: str, mac: Mac, address: Address, seconds: int, bytes_limit: int | None = None
    ) -> None:
        """Let the phone pass for ``seconds`` from now; the same session again sets its time and limit anew."""
        self._ask(
            {
                "verb": "admit",
                "session": session,
                "mac": str(mac),
                "address": str(address),
                "seconds": seconds,
                "bytes_limit": bytes_limit,
            }
        )

    def revoke(self, session: str, reason: str) -> None:
        """End a session now; one that is over already stays as it was."""
        self._ask({"verb": "revoke", "session": session, "reason": reason})

    def learn(self, addresses: Iterable[Address], seconds: int) -> None:
        """Let everybody reach these addresses of the walled garden for ``seconds``."""
        self._ask({"verb": "learn", "addresses": [str(a) for a in addresses], "seconds": seconds})

    def observe(self, acknowledge: Iterable[str] = ()) -> Observation:
        """Read all sessions; ``acknowledge`` names ended ones that are safely recorded (monitor only)."""
        request: dict[str, Any] = {"verb": "observe"}
        if acknowledged := list(acknowledge)[: protocol.MAX_ENDED]:
            request["acknowledge"] = acknowledged
        answer, live = self._ask(request)
        ended = [
            EndedSession(session, Usage(*usage), datetime.fromtimestamp(at, UTC), reason)
            for session, usage, at, reason in answer["ended"]
        ]
        return Observation(answer["boot"], live, ended)

    def _ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], list[SessionUsage]]:
        frame = protocol.encode(request)
        if len(frame) > protocol.MAX_REQUEST:
            raise Refused("invalid", "the request is too long for one frame")
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                with self._connection() as connection:
                    return self._exchange(connection, frame)
            except (OSError, EOFError, ProtocolError) as error:
                self.close()  # the enforcer was restarted: its old connections are dead, all of them
                if time.monotonic() > deadline:
                    raise EnforcerUnavailable(f"the enforcer at {self._path} does not answer: {error}") from error
            time.sleep(_PAUSE)

    def _exchange(self, connection: socket.socket, frame: bytes) -> tuple[dict[str, Any], list[SessionUsage]]:
        connection.sendall(frame)
        live: list[SessionUsage] = []
        while True:
            length = protocol.body_length(_receive(connection, protocol.HEADER.size), protocol.MAX_REPLY)
            answer, records = protocol.decode(_receive(connection, length))
            live += protocol.unpack_records(records)
            if not answer.get("more"):
                break
        if "refused" in answer:
            raise Refused(answer["refused"], answer["message"])
        return answer, live

    @contextmanager
    def _connection(self) -> Iterator[socket.socket]:
        try:
            connection = self._idle.get_nowait()
        except Empty:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(self._timeout)
            try:
                connection.connect(self._path)
            except OSError:
                connection.close()
                raise
        try:
            yield connection
        except Refused:
            self._keep(connection)
            raise
        except BaseException:
            connection.close()
            raise
        self._keep(connection)

    def _keep(self, connection: socket.socket) -> None:
        try:
            self._idle.put_nowait(connection)
        except Full:
            connection.close()


def _receive(connection: socket.socket, size: int) -> bytes:
    received = bytearray()
    while len(received) < size:
        piece = connection.recv(size - len(received))
        if not piece:
            raise EOFError("the enforcer closed the connection")
        received += piece
    return bytes(received)
