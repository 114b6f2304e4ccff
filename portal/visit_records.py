"""Rows of visits, read and written for ``portal.visits``; every function works in its caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from monitoring.tables import SessionUsage
from portal.tables import Visit as Row


@dataclass(frozen=True, slots=True)
class Record:
    """One visit as it was written down."""

    id: str
    person: str
    device: str
    hotspot: str
    started_at: datetime
    expires_at: datetime
    extensions: int
    bytes_limit: int | None
    ended_at: datetime | None = None
    end_reason: str | None = None


_COLUMNS: Final = tuple(getattr(Row, name) for name in Record.__dataclass_fields__)


def get(connection: Connection, visit: str) -> Record | None:
    """One visit, live or over."""
    row = connection.execute(select(*_COLUMNS).where(Row.id == visit)).one_or_none()
    return None if row is None else Record(*row)


def last_of(connection: Connection, device: str) -> Record | None:
    """The newest visit of a device on the day of its pseudonym."""
    query = select(*_COLUMNS).where(Row.device == device).order_by(Row.started_at.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else Record(*row)


def add(connection: Connection, record: Record) -> None:
    """A new visit; one of the same device that nobody has seen ending is closed first."""
    expired = (Row.device == record.device, Row.ended_at.is_(None), Row.expires_at <= record.started_at)
    connection.execute(update(Row).where(*expired).values(ended_at=Row.expires_at, end_reason="expired"))
    _close(connection, Row.device == record.device, record.started_at, "replaced")
    connection.execute(insert(Row).values({name: getattr(record, name) for name in Record.__dataclass_fields__}))


def forget_before(connection: Connection, moment: datetime) -> None:
    """Delete what is older than the privacy notice promises; usage then belongs to nobody."""
    connection.execute(delete(Row).where(Row.started_at < moment, Row.expires_at < moment))


def remove(connection: Connection, visit: str) -> None:
    """Forget a visit that never came to be."""
    connection.execute(delete(Row).where(Row.id == visit))


def renew(connection: Connection, before: Record, after: Record) -> bool:
    """Change time, limit and extensions, unless somebody did since ``before`` was read."""
    changed = connection.execute(
        update(Row)
        .where(
            Row.id == before.id,
            Row.extensions == before.extensions,
            Row.expires_at == before.expires_at,
            Row.ended_at.is_(None),
        )
        .values(expires_at=after.expires_at, extensions=after.extensions, bytes_limit=after.bytes_limit)
    )
    return changed.rowcount == 1


def close(connection: Connection, visit: str, now: datetime, reason: str) -> None:
    """Write down that a visit is over; one that is already keeps its first reason."""
    _close(connection, Row.id == visit, now, reason)


def measured_reason(connection: Connection, visit: str) -> str | None:
    """Why the enforcer ended it, as far as the monitor has recorded that."""
    return connection.execute(
        select(SessionUsage.end_reason).where(SessionUsage.session == visit)
    ).scalar_one_or_none()


def _close(connection: Connection, which: ColumnElement[bool], now: datetime, reason: str) -> None:
    connection.execute(update(Row).where(which, Row.ended_at.is_(None)).values(ended_at=now, end_reason=reason))
