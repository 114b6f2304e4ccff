"""What one may ask of the enforcer, and how it looks on the wire.

A frame is a 4-octet big-endian length and that many octets: one JSON object, for a reading followed by a
newline and packed records. JSON because requests are few and small and every field is checked by name;
packed records because a reading of 50,000 sessions as JSON costs more than reading the kernel.

Requests carry intent (a session, a phone, seconds), never rules. The enforcer knows the caller by
``SO_PEERCRED`` and answers only the verbs of that caller's role.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from typing import Any, Final

from policy.model import SessionUsage, Usage

HEADER: Final = struct.Struct(">I")
#: A request is a few hundred octets; acknowledgements of ended sessions are the longest (1,000 ids: 39 kB).
MAX_REQUEST: Final = 64 * 1024
#: A reply carries at most ``RECORDS_PER_FRAME`` records: 72 kB.
MAX_REPLY: Final = 256 * 1024
RECORDS_PER_FRAME: Final = 1_000
#: Acknowledgements and ended sessions per message; what is over waits for the next reading.
MAX_ENDED: Final = 500

#: session as text (36), up_bytes, down_bytes, up_packets, down_packets, seconds_left. Sixteen octets would be
#: shorter, but turning them into text costs the reader more than all other fields together (measured).
RECORD: Final = struct.Struct(">36sQQQQI")

#: Which role may ask what. Deny by default: a verb that is not here is nobody's.
VERBS: Final[dict[str, frozenset[str]]] = {
    "portal": frozenset({"look", "admit", "revoke"}),
    "console": frozenset({"observe", "revoke"}),
    "monitor": frozenset({"observe", "acknowledge"}),
    "resolver": frozenset({"learn"}),
}


class ProtocolError(ValueError):
    """Bytes that are no frame, or a frame that is no request; the connection ends."""


class Refused(Exception):
    """The enforcer understood and said no.

    ``code`` is one of ``forbidden``, ``invalid``, ``not-a-neighbour``, ``too-many``, ``kernel``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def encode(message: dict[str, Any], records: bytes = b"") -> bytes:
    """One frame."""
    body = json.dumps(message, separators=(",", ":")).encode()
    if records:
        body += b"\n" + records
    return HEADER.pack(len(body)) + body


def decode(body: bytes) -> tuple[dict[str, Any], bytes]:
    """The message of a frame's body and its packed records (empty where there are none)."""
    # JSON of ours holds no raw newline, so the first one ends it.
    text, _, records = body.partition(b"\n")
    try:
        message = json.loads(text)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ProtocolError(f"the frame is not JSON: {error}") from error
    if not isinstance(message, dict):
        raise ProtocolError("the frame is not a JSON object")
    return message, records


def body_length(header: bytes, limit: int) -> int:
    """The length that a header announces; more than ``limit`` is a ``ProtocolError``."""
    length: int = HEADER.unpack(header)[0]
    if not 2 <= length <= limit:
        raise ProtocolError(f"a frame of {length} octets is outside 2..{limit}")
    return length


def pack_records(sessions: Iterable[SessionUsage]) -> bytes:
    """Pack live sessions."""
    pack = RECORD.pack
    return b"".join([pack(session.encode(), *usage, left) for session, usage, left in sessions])


def unpack_records(records: bytes) -> list[SessionUsage]:
    """The inverse of ``pack_records``; a torn record is a ``ProtocolError``."""
    if len(records) % RECORD.size:
        raise ProtocolError("a reading was cut short")
    new = tuple.__new__  # a third of the price of Usage(...), 50,000 times a reading
    return [
        new(SessionUsage, (session.decode(), new(Usage, (up, down, up_packets, down_packets)), left))
        for session, up, down, up_packets, down_packets, left in RECORD.iter_unpack(records)
    ]
