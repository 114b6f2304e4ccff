"""What the enforcer must still know after it was killed: open sessions, and ended ones nobody has recorded yet.

An append-only file of JSON lines, the last word on a session wins; rewritten whole (temporary file, then rename)
when most of it is history. It outlives the process, not a power cut: after one, the kernel's state is gone
too, and what the page cache had written is taken as far as it goes. So there is no fsync on the way of a grant.

Times are kept on both clocks: within one boot the kernel's clock decides (never stepped), after a reboot the
wall clock.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from policy.enforcer.sessions import Session
from policy.model import EndedSession, Mac, Usage

#: Rewritten when it has this many lines more than four times what is worth keeping.
_SLACK = 1_000


@dataclass(frozen=True, slots=True)
class Clocks:
    """One moment: the boot, its own clock and the wall clock, seconds."""

    boot: str
    monotonic: float
    wall: float


class JournalError(Exception):
    """The journal cannot be written (a full disk, most often): nothing new may be granted."""


class Journal:
    """The file; ``load`` once, then ``write`` what happens."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = 0
        self._fd = -1

    def load(self, clocks: Clocks) -> tuple[list[Session], list[EndedSession]]:
        """What is open and what is ended but unrecorded.

        A line that was cut short by a kill, or that is not ours, is passed over: the sessions of all others
        stay. Sessions whose time is over come back as open ones with no time left; the caller ends them.
        """
        live: dict[str, Session] = {}
        ended: dict[str, EndedSession] = {}
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            lines = []
        for line in lines:
            try:
                _replay(json.loads(line), clocks, live, ended)
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
        self.rewrite(live.values(), ended.values(), clocks)
        return list(live.values()), list(ended.values())

    def write(self, records: Iterable[dict[str, Any]]) -> None:
        """Append; all of it reaches the kernel's page cache before this returns."""
        lines = [json.dumps(record, separators=(",", ":")).encode() + b"\n" for record in records]
        if not lines:
            return
        data = b"".join(lines)
        try:
            written = os.write(self._fd, data)
        except OSError as error:
            raise JournalError(f"{self._path}: {error.strerror}") from error
        if written < len(data):
            raise JournalError(f"{self._path}: only {written} of {len(data)} octets written; is the disk full?")
        self._lines += len(lines)

    def is_mostly_history(self, worth_keeping: int) -> bool:
        """Whether ``rewrite`` would pay off."""
        return self._lines > 4 * worth_keeping + _SLACK

    def rewrite(self, live: Iterable[Session], ended: Iterable[EndedSession], clocks: Clocks) -> None:
        """Replace the file by what counts now, whole or not at all."""
        records = [opened(session, clocks) for session in live] + [closed(session) for session in ended]
        temporary = self._path.with_suffix(".new")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.writelines(json.dumps(record, separators=(",", ":")).encode() + b"\n" for record in records)
            temporary.replace(self._path)
            self.close()
            self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        except OSError as error:
            raise JournalError(f"{self._path}: {error.strerror}") from error
        self._lines = len(records)

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def opened(session: Session, clocks: Clocks) -> dict[str, Any]:
    """The line that says how an open session stands."""
    return {
        "open": session.id,
        "mac": str(session.mac),
        "boot": clocks.boot,
        "until": session.until,
        "wall": clocks.wall + session.until - clocks.monotonic,
        "limit": session.bytes_limit,
        "since": {str(address): counter for address, counter in session.since.items()},
        "carried": session.carried,
    }


def closed(session: EndedSession) -> dict[str, Any]:
    """The line that says how a session ended."""
    return {
        "end": session.session,
        "usage": session.usage,
        "at": session.ended_at.timestamp(),
        "reason": session.reason,
    }


def recorded(session: str) -> dict[str, Any]:
    """The line that says that the monitor has an ended session in its database."""
    return {"recorded": session}


def _replay(
    record: dict[str, Any], clocks: Clocks, live: dict[str, Session], ended: dict[str, EndedSession]
) -> None:
    if (session := record.get("open")) is not None:
        live[session] = _session(record, clocks)
    elif (session := record.get("end")) is not None:
        at = datetime.fromtimestamp(record["at"], UTC)
        ended[session] = EndedSession(session, Usage(*record["usage"]), at, record["reason"])
        live.pop(session, None)
    elif (session := record.get("recorded")) is not None:
        ended.pop(session, None)


def _session(record: dict[str, Any], clocks: Clocks) -> Session:
    session = Session(record["open"], Mac.parse(record["mac"]), record["until"], record["limit"])
    since = {ip_address(text): Usage(*counter) for text, counter in record["since"].items()}
    if record["boot"] == clocks.boot:
        session.since, session.carried = since, Usage(*record["carried"])
    else:
        # Counters of an earlier boot are gone with it, and the monitor knows by the boot id that they restart.
        session.until = clocks.monotonic + record["wall"] - clocks.wall
        session.since = dict.fromkeys(since, Usage())
    return session
