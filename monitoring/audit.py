"""The audit log: written in the transaction of what it tells of, read, and never changed.

There is no way here to alter or remove an entry, and the database's triggers refuse it to everybody else.
An entry names staff by their account and visitors by pseudonym or session id: never a person, a MAC address, a
domain or a secret.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select

from monitoring.tables import AuditEntry


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]


def record(
    connection: Connection,
    actor: str,
    action: str,
    subject: str,
    detail: Mapping[str, Any],
    at: datetime,
) -> None:
    """Add one entry; it stands exactly when the caller's transaction does.

    ``action`` is a dotted verb such as ``session.end``; ``detail`` must be JSON.
    """
    row = {"at": at, "actor": actor, "action": action, "subject": subject, "detail": dict(detail)}
    connection.execute(insert(AuditEntry).values(row))


def entries(connection: Connection, limit: int, offset: int = 0) -> Sequence[Entry]:
    """The newest ``limit`` entries after ``offset`` newer ones."""
    columns = (
        AuditEntry.id,
        AuditEntry.at,
        AuditEntry.actor,
        AuditEntry.action,
        AuditEntry.subject,
        AuditEntry.detail,
    )
    rows = connection.execute(select(*columns).order_by(AuditEntry.id.desc()).limit(limit).offset(offset)).all()
    return [Entry(*row) for row in rows]


def count(connection: Connection) -> int:
    """How many entries there are."""
    return connection.execute(select(func.count(AuditEntry.id))).scalar_one()
